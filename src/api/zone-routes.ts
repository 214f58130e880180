/** Zones of this node over HTTP: made, listed, shown, and filled with records. */
import type { FastifyInstance } from 'fastify'
import { formatName, joinNames } from '../dns/name.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { formatRecordText } from '../zone/records.ts'
import { contentOf, formatTime, type SignedZone } from '../zone/signed-zone.ts'
import { etagOf, isAmong } from './etag.ts'
import { HttpFault } from './problem.ts'
import { CreatedZone, Refusals, TOKEN_NEEDED, ZoneDetail, ZoneList, ZoneParams } from './schemas.ts'
import type { ApiDeps } from './server.ts'

const CREATE = {
  summary: 'Make a key and its zone',
  security: TOKEN_NEEDED,
  response: { 201: CreatedZone, ...Refusals },
}
const LIST = { summary: "This node's zones", response: { 200: ZoneList } }
const SHOW = {
  summary: 'One zone and its records',
  params: ZoneParams,
  response: { 200: ZoneDetail, ...Refusals },
}
type WithKey = { Params: { key: string } }

export function zoneRoutes(app: FastifyInstance, { publisher, suffix }: ApiDeps): void {
  const summary = (zone: SignedZone) => ({
    key: zone.key.label,
    name: formatName(joinNames(zone.key.apex, suffix)).slice(0, -1),
    sequence: String(zone.sequence),
    expires: formatTime(zone.expires) ?? null,
  })

  const status = (key: PublicKey) => {
    const { storedOn = 0, superseded } = publisher.statusOf(key) ?? {}
    return superseded === undefined ? { storedOn } : { storedOn, superseded: String(superseded) }
  }

  app.post('/v1/zones', { schema: CREATE }, async (_, reply) => {
    const { key, name } = summary(await publisher.create())
    return reply.code(201).send({ key, name })
  })

  app.get('/v1/zones', { schema: LIST }, async () => ({ zones: publisher.list().map(summary) }))

  app.get<WithKey>('/v1/zones/:key', { schema: SHOW }, async ({ params, headers }, reply) => {
    const zone = publisher.get(keyFrom(params.key))
    if (!zone) throw unknownZone(params.key)
    reply.header('etag', etagOf(zone))
    if (isAmong(headers['if-none-match'], zone)) return reply.code(304).send()
    const records = contentOf(zone).map((record) => formatRecordText(record, zone.key))
    return { ...summary(zone), ...status(zone.key), records }
  })
}

export function keyFrom(label: string): PublicKey {
  const key = publicKeyFromLabel(label)
  if (!key) throw new HttpFault(404, `"${label}" is no key: a key has 52 characters of z-base-32.`)
  return key
}

export function unknownZone(label: string): HttpFault {
  return new HttpFault(404, `This node holds no key for zone ${label}.`)
}
