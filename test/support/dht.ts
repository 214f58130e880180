/** Nodes of a DHT for tests: loopback only, free ports, directories that go away. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../src/clock.ts'
import type { DhtConfig } from '../../src/dht/config.ts'
import { type NetworkDirectory, openDirectory } from '../../src/dht/directory.ts'
import { until } from './until.ts'

export const silentLogger = pino({ level: 'silent' })

export const TEST_DHT_CONFIG: DhtConfig = {
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: [],
  announce: [],
  mode: 'server',
  named: 'off',
  network: 'test',
  acceptAddresses: 'auto',
  local: 'auto',
  localListen: ['/ip4/127.0.0.1/tcp/0'],
  maxConnections: 300,
  linksPerBucket: 3,
  maxInboundPerSecond: 50,
  maxNewHostsPerSecond: 5,
  maxNewHostsPerGroup: 1,
  maxDialsPerLookup: 40,
  maxParallelDials: 50,
  dialTimeout: 3000,
  checkInterval: 60_000,
  maxEntryPoints: 32,
  maxInboundStreams: 16,
  maxRequestsInFlight: 64,
  maxRequestsPerSecond: 200,
  maxForwards: 64,
  keep: [],
  maxZones: 50_000,
  maxNewZonesPerMinute: 100,
  maxRevocations: 10_000,
  maxFloors: 100_000,
  cachedZones: 4096,
  lookupTimeout: 1800,
  requestTimeout: 800,
  hedgeMin: 60,
  walkTimeout: 10_000,
  maxWalks: 32,
  publishTimeout: 5000,
  parallelism: 2,
  maxAsked: 20,
  maxPeers: 4000,
  maxCandidates: 200,
  confirmMin: 60,
  confirmMax: 3600,
  // Tests look again until they find: what was missed is not remembered.
  absentFor: 0,
  unreachableMin: 0,
  unreachableMax: 0,
}

/** A new directory for files, removed with what is in it when disposed. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'kadns-'))
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) }
}

/** Several nodes that know each other. Disposing closes those still open. */
export class TestNetwork implements AsyncDisposable {
  readonly nodes: NetworkDirectory[] = []
  readonly #opened = new AsyncDisposableStack()

  /** Opens `count` nodes, one after the other, all joined by the first, and waits until each knows all. */
  static async open(count: number, config: Partial<DhtConfig> = {}): Promise<TestNetwork> {
    const network = new TestNetwork()
    for (let at = 0; at < count; at++) await network.join(config)
    await until(() => network.nodes.every((node) => node.peerCount() === count - 1))
    return network
  }

  /** One node more; it is opened, but need not know anybody yet. */
  async join(config: Partial<DhtConfig> = {}): Promise<NetworkDirectory> {
    const { path } = this.#opened.use(await temporaryDirectory())
    const bootstrap = this.nodes.slice(0, 1).flatMap((node) => node.addresses())
    const needs = { path, clock: systemClock, logger: silentLogger }
    const node = await openDirectory({ ...needs, config: { ...TEST_DHT_CONFIG, bootstrap, ...config } })
    this.#opened.defer(async () => await this.leave(node))
    this.nodes.push(node)
    return node
  }

  /** Closes a node, once. */
  async leave(node: NetworkDirectory): Promise<void> {
    const at = this.nodes.indexOf(node)
    if (at < 0) return
    this.nodes.splice(at, 1)
    await node[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}
