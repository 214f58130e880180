/** The API: REST for people and programs. `buildApi` makes it, `openApi` lets it listen. */
import { type AddressInfo, isIPv6 } from 'node:net'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { AllowedKeys } from '../allowed-keys.ts'
import type { Clock } from '../clock.ts'
import type { Name } from '../dns/name.ts'
import type { Metric } from '../metrics.ts'
import type { PetnameBook } from '../petnames.ts'
import type { Packets } from '../publisher/packets.ts'
import type { Publisher } from '../publisher/published.ts'
import { formatEndpoint } from '../resolver/config.ts'
import { listenReason } from '../resolver/listeners/listener.ts'
import type { Answer } from '../resolver/query.ts'
import type { QueryLog } from '../resolver/query-log.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import { admission, secureHeaders } from './admission.ts'
import { allowedRoutes } from './allowed-routes.ts'
import { docsRoutes, withExamples } from './docs.ts'
import { dyndnsRoutes } from './dyndns-routes.ts'
import type { Grants } from './grants.ts'
import { lookupRoutes } from './lookup-routes.ts'
import { refuseOtherMethods } from './methods.ts'
import { nodeRoutes } from './node-routes.ts'
import { packetRoutes } from './packet-routes.ts'
import { petnameRoutes } from './petname-routes.ts'
import { asHttpFault, HttpFault, handleErrors, sendProblem } from './problem.ts'
import { queryRoutes } from './query-routes.ts'
import { recordRoutes } from './record-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { tokenRoutes } from './token-routes.ts'
import { openSocket } from './unix-socket.ts'
import { zoneRoutes } from './zone-routes.ts'
import { acceptZoneFiles } from './zone-text.ts'

export interface ApiConfig {
  readonly listen: { readonly host: string; readonly port: number }
  /** Octets. */
  readonly maxBody: number
  /** Milliseconds until a request has to be complete. */
  readonly requestTimeout: number
  readonly maxConnections: number
  readonly allowedHosts: readonly string[]
  /** Requests that change something, by one address. */
  readonly maxWritesPerMinute: number
  /** Path of a unix socket besides; '' for none. */
  readonly socket: string
}

export interface NodeDescription {
  /** That others find it by, where it has chosen one. */
  readonly name?: string
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly peers: number
  readonly clock: { readonly offsetSeconds: number | null; readonly trusted: boolean }
  /** Of the local network, where this node is in one. */
  readonly local?: { readonly peerId: string; readonly addresses: readonly string[]; readonly peers: number }
  readonly dns: string
  readonly api: string
}

/** What came of reading settings and lists anew. */
export interface Reloaded {
  /** Sentences; with one, nothing has changed. */
  readonly faults: readonly string[]
  /** Keys whose files have come since. */
  readonly keys: readonly string[]
  readonly lists: readonly { readonly file: string; readonly names: number; readonly skipped: number }[]
  /** Settings that have changed and wait for the next start. */
  readonly waiting: readonly string[]
}

export interface ApiDeps {
  readonly config: ApiConfig
  readonly token: string
  /** Tokens that may do less. */
  readonly grants: Grants
  readonly clock: Clock
  readonly suffix: Name
  readonly publisher: Publisher
  readonly petnames: PetnameBook
  /** Keys of others whose zones may lead to private addresses. */
  readonly allowed: AllowedKeys
  readonly directory: Pick<ZoneDirectory, 'find' | 'follow'>
  /** Zones signed elsewhere. */
  readonly packets: Pick<Packets, 'take' | 'list' | 'forget'>
  resolve(question: { name: Name; type: number }, signal: AbortSignal): Promise<Answer>
  /** Questions of late; undefined where none are kept. */
  readonly queries: QueryLog | undefined
  metrics(): Metric[]
  node(): NodeDescription
  reload(): Promise<Reloaded>
  readonly logger: Logger
}

const HEADERS_TIMEOUT = 5000
const KEEP_ALIVE_TIMEOUT = 5000
const MAX_HEADER_OCTETS = 8192
const MAX_REQUESTS_PER_SOCKET = 1000
/** Characters of a part of a path: the longest name there is, each octet of it as \DDD. */
const MAX_PARAM_LENGTH = 1100

export async function buildApi(deps: ApiDeps): Promise<FastifyInstance> {
  const { config, logger } = deps
  const app = fastify({
    bodyLimit: config.maxBody,
    requestTimeout: config.requestTimeout,
    connectionTimeout: config.requestTimeout * 2,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: { headersTimeout: HEADERS_TIMEOUT, maxHeaderSize: MAX_HEADER_OCTETS },
    frameworkErrors: (error, request, reply) => {
      void secureHeaders(request, reply)
      sendProblem(reply, asHttpFault(error))
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  app.server.maxConnections = config.maxConnections
  app.addHook('onRequest', secureHeaders)
  app.addHook(
    'onRequest',
    admission({ ...config, token: deps.token, grants: deps.grants, clock: deps.clock }),
  )
  app.setErrorHandler(handleErrors(logger))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new HttpFault(404, `There is nothing to ${request.method} at ${request.url}; see /openapi.json.`),
    ),
  )
  acceptJson(app)
  acceptZoneFiles(app)
  await app.register(swagger, { openapi: DESCRIPTION, transformObject: withExamples })
  const addRefusals = refuseOtherMethods(app)
  zoneRoutes(app, deps)
  statusRoutes(app, deps)
  recordRoutes(app, deps)
  await app.register(packetRoutes(deps))
  nodeRoutes(app, deps)
  lookupRoutes(app, deps)
  petnameRoutes(app, deps)
  allowedRoutes(app, deps)
  tokenRoutes(app, deps)
  dyndnsRoutes(app, deps)
  queryRoutes(app, deps)
  docsRoutes(app)
  addRefusals()
  await app.ready()
  return app
}

// RFC 8259 8.1: octets that are not UTF-8 are not JSON; decoded leniently they would be published as U+FFFD.
const UTF8 = new TextDecoder('utf-8', { fatal: true })

// An empty body is no body: POST /v1/zones takes none, and some clients send a content type with it all the same.
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : JSON.parse(UTF8.decode(body as Buffer)))
    } catch {
      done(new HttpFault(400, 'The body is not JSON.'))
    }
  })
}

const DESCRIPTION = {
  info: {
    title: 'KadNS',
    version: '1',
    description: 'Names that belong to keys: make zones, fill them with records, ask for names.',
  },
  components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
}

export interface Api extends AsyncDisposable {
  /** `host:port`, the port it was given when it asked for any. */
  readonly address: string
}

/** A door that cannot be opened. The message is a sentence that names it. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
}

/** @throws ApiFault */
export async function openApi(deps: ApiDeps): Promise<Api> {
  const app = await buildApi(deps)
  const { listen, socket } = deps.config
  await using opening = new AsyncDisposableStack()
  opening.defer(async () => await app.close())
  await app.listen({ ...listen, ipv6Only: isIPv6(listen.host) }).catch(cannotListen(formatEndpoint(listen)))
  if (socket !== '') opening.use(await openSocket(app, socket).catch(cannotListen(socket)))
  const { address, port } = app.server.address() as AddressInfo
  const open = opening.move()
  return {
    address: formatEndpoint({ host: address, port }),
    [Symbol.asyncDispose]: async () => await open.disposeAsync(),
  }
}

function cannotListen(where: string): (cause: unknown) => never {
  return (cause) => {
    throw new ApiFault(`REST cannot listen on ${where}: ${listenReason(cause)}.`, { cause })
  }
}
