/**
 * A pkarr relay: a door of its own where programs that know nothing of us put signed packets and get them, without a token.
 * Its shapes are those of pkarr's design/relays.md.
 */
import { type AddressInfo, isIPv6 } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { Buckets } from '../rate.ts'
import { formatEndpoint } from '../resolver/config.ts'
import { listenReason } from '../resolver/listeners/listener.ts'
import type { Lookup, ZoneDirectory } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import { KEY_OCTETS, type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { contentOf, MAX_ZONE_OCTETS, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { type ApiConfig, ApiFault } from './server.ts'

export interface RelayConfig {
  /** None: there is no relay. */
  readonly listen: readonly { readonly host: string; readonly port: number }[]
  /** Requests of one address that are answered in a second; five times as many at once. */
  readonly maxRequestsPerSecond: number
}

export interface RelayDeps {
  readonly config: RelayConfig
  /** Of every door over HTTP. */
  readonly limits: Pick<ApiConfig, 'requestTimeout' | 'maxConnections'>
  readonly directory: Pick<ZoneDirectory, 'find' | 'relay'>
  readonly clock: Clock
  readonly logger: Logger
}

export interface Relay extends AsyncDisposable {
  /** `host:port` of each door. */
  readonly addresses: readonly string[]
}

/** A packet without its key, which stands in the path. */
const MAX_PAYLOAD_OCTETS = MAX_ZONE_OCTETS - KEY_OCTETS
const PAYLOAD_TYPE = 'application/pkarr.org/relays#payload'
const STORED = 'pkarr-dht-stored-nodes'
/** Seconds others may keep what they got: the least TTL in it, within these. */
const MAX_AGE = { least: 300, most: 86_400 }
const BURST_SECONDS = 5
const HEADERS_TIMEOUT = 5000
const MAX_HEADER_OCTETS = 8192

/** @throws ApiFault */
export async function openRelay(deps: RelayDeps): Promise<Relay> {
  await using opening = new AsyncDisposableStack()
  const addresses: string[] = []
  // One count for all doors: an address is one client.
  const rates = new Buckets(rateOf(deps.config), deps.clock)
  for (const listen of deps.config.listen) {
    const app = buildRelay(deps, rates)
    opening.defer(async () => await app.close())
    await app.listen({ ...listen, ipv6Only: isIPv6(listen.host) }).catch((cause: unknown) => {
      const where = formatEndpoint(listen)
      throw new ApiFault(`The relay cannot listen on ${where}: ${listenReason(cause)}.`, { cause })
    })
    const { address, port } = app.server.address() as AddressInfo
    addresses.push(formatEndpoint({ host: address, port }))
  }
  const open = opening.move()
  return { addresses, [Symbol.asyncDispose]: async () => await open.disposeAsync() }
}

function rateOf({ maxRequestsPerSecond }: RelayConfig) {
  return { perSecond: maxRequestsPerSecond, burst: BURST_SECONDS * maxRequestsPerSecond }
}

export function buildRelay(
  deps: RelayDeps,
  rates = new Buckets(rateOf(deps.config), deps.clock),
): FastifyInstance {
  const { requestTimeout, maxConnections } = deps.limits
  const app = fastify({
    bodyLimit: MAX_PAYLOAD_OCTETS,
    requestTimeout,
    connectionTimeout: requestTimeout * 2,
    forceCloseConnections: true,
    http: { headersTimeout: HEADERS_TIMEOUT, maxHeaderSize: MAX_HEADER_OCTETS },
    frameworkErrors: (_error, _request, reply) => void say(reply, 400, 'The path is not well-formed.'),
  })
  app.server.maxConnections = maxConnections
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())
  app.addHook('onRequest', async (request, reply) => {
    allowEveryPage(reply)
    if (!rates.take(request.ip))
      await say(reply.header('retry-after', '1'), 429, 'There are too many requests from this address.')
  })
  // Clients name their own types, or none.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  // It is no media type, so fastify would put its own in its place: set when that has been done.
  app.addHook('onSend', async (_request, reply, payload) => {
    if (payload instanceof Uint8Array) reply.header('content-type', PAYLOAD_TYPE)
  })
  app.setErrorHandler((error, _request, reply) => sayFault(reply, error, deps.logger))
  app.setNotFoundHandler((_request, reply) => say(reply, 404, 'There are packets at /<key>.'))
  const { signal } = closing
  app.options('/*', (_request, reply) => reply.code(204).send())
  app.get('/:key', async (request, reply) => await answerGet({ request, reply }, deps, signal))
  app.put('/:key', async (request, reply) => await answerPut({ request, reply }, deps, signal))
  return app
}

/** A page of any origin may use it: there is nothing here that is not for everybody. */
function allowEveryPage(reply: FastifyReply): void {
  reply.headers({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, PUT, OPTIONS',
    'access-control-allow-headers': '*',
    'access-control-expose-headers': STORED,
    'access-control-max-age': '86400',
    'x-content-type-options': 'nosniff',
  })
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

async function answerGet({ request, reply }: Exchange, { directory }: RelayDeps, signal: AbortSignal) {
  const key = keyOf(request)
  if (!key) return say(reply, 400, 'This is no key: a key has 52 characters of z-base-32.')
  const maxAge = maxAgeOf(request.query)
  if (maxAge === undefined)
    return say(reply, 400, 'The policy is one of CacheFirst, CacheOnly and NetworkOnly.')
  const lookup = await directory.find(key, { signal, maxAge })
  // A revocation is dated in the year 294247: whoever took it for a packet would take nothing after it, and no date of it.
  if (lookup.kind !== 'found' || lookup.zone.revoked) return say(reply, ...noPacket(lookup))
  return answerWith(lookup.zone, { request, reply })
}

function answerWith(zone: SignedZone, { request, reply }: Exchange) {
  const signed = Number(zone.sequence / 1000n)
  reply.headers({
    'cache-control': `public, max-age=${maxAgeFor(zone)}`,
    'last-modified': new Date(signed).toUTCString(),
  })
  const since = Date.parse(request.headers['if-modified-since'] ?? '')
  if (signed <= since) return reply.code(304).send()
  return reply.send(zone.bytes.subarray(KEY_OCTETS))
}

async function answerPut({ request, reply }: Exchange, { directory }: RelayDeps, signal: AbortSignal) {
  const key = keyOf(request)
  if (!key) return say(reply, 400, 'This is no key: a key has 52 characters of z-base-32.')
  if (!Buffer.isBuffer(request.body)) return say(reply, 400, 'A packet is to be the body.')
  const zone = verifyZone(Buffer.concat([key.bytes, request.body]), key)
  const relayed = await directory.relay(zone, { from: request.ip, signal })
  if (relayed.kind === 'busy') return say(reply, 429, 'There are too many new keys from this network.')
  return reply.code(204).header(STORED, String(relayed.storedOn)).send()
}

function keyOf({ params }: FastifyRequest): PublicKey | undefined {
  return publicKeyFromLabel((params as { key: string }).key)
}

/** Seconds a copy may be old; undefined for what is no policy. */
function maxAgeOf(query: unknown): number | undefined {
  const { policy = 'CacheFirst' } = query as { policy?: unknown }
  if (policy === 'CacheFirst' || policy === 'CacheOnly') return Number.POSITIVE_INFINITY
  return policy === 'NetworkOnly' ? 0 : undefined
}

function maxAgeFor(zone: SignedZone): number {
  const least = Math.min(MAX_AGE.most, ...contentOf(zone).map(({ ttl }) => ttl))
  return Math.max(MAX_AGE.least, least)
}

function noPacket(lookup: Lookup): [status: number, sentence: string] {
  switch (lookup.kind) {
    case 'found':
      return [404, 'This key was revoked.']
    case 'absent':
      return [404, 'Nobody holds a packet of this key.']
    case 'bogus':
      return [404, 'What others hold under this key is no packet of it.']
    case 'unreachable':
      return [503, `It cannot be said whether there is a packet of this key: ${lookup.cause}`]
  }
}

function sayFault(reply: FastifyReply, error: unknown, logger: Logger) {
  if (error instanceof ZoneFault) return say(reply, error.reason === 'older' ? 409 : 400, error.message)
  const { statusCode = 500, code } = error as { statusCode?: number; code?: string }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return say(reply, 413, `A packet without its key has at most ${MAX_PAYLOAD_OCTETS} octets.`)
  if (statusCode < 500) return say(reply, statusCode, 'The request is not well-formed.')
  logger.error({ err: error }, 'a request to the relay failed for a reason nobody foresaw')
  return say(reply, 500, 'Something went wrong in this node; its log says what.')
}

function say(reply: FastifyReply, status: number, sentence: string) {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${sentence}\n`)
}
