/** How far a zone of this node has got among other nodes, over HTTP: as it is, or as it goes on. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Publisher } from '../publisher/published.ts'
import type { PublicKey } from '../zone/key.ts'
import { formatTime } from '../zone/signed-zone.ts'
import { EVENT_STREAM, NDJSON, openEvents, wantsEvents } from './event-stream.ts'
import { Refusals, Sequence, ZoneParams } from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { keyFrom, unknownZone } from './zone-routes.ts'

const ZoneStatus = Type.Object({
  sequence: Sequence,
  state: Type.Union(
    ['waiting', 'publishing', 'published', 'superseded'].map((word) => Type.Literal(word)),
    {
      description:
        'waiting: no other node could be reached; publishing: being handed on or read back; superseded: another device has signed a newer one.',
    },
  ),
  storedOn: Type.Integer(),
  acknowledgedBy: Type.Array(Type.String(), { description: 'Peer ids.' }),
  nextPut: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'When it is handed on again by itself.',
  }),
  superseded: Type.Optional(Type.String()),
})

const STATUS = {
  summary:
    "What has become of this node's zone on its way to others; with Accept: text/event-stream or application/x-ndjson as it goes on",
  params: ZoneParams,
  produces: ['application/json', EVENT_STREAM, NDJSON],
  response: { 200: ZoneStatus, ...Refusals },
}

export function statusRoutes(app: FastifyInstance, { publisher }: Pick<ApiDeps, 'publisher'>): void {
  app.get<{ Params: { key: string } }>('/v1/zones/:key/status', { schema: STATUS }, (request, reply) => {
    const key = keyFrom(request.params.key)
    const status = statusOf(publisher, key)
    if (!wantsEvents(request)) return reply.send(status)
    followStatus(key, publisher, { request, reply })
    return reply
  })
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** @throws HttpFault 404 */
function statusOf(publisher: Publisher, key: PublicKey) {
  const zone = publisher.get(key)
  const status = publisher.statusOf(key)
  if (!zone || !status) throw unknownZone(key.label)
  const { storedOn, acknowledgedBy, nextPut, superseded } = status
  const next = nextPut === undefined ? null : (formatTime(nextPut) ?? null)
  const shown = {
    sequence: String(zone.sequence),
    state: stateOf(status),
    storedOn,
    acknowledgedBy,
    nextPut: next,
  }
  return superseded === undefined ? shown : { ...shown, superseded: String(superseded) }
}

function stateOf({ superseded, nextPut, storedOn }: NonNullable<ReturnType<Publisher['statusOf']>>): string {
  if (superseded !== undefined) return 'superseded'
  if (nextPut === undefined) return 'publishing'
  return storedOn === 0 ? 'waiting' : 'published'
}

/** An event for each change, until it is on its way no more. */
function followStatus(key: PublicKey, publisher: Publisher, { request, reply }: Exchange): void {
  const events = openEvents(request, reply)
  const tell = () => {
    const status = publisher.get(key) ? statusOf(publisher, key) : undefined
    if (status) events.tell(status)
    if (status?.state !== 'publishing') close()
  }
  const watching = publisher.watch((changed) => {
    if (changed.label === key.label) tell()
  })
  const close = () => {
    watching[Symbol.dispose]()
    events.end()
  }
  events.signal.addEventListener('abort', close)
  tell()
}
