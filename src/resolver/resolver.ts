/** The room put together: cache, layers, upstreams behind one doorway, and the doors in front of it. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ResourceRecord } from '../dns/message.ts'
import { isUnder, type Name } from '../dns/name.ts'
import { type Metric, single } from '../metrics.ts'
import type { Petnames } from '../names/petname.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import { AnswerCache } from './answer-cache.ts'
import { ClientLimits } from './client-limits.ts'
import { type DnsConfig, type Endpoint, formatEndpoint, type UpstreamConfig } from './config.ts'
import type { Blocking } from './layers/block.ts'
import { localNames } from './layers/local.ts'
import { AllowedClients } from './listeners/allowed.ts'
import type { HandedOver } from './listeners/handed-over.ts'
import { listenHttps } from './listeners/https.ts'
import type { Listener, Place } from './listeners/listener.ts'
import { listenTcp, type TcpDeps } from './listeners/tcp.ts'
import { listenTls } from './listeners/tls.ts'
import { listenUdp } from './listeners/udp.ts'
import type { NameServersDeps } from './name-servers.ts'
import { judging, pipeline } from './pipeline.ts'
import type { Answer } from './query.ts'
import { QueryLog } from './query-log.ts'
import { QuestionCounts } from './question-counts.ts'
import { refreshAhead } from './refresh-ahead.ts'
import { asking, type Serve, serving } from './serve.ts'
import { makeOutgoing } from './upstreams/exchange.ts'
import { PlainChannel } from './upstreams/server.ts'
import { openUpstreams } from './upstreams/upstreams.ts'

export interface ResolverDeps {
  readonly clock: Clock
  readonly config: DnsConfig
  readonly house: House
  /** Folded. */
  readonly suffix: Name
  readonly directory: ZoneDirectory
  readonly petnames: Petnames
  /** Takes UPDATE (RFC 2136), where anybody may. */
  readonly update?: ((packet: Buffer) => Promise<Buffer>) | undefined
  /** Whether a key's zone may lead to private addresses. */
  readonly isTrusted: (key: PublicKey) => boolean
  readonly logger: Logger
  /** In tests: how a name server that a zone hands names over to is asked; else by UDP and TCP at its port 53. */
  readonly askNameServer?: NameServersDeps['askNameServer']
}

export interface Resolver extends Disposable {
  readonly serve: Serve
  /** The answer a packet would get, for the API. */
  ask(question: { name: Name; type: number }, signal: AbortSignal): Promise<Answer>
  metrics(): Metric[]
  /** Undefined where none is kept. */
  readonly log: QueryLog | undefined
  /** From now on these hold, and nothing that was answered before is given again. */
  change(house: House): void
  /** Petnames stand for other keys, or other keys are trusted: nothing that was answered before is given again. */
  keysChanged(): void
}

/** What the owner of this node has laid down, and may change while it runs. */
export interface House {
  readonly records: readonly ResourceRecord[]
  /** What hosts files say. */
  readonly hosts: readonly ResourceRecord[]
  readonly blocking: Blocking
  readonly upstream: UpstreamConfig
}

const LOOP =
  'An upstream server sends the questions it is asked back to this node: ordinary names have no answer that way. ' +
  'Name other servers in [upstream], or have that server ask others.'

const INWARD =
  'Answers led to addresses of this home or machine and were made less (DNS rebinding). Names that may do so belong in ' +
  'upstream.private_names, keys in names.private_addresses.'

const askAtPort53: NameServersDeps['askNameServer'] = async (host, query, signal) => {
  const outgoing = makeOutgoing(query, { edns: true, recursionDesired: false })
  return await new PlainChannel({ host, port: 53 }).ask(outgoing, signal)
}

/** Tells of the first, the tenth, the hundredth… */
function tenfold(tell: (count: number) => void): () => void {
  let count = 0
  let next = 1
  return () => {
    if (++count < next) return
    next *= 10
    tell(count)
  }
}

interface Measured {
  readonly counts: QuestionCounts
  readonly cache: AnswerCache
  readonly limits: ClientLimits
  readonly blocked: number
}

const OVER_LIMIT =
  'Questions and searches refused since a client asked too many (dns.max_questions_per_second, dns.max_searches_per_second).'

function metricsOf({ counts, cache, limits, blocked }: Measured): Metric[] {
  const refused = limits.questions.refused + limits.searches.refused
  return [
    ...counts.metrics(),
    single('gauge', ['kadns_cached_answers', 'Answers in memory.'], cache.size),
    single('gauge', ['kadns_cached_octets', 'Octets they take.'], cache.octets),
    single('gauge', ['kadns_blocked_names', 'Names on block lists.'], blocked),
    single('counter', ['kadns_refused_total', OVER_LIMIT], refused),
  ]
}

