/** Zones that were signed elsewhere, published by this node, which needs no key for that. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { PacketSeries } from '../publisher/packets.ts'
import { formatTime, verifyZone } from '../zone/signed-zone.ts'
import { HttpFault } from './problem.ts'
import { PublishedZone, Refusals, TOKEN_NEEDED, ZoneParams } from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { keyFrom } from './zone-routes.ts'

const OCTETS = 'application/octet-stream'

const { sequence, expires, storedOn } = PublishedZone.properties
const Due = Type.String({ description: 'ISO 8601: when it is published; it waits here until then.' })
const WaitingPacket = Type.Object({ sequence, expires, due: Due })
const PacketList = Type.Object({
  packets: Type.Array(
    Type.Object({
      key: Type.String(),
      sequence: Type.Union([sequence, Type.Null()], {
        description: 'Of the one that is published now; null before the first is due.',
      }),
      storedOn,
      left: Type.Integer({ description: 'Packets that are not due yet.' }),
      next: Type.Union([Due, Type.Null()]),
      until: Type.Union([Type.String(), Type.Null()], {
        description: 'ISO 8601: when the last of them expires, and the names with it; null: never.',
      }),
    }),
  ),
})

const PUT = {
  summary:
    'Publish a zone that was signed elsewhere: the octets of a signed zone as application/octet-stream. One signed for a time to come waits here for it.',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  consumes: [OCTETS],
  response: { 200: PublishedZone, 202: WaitingPacket, ...Refusals },
}
const LIST = {
  summary: 'Zones signed elsewhere that this node publishes, and how many of each are left',
  response: { 200: PacketList, ...Refusals },
}
const FORGET = {
  summary: 'Publish the packets of a key no more; others have the last until it expires',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  response: { 200: Type.Object({ removed: Type.Integer() }), ...Refusals },
}

type WithKey = { Params: { key: string } }
const PUBLISHES = { needs: 'publish' } as const

/** In a scope of its own: nothing else takes octets. */
export function packetRoutes({ packets }: ApiDeps) {
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(OCTETS, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

    app.put<WithKey>(
      '/v1/zones/:key/packet',
      { schema: PUT, config: PUBLISHES },
      async ({ params, body }, reply) => {
        const key = keyFrom(params.key)
        if (!Buffer.isBuffer(body))
          throw new HttpFault(415, `The body has to be a signed zone, sent with Content-Type: ${OCTETS}.`)
        const zone = verifyZone(body, key)
        const taken = await packets.take(zone)
        const told = { sequence: String(zone.sequence), expires: formatTime(zone.expires) ?? null }
        if (taken.due === undefined) return { ...told, storedOn: taken.storedOn }
        return reply.code(202).send({ ...told, due: formatTime(taken.due) ?? 'never' })
      },
    )

    app.get('/v1/packets', { schema: LIST }, async () => ({ packets: packets.list().map(describe) }))

    app.delete<WithKey>(
      '/v1/zones/:key/packet',
      { schema: FORGET, config: PUBLISHES },
      async ({ params }) => {
        const removed = await packets.forget(keyFrom(params.key))
        if (removed === 0) throw new HttpFault(404, `This node publishes no packet of ${params.key}.`)
        return { removed }
      },
    )
  }
}

function describe({ key, current, next, storedOn }: PacketSeries) {
  const last = next.at(-1) ?? current
  const [soonest] = next
  return {
    key: key.label,
    sequence: current ? String(current.sequence) : null,
    storedOn,
    left: next.length,
    next: soonest ? (formatTime(Number(soonest.sequence / 1000n)) ?? null) : null,
    until: last ? (formatTime(last.expires) ?? null) : null,
  }
}
