/** Records of this node's zones over HTTP: all of a zone replaced, or those of one name and type. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ResourceRecord } from '../dns/message.ts'
import type { Publisher } from '../publisher/published.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { contentOf, formatTime, type SignedZone } from '../zone/signed-zone.ts'
import { allows } from './admission.ts'
import { etagOf, refuseUnlessMatching } from './etag.ts'
import { HttpFault } from './problem.ts'
import {
  contentFromBody,
  isOf,
  type RecordSet,
  recordSetFrom,
  withoutRecordSet,
  withRecordSet,
} from './record-body.ts'
import { patched, patchFromBody } from './record-patch.ts'
import {
  PublishedZone,
  RecordSetBody,
  RecordSetParams,
  RecordsBody,
  Refusals,
  TOKEN_NEEDED,
  WrittenZone,
  ZoneParams,
  ZonePatch,
} from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { keyFrom, unknownZone } from './zone-routes.ts'
import { sizeFault } from './zone-size.ts'
import { ZONE_FILE } from './zone-text.ts'

const COMMON = {
  description:
    'The ETag of a zone is its sequence. With If-Match: 412 where another has written since, on this device or another.',
  security: TOKEN_NEEDED,
  response: { 200: PublishedZone, ...Refusals },
}
const REPLACE = {
  ...COMMON,
  summary: 'Replace all records: JSON, or a zone file as text/dns, whose SOA and own NS are left out',
  params: ZoneParams,
  consumes: ['application/json', ZONE_FILE],
  body: RecordsBody,
  response: { 200: WrittenZone, ...Refusals },
}
const PATCH = {
  ...COMMON,
  summary:
    'Put records in place of those of the same name and type, delete others, and leave the rest; all at once',
  params: ZoneParams,
  body: ZonePatch,
}
const REPLACE_SET = {
  ...COMMON,
  summary: 'Replace the records of one name and type; the others stay',
  params: RecordSetParams,
  body: RecordSetBody,
}
const DELETE_SET = {
  ...COMMON,
  summary: 'Delete the records of one name and type; 404 where there are none',
  params: RecordSetParams,
}

type WithKey = { Params: { key: string } }
type WithSet = { Params: { key: string; name: string; type: string } }
/** What becomes of the records of a zone. */
type Change = (newest: SignedZone) => ResourceRecord[]

// Bodies are checked by record-body.ts, whose faults say more than a schema's.
const CHECKED_THERE = { attachValidation: true }
const PUBLISHING = { config: { needs: 'publish' } } as const
const OF_ONE_SET = { config: { needs: 'set' } } as const
const SET = '/v1/zones/:key/records/:name/:type'

export function recordRoutes(app: FastifyInstance, { publisher, suffix }: ApiDeps): void {
  const ownKey = (label: string): PublicKey => {
    const key = keyFrom(label)
    if (!publisher.get(key)) throw unknownZone(label)
    return key
  }

  const write = (key: PublicKey, change: Change, exchange: Exchange) =>
    writeRecords(publisher, { key, change }, exchange)

  app.put<WithKey>(
    '/v1/zones/:key/records',
    { schema: REPLACE, ...PUBLISHING, ...CHECKED_THERE },
    async (request, reply) => {
      const key = ownKey(request.params.key)
      const { records, left } = contentFromBody(request.body, { key, suffix })
      const written = await write(key, () => records, { request, reply })
      return { ...written, ...(left.length > 0 && { left }) }
    },
  )

  app.patch<WithKey>(
    '/v1/zones/:key/records',
    { schema: PATCH, ...PUBLISHING, ...CHECKED_THERE },
    async (request, reply) => {
      const key = ownKey(request.params.key)
      const patch = patchFromBody(request.body, { key, suffix })
      return await write(key, (newest) => patched(newest, patch), { request, reply })
    },
  )

  app.put<WithSet>(SET, { schema: REPLACE_SET, ...OF_ONE_SET, ...CHECKED_THERE }, async (request, reply) => {
    const key = ownKey(request.params.key)
    const set = recordSetFrom(request.params, { key, suffix })
    refuseUnlessAllowed(request, { key, set })
    const change: Change = (newest) => withRecordSet(newest, request.body, { key, suffix, set })
    return await write(key, change, { request, reply })
  })

  app.delete<WithSet>(SET, { schema: DELETE_SET, ...OF_ONE_SET }, async (request, reply) => {
    const { params } = request
    const key = ownKey(params.key)
    const set = recordSetFrom(params, { key, suffix })
    refuseUnlessAllowed(request, { key, set })
    const change: Change = (newest) => {
      if (contentOf(newest).some((record) => isOf(set, record))) return withoutRecordSet(newest, set)
      throw new HttpFault(404, `The zone has no ${params.type.toUpperCase()} record of "${params.name}".`)
    }
    return await write(key, change, { request, reply })
  })
}

function refuseUnlessAllowed(
  request: FastifyRequest,
  { key, set: { name, type } }: { readonly key: PublicKey; readonly set: RecordSet },
): void {
  if (allows(request, { key, name, types: [type] })) return
  throw new HttpFault(403, 'This token may write another set of records, and not this one.')
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

async function writeRecords(
  publisher: Publisher,
  { key, change }: { readonly key: PublicKey; readonly change: Change },
  { request, reply }: Exchange,
) {
  let records: ResourceRecord[] = []
  const written = publisher.change(key, (newest) => {
    refuseUnlessMatching(request.headers['if-match'], newest)
    records = change(newest)
    return records
  })
  const { zone, storedOn } = await written.catch((fault: unknown) => {
    throw fault instanceof ZoneFault && fault.reason === 'size' ? sizeFault(records, key) : fault
  })
  reply.header('etag', etagOf(zone))
  return { sequence: String(zone.sequence), expires: formatTime(zone.expires) ?? null, storedOn }
}