export function makeResolver(deps: ResolverDeps): Resolver {
  const { clock, config, suffix, directory, isTrusted, logger } = deps
  const cache = new AnswerCache(clock, { maxOctets: config.cacheOctets, staleFor: config.staleFor })
  const { maxTtl, maxNegativeTtl, maxAliases } = config
  let house = settled(deps.house)
  const upstreams = openUpstreams(deps.house.upstream, clock)
  const mayLeadInward = (name: Name) =>
    upstreams.isApart(name) || house.privateNames.some((known) => isUnder(name, known))
  const laidDown = { localNames: () => house.names, blocking: () => house.blocking, suffix }
  const limits = new ClientLimits({ limits: config, clock, logger })
  const resolve = pipeline({
    maySearch: (address) => limits.searches.take(address),
    ...laidDown,
    clock,
    directory,
    petnames: deps.petnames,
    maxNegativeTtl,
    maxAliases,
    isTrusted,
    askNameServer: deps.askNameServer ?? askAtPort53,
    limits: { maxTtl, maxNegativeTtl, maxAliases },
    upstreams,
    mayLeadInward,
    generation: () => cache.generation,
    leftOut: tenfold((answers) => logger.warn({ answers }, INWARD)),
    report: (fault) => logger.error({ err: fault }, 'a question failed for a reason nobody foresaw'),
    loopFound: () => logger.warn(LOOP),
  })
  const watch = directory.watch((zone) => cache.changed(zone))
  const log = config.queryLog > 0 ? new QueryLog(clock, config.queryLog) : undefined
  const counts = new QuestionCounts()
  const serveDeps = { clock, config, cache, resolve, judge: judging(laidDown) }
  refreshAhead(serveDeps)
  return {
    serve: serving(serveDeps, {
      log,
      counts,
      update: deps.update,
      limits: config.maxQuestionsPerSecond > 0 ? limits : undefined,
    }),
    log,
    metrics: () => metricsOf({ counts, cache, limits, blocked: house.blocking.rules.size }),
    ask: asking(serveDeps),
    keysChanged: () => cache.forgetAll(),
    change: (next) => {
      house = settled(next)
      if (upstreams.change(next.upstream)) cache.forgetAll()
      else cache.forgetFresh()
    },
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]()
      upstreams[Symbol.dispose]()
    },
  }
}

/** As questions are answered by it. */
function settled({ records, hosts, blocking, upstream }: House) {
  return { names: localNames(records, hosts), blocking, privateNames: upstream.privateNames }
}

type DoorDeps = Pick<ResolverDeps, 'clock' | 'config' | 'logger'>

export interface Doors extends AsyncDisposable {
  /** Where each stands open, for UDP and TCP alike. */
  readonly endpoints: readonly Endpoint[]
  /** Those of DNS over TLS, and over HTTPS. */
  readonly overTls: readonly Endpoint[]
  readonly overHttps: readonly Endpoint[]
  /** Packets and connections of those who may not ask. */
  readonly refused: number
}

/** How often another port is tried when the free one that UDP got is not free for TCP. */
const PORT_ATTEMPTS = 10

/**
 * Opens UDP and TCP on every address, TLS and HTTPS where they are wanted, or the sockets that were handed over in their place; port 0
 * takes a free one.
 * @throws ListenFault, CertificateFault
 */
export async function openDoors(
  deps: DoorDeps,
  serve: Serve,
  handed: readonly HandedOver[] = [],
): Promise<Doors> {
  await using opening = new AsyncDisposableStack()
  const { clock, config, logger } = deps
  const clients = new AllowedClients({ clock, logger, allow: config.allow })
  const mayAsk = (address: string) => clients.mayAsk(address)
  const needs = { clock, config, logger, serve, mayAsk }
  const openAt = async (places: readonly Place[], listen: (place: Place) => Promise<Listener>) => {
    const endpoints: Endpoint[] = []
    for (const place of places) endpoints.push(opening.use(await listen(place)).endpoint)
    return endpoints
  }
  const given = (door: HandedOver['door']) => handed.filter((each) => each.door === door)
  const placesOf = (door: HandedOver['door'], configured: readonly Endpoint[]): readonly Place[] =>
    given(door).length > 0 ? given(door) : configured
  const plain = given('dns').length > 0 ? listenEither : openPair
  const endpoints = await openAt(placesOf('dns', config.listen), (place) => plain(place, needs))
  const overTls = await openAt(placesOf('dot', config.tlsListen), (place) => listenTls(place, config, needs))
  const overHttps = await openAt(placesOf('doh', config.httpsListen), (place) =>
    listenHttps(place, config, needs),
  )
  const open = opening.move()
  return {
    endpoints: distinct(endpoints),
    overTls,
    overHttps,
    get refused() {
      return clients.refused
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** A socket that was handed over is of UDP or of TCP; only using it tells. */
async function listenEither(place: Place, deps: TcpDeps): Promise<Listener> {
  try {
    return await listenUdp(place, deps)
  } catch (fault) {
    if (!isWrongType((fault as Error).cause)) throw fault
    return await listenTcp(place, deps)
  }
}

function isWrongType(cause: unknown): boolean {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ERR_INVALID_FD_TYPE'
}

/** A UDP and a TCP socket of one address are one place. */
function distinct(endpoints: readonly Endpoint[]): Endpoint[] {
  return [...new Map(endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint])).values()]
}

async function openPair(wanted: Place, deps: TcpDeps): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    await using opening = new AsyncDisposableStack()
    const { endpoint } = opening.use(await listenUdp(wanted, deps))
    try {
      opening.use(await listenTcp(endpoint, deps))
    } catch (fault) {
      if (!('port' in wanted) || wanted.port !== 0 || attempt === PORT_ATTEMPTS) throw fault
      continue
    }
    const open = opening.move()
    return { endpoint, [Symbol.asyncDispose]: () => open.disposeAsync() }
  }
}
