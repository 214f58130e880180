/** Zones that were signed elsewhere, handed on by this node, which needs no key for that. */
import type { FastifyInstance } from 'fastify'
import { publicKeyFromLabel } from '../zone/key.ts'
import { formatTime, verifyZone } from '../zone/signed-zone.ts'
import { HttpFault } from './problem.ts'
import { PublishedZone, Refusals, TOKEN_NEEDED, ZoneParams } from './schemas.ts'
import type { ApiDeps } from './server.ts'

const OCTETS = 'application/octet-stream'

const PUT = {
  summary:
    'Hand on a zone that was signed elsewhere: the octets of a signed zone as application/octet-stream',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  consumes: [OCTETS],
  response: { 200: PublishedZone, ...Refusals },
}

/** In a scope of its own: nothing else takes octets. */
export function packetRoutes({ publishPacket }: ApiDeps) {
  return async (app: FastifyInstance): Promise<void> => {
    const closing = new AbortController()
    app.addHook('preClose', async () => closing.abort())
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(OCTETS, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

    app.put<{ Params: { key: string } }>(
      '/v1/zones/:key/packet',
      { schema: PUT, config: { needs: 'publish' } },
      async (request) => {
        const { params, body } = request
        const key = publicKeyFromLabel(params.key)
        if (!key) throw new HttpFault(404, `"${params.key}" is no key: a key has 52 characters of z-base-32.`)
        if (!Buffer.isBuffer(body))
          throw new HttpFault(415, `The body has to be a signed zone, sent with Content-Type: ${OCTETS}.`)
        const zone = verifyZone(body, key)
        const { storedOn } = await publishPacket(zone, closing.signal)
        return { sequence: String(zone.sequence), expires: formatTime(zone.expires) ?? null, storedOn }
      },
    )
  }
}
