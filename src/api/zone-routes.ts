/** Zones over HTTP: this node's made, listed, shown, followed on their way and put away; and anybody's shown. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formatName, joinNames } from '../dns/name.ts'
import type { Publisher } from '../publisher/published.ts'
import type { Lookup } from '../zone/directory.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { formatRecordText } from '../zone/records.ts'
import { contentOf, formatTime, type SignedZone } from '../zone/signed-zone.ts'
import type { ZoneSoa } from '../zone/soa.ts'
import { exportZoneFile } from '../zone/zone-file.ts'
import { etagOf, isAmong } from './etag.ts'
import { HttpFault } from './problem.ts'
import { contentFromBody, isObject } from './record-body.ts'
import {
  ForgottenZone,
  MadeZone,
  RecordsBody,
  Refusals,
  TOKEN_NEEDED,
  ZoneDetail,
  ZoneList,
  ZoneParams,
  ZoneScope,
} from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { prefers, ZONE_FILE } from './zone-text.ts'

const CREATE = {
  summary: 'Make a key and its zone, empty or of these records: JSON, or a zone file as text/dns',
  security: TOKEN_NEEDED,
  consumes: ['application/json', ZONE_FILE],
  querystring: ZoneScope,
  body: RecordsBody,
  response: { 201: MadeZone, ...Refusals },
}
const LIST = { summary: "This node's zones", response: { 200: ZoneList } }
const SHOW = {
  summary: "One zone and its records, this node's or anybody's; with Accept: text/dns as a zone file",
  params: ZoneParams,
  produces: ['application/json', ZONE_FILE],
  response: { 200: ZoneDetail, ...Refusals },
}
const FORGET = {
  summary: 'Sign this zone no more, and put its key away on disk; others have it until it expires',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  response: { 200: ForgottenZone, ...Refusals },
}
type WithKey = { Params: { key: string } }
// The body is checked by record-body.ts, whose faults say more than a schema's.
const CHECKED_THERE = { attachValidation: true }

export function zoneRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { publisher, suffix, directory } = deps
  const summary = (zone: SignedZone) => ({
    key: zone.key.label,
    name: formatName(joinNames(zone.key.apex, suffix)).slice(0, -1),
    sequence: String(zone.sequence),
    expires: formatTime(zone.expires) ?? null,
  })

  const show = (zone: SignedZone, more: object, { request, reply }: Exchange) => {
    reply.header('etag', etagOf(zone)).header('vary', 'Accept')
    if (isAmong(request.headers['if-none-match'], zone)) return reply.code(304).send()
    // With no serializer of the schema: a string is sent as it is.
    if (prefers(ZONE_FILE, request.headers.accept))
      return reply.type(`${ZONE_FILE}; charset=utf-8`).serializer(String).send(exportZoneFile(zone))
    const records = contentOf(zone).map((record) => formatRecordText(record, zone.key))
    return { ...summary(zone), scope: zone.soa.scope, ...more, records }
  }

  app.post<{ Querystring: { scope?: ZoneSoa['scope'] } }>(
    '/v1/zones',
    { schema: CREATE, config: { needs: 'publish' }, ...CHECKED_THERE },
    async ({ body, query: { scope = 'any' } }, reply) => {
      if (!['any', 'lan', 'wan'].includes(scope))
        throw new HttpFault(400, 'The scope is one of any, lan and wan.')
      let left: string[] = []
      const content = (key: PublicKey) => {
        if (body === undefined || (isObject(body) && Object.keys(body).length === 0)) return []
        const read = contentFromBody(body, { key, suffix })
        left = read.left
        return read.records
      }
      const zone = await publisher.create({ content, scope })
      const { key, name } = summary(zone)
      return reply.code(201).send({ key, name, ...(left.length > 0 && { left }) })
    },
  )

  app.get('/v1/zones', { schema: LIST }, async () => {
    const listed = publisher.list().map(async (zone) => ({
      ...summary(zone),
      backup: await publisher.isBackedUp(zone.key),
    }))
    return { zones: await Promise.all(listed) }
  })

  app.get<WithKey>('/v1/zones/:key', { schema: SHOW }, async (request, reply) => {
    const key = keyFrom(request.params.key)
    const own = publisher.get(key)
    const backup = await publisher.isBackedUp(key)
    if (own) return show(own, { own: true, backup, ...copiesOf(publisher, key) }, { request, reply })
    const { zone, ...more } = await anybodys(key, directory, request.signal)
    return show(zone, { own: false, ...more }, { request, reply })
  })

  app.delete<WithKey>('/v1/zones/:key', { schema: FORGET }, async ({ params }) => {
    const directory = await publisher.forget(keyFrom(params.key))
    return { directory }
  })
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function copiesOf(publisher: Publisher, key: PublicKey) {
  const { storedOn = 0, superseded } = publisher.statusOf(key) ?? {}
  return superseded === undefined ? { storedOn } : { storedOn, superseded: String(superseded) }
}

/** A zone of whomever, confirmed just now where anybody could be asked. @throws HttpFault 404 or 504 */
async function anybodys(
  key: PublicKey,
  directory: ApiDeps['directory'],
  signal: AbortSignal,
): Promise<{ zone: SignedZone; copies: number; age?: number }> {
  const [lookup, { copies }] = await Promise.all([
    directory.find(key, { signal, maxAge: 0 }),
    directory.follow(key, { signal, until: 'closest' }),
  ])
  if (lookup.kind !== 'found') throw notFound(key, lookup)
  const { zone, age } = lookup
  if (zone.revoked) throw new HttpFault(410, `The key ${key.label} was revoked; its zone is no more.`)
  return { zone, copies, ...(Number.isFinite(age) && { age: Math.round(age) }) }
}

function notFound({ label }: PublicKey, lookup: Exclude<Lookup, { kind: 'found' }>): HttpFault {
  if (lookup.kind === 'absent') return new HttpFault(404, `Nobody holds a zone ${label}.`)
  if (lookup.kind === 'unreachable') return new HttpFault(504, lookup.cause)
  return new HttpFault(502, `All that came back for zone ${label} is forged or damaged.`)
}

export function keyFrom(label: string): PublicKey {
  const key = publicKeyFromLabel(label)
  if (!key) throw new HttpFault(404, `"${label}" is no key: a key has 52 characters of z-base-32.`)
  return key
}

export function unknownZone(label: string): HttpFault {
  return new HttpFault(404, `This node holds no key for zone ${label}.`)
}
