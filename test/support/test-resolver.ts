/** A whole resolver without doors: zones in memory, an upstream that follows a script, a clock turned by hand. */
import assert from 'node:assert/strict'
import { pino } from 'pino'
import type { ResourceRecord } from '../../src/dns/message.ts'
import { type Name, parseName } from '../../src/dns/name.ts'
import { RuleWriter } from '../../src/resolver/blocking/name-rules.ts'
import type { DnsConfig, UpstreamConfig, UpstreamServer } from '../../src/resolver/config.ts'
import type { Blocking } from '../../src/resolver/layers/block.ts'
import type { Transport } from '../../src/resolver/query.ts'
import { type House, makeResolver, type Resolver } from '../../src/resolver/resolver.ts'
import { makeOutgoing } from '../../src/resolver/upstreams/exchange.ts'
import { PlainChannel } from '../../src/resolver/upstreams/server.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryDirectory } from './memory-directory.ts'
import { type QueryParts, queryPacket, type Reply, readReply } from './queries.ts'
import { type Script, ScriptedUpstream } from './scripted-upstream.ts'
import { until } from './until.ts'

export const TEST_DNS_CONFIG: DnsConfig = {
  listen: [{ host: '127.0.0.1', port: 0 }],
  tlsListen: [],
  httpsListen: [],
  certificate: '',
  privateKey: '',
  allow: [],
  maxUdpPayload: 1232,
  tcpMaxConnections: 256,
  tcpMaxConnectionsPerClient: 32,
  tcpIdle: 10_000,
  tcpMessageTimeout: 5000,
  tcpMaxInFlight: 100,
  maxPending: 1000,
  maxQuestionsPerSecond: 0,
  maxSearchesPerSecond: 0,
  answerTimeout: 2000,
  cacheOctets: 1 << 20,
  maxTtl: 86_400,
  maxNegativeTtl: 3600,
  staleFor: 259_200,
  records: [],
  hosts: [],
  queryLog: 0,
  maxAliases: 16,
}

const NOTHING_BLOCKED: Blocking = {
  rules: await new RuleWriter(0).finish(async () => undefined),
  answer: 'null',
}

/** Milliseconds an upstream has, in tests. */
export const UPSTREAM_TIMEOUT = 800

export interface TestResolverOptions {
  readonly zones?: readonly SignedZone[]
  /** One for each upstream server. */
  readonly scripts?: readonly Script[]
  /** In place of the scripted ones. */
  readonly servers?: readonly UpstreamServer[]
  readonly upstream?: Partial<UpstreamConfig>
  readonly config?: Partial<DnsConfig>
  readonly suffix?: string
  readonly blocking?: Blocking
  /** What hosts files say. */
  readonly hosts?: readonly ResourceRecord[]
  /** Servers that zones may hand names over to, by the address they would have. */
  readonly nameServers?: Readonly<Record<string, ScriptedUpstream>>
  /** Labels of the keys whose zones may lead to private addresses. */
  readonly trusted?: readonly string[]
}

export interface AskOptions extends QueryParts {
  readonly transport?: Transport
}

export class TestResolver implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly directory = new MemoryDirectory()
  /** By label; a test that changes them tells the resolver. */
  readonly petnames = new Map<string, PublicKey>()
  readonly config: DnsConfig
  /** What was logged at level warn and above, as JSON. */
  readonly logged: string[] = []
  readonly logger = pino({ level: 'warn' }, { write: (line) => void this.logged.push(line) })
  readonly upstreams: readonly ScriptedUpstream[]
  readonly resolver: Resolver
  #house: House

  private constructor(upstreams: readonly ScriptedUpstream[], options: TestResolverOptions) {
    const {
      zones = [],
      config = {},
      suffix = 'kad.alt',
      trusted = [],
      servers,
      upstream,
      blocking = NOTHING_BLOCKED,
      hosts = [],
      nameServers = {},
    } = options
    this.upstreams = upstreams
    this.config = { ...TEST_DNS_CONFIG, ...config }
    for (const zone of zones) this.directory.zones.set(zone.key.label, zone)
    const upstreamConfig: UpstreamConfig = {
      servers: servers ?? upstreams.map(({ endpoint }) => ({ protocol: 'udp', ...endpoint })),
      fallback: [],
      mode: 'strict',
      domains: [],
      privateNames: [],
      ...upstream,
      timeout: UPSTREAM_TIMEOUT,
    }
    this.#house = { records: this.config.records, hosts, blocking, upstream: upstreamConfig }
    this.resolver = makeResolver({
      clock: this.clock,
      config: this.config,
      house: this.#house,
      suffix: parseName(suffix),
      directory: this.directory,
      petnames: { keyOf: (label) => this.petnames.get(label.toLowerCase()) },
      isTrusted: ({ label }) => trusted.includes(label),
      logger: this.logger,
      askNameServer: async (address, query, signal) => {
        const server = nameServers[address]
        if (!server) throw new Error(`There is no server at ${address}.`)
        const outgoing = makeOutgoing(query, { edns: true, recursionDesired: false })
        return await new PlainChannel(server.endpoint).ask(outgoing, signal)
      },
    })
  }

  static async open(options: TestResolverOptions = {}): Promise<TestResolver> {
    const { scripts = [{}] } = options
    return new TestResolver(
      await Promise.all(scripts.map((script) => ScriptedUpstream.open(script))),
      options,
    )
  }

  /** The first upstream, which has to be there. */
  get upstream(): ScriptedUpstream {
    const [upstream] = this.upstreams
    assert.ok(upstream)
    return upstream
  }

  /** These hold from now on, and what is not named here as before. */
  change({
    upstream,
    ...parts
  }: Partial<Omit<House, 'upstream'>> & { upstream?: Partial<UpstreamConfig> }): void {
    const before = this.#house
    this.#house = { ...before, ...parts, upstream: { ...before.upstream, ...upstream } }
    this.resolver.change(this.#house)
  }

  /** What a client sees that sends these octets; undefined when it sees nothing. */
  async send(packet: Buffer, transport: Transport = 'udp'): Promise<Reply | undefined> {
    const reply = await this.resolver.serve(packet, { address: '127.0.0.1', transport })
    return reply && readReply(reply)
  }

  /** The reply to `name TYPE`; fails when there is none. */
  async ask(question: string, { transport = 'udp', ...parts }: AskOptions = {}): Promise<Reply> {
    const reply = await this.send(queryPacket(question, parts), transport)
    assert.ok(reply, `no reply to ${question}`)
    return reply
  }

  /** The reply, and how many milliseconds it took where time passes only while everything waits for it. */
  async askTimed(question: string, options: AskOptions = {}): Promise<{ reply: Reply; waited: number }> {
    const start = this.clock.monotonic()
    let over = false
    const asking = this.ask(question, options).finally(() => {
      over = true
    })
    for (await this.clock.settle(); !over; await this.clock.settle()) this.clock.advance(100)
    return { reply: await asking, waited: this.clock.monotonic() - start }
  }

  /** The reply the API gives. */
  lookUp(name: Name, type: number) {
    return this.resolver.ask({ name, type }, new AbortController().signal)
  }

  /** Waits until the upstream has been asked so many questions. */
  async untilAsked(count: number, upstream = this.upstream): Promise<void> {
    await until(() => upstream.asked.length >= count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resolver[Symbol.dispose]()
    for (const upstream of this.upstreams) await upstream[Symbol.asyncDispose]()
  }
}
