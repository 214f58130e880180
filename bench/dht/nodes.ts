/** Real nodes in this process, over libp2p on loopback, and one who asks: a client, so that it never holds a zone itself. */
import { systemClock } from '../../src/clock.ts'
import type { DhtConfig } from '../../src/dht/config.ts'
import { type NetworkDirectory, openDirectory } from '../../src/dht/directory.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG, temporaryDirectory } from '../../test/support/dht.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { until } from '../../test/support/until.ts'

/** Lookups of what nobody holds that open the asker's streams to everybody. */
const WARMING = 40
/** Milliseconds the nodes may take to know each other. */
const PATIENCE = 120_000

export const { signal } = new AbortController()

export class Nodes implements AsyncDisposable {
  readonly servers: NetworkDirectory[] = []
  readonly #opened = new AsyncDisposableStack()

  /** @param configOf what is special about one more server */
  static async open(count: number, configOf?: () => Promise<Partial<DhtConfig>>): Promise<Nodes> {
    const nodes = new Nodes()
    for (let at = 0; at < count; at++) nodes.servers.push(await nodes.join(await configOf?.()))
    await until(() => nodes.servers.every((node) => node.peerCount() >= neighbours(count - 1)), PATIENCE)
    return nodes
  }

  /** One node more, joined by all servers so far unless told otherwise: to know all by itself takes a minute or more. */
  async join(config: Partial<DhtConfig> = {}): Promise<NetworkDirectory> {
    const { path } = this.#opened.use(await temporaryDirectory())
    const bootstrap = this.servers.flatMap((node) => node.addresses())
    const needs = { path, clock: systemClock, logger: silentLogger }
    return this.#opened.use(
      await openDirectory({ ...needs, config: { ...TEST_DHT_CONFIG, bootstrap, ...config } }),
    )
  }

  /** Who asks and holds nothing, with streams to all. */
  async asker(config: Partial<DhtConfig> = {}): Promise<NetworkDirectory> {
    const asker = await this.join({ ...config, mode: 'client' })
    await warm(asker, this.servers.length)
    return asker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

/** Waits until a node knows so many, and has it ask them. */
export async function warm(node: NetworkDirectory, peers: number): Promise<void> {
  await until(() => node.peerCount() >= neighbours(peers), PATIENCE)
  for (let at = 0; at < WARMING; at++) await node.find(new TestOwner().key, { signal })
}

/** @returns how many nodes acknowledged a zone nobody knew before, and the zone */
export async function publishNew(
  by: NetworkDirectory,
  acknowledged?: (storedOn: number) => void,
): Promise<{ storedOn: number; zone: SignedZone }> {
  const zone = new TestOwner().sign('hello')
  return { ...(await by.publish(zone, signal, acknowledged)), zone }
}

/** How many a node has to know before it counts as joined, of so many: the full table takes many minutes. */
export function neighbours(peers: number): number {
  return Math.min(peers, TEST_DHT_CONFIG.maxAsked)
}

export async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await run()
  return performance.now() - began
}

/** Tells whoever waits what is being done; not part of the figures. */
export function progress(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

export function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
