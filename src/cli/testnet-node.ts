/** One node of a testnet: it may stand behind a relay, die, and come back with its data, its ports and its name. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { readToken, tokenFile } from '../api/token.ts'
import { loadConfig } from '../config.ts'
import type { Daemon } from '../daemon.ts'
import { type Line, SlowRelay } from './slow-relay.ts'
import { startNode } from './up.ts'

type Flags = Readonly<Record<string, string>>

export interface TestNodePlan {
  /** All it starts with, but for the addresses that a relay changes. */
  readonly flags: Flags & { readonly data: string }
  /** None: others reach it directly, and it cannot come back to the same address. */
  readonly line?: Line
}

export class TestNode implements AsyncDisposable {
  readonly token: string
  /** As it came up first; it has the same when it comes back. */
  readonly known: Pick<Daemon, 'dns' | 'api' | 'peerId' | 'addresses'>
  readonly #flags: Flags
  readonly #relay: SlowRelay | undefined
  #daemon: Daemon | undefined

  private constructor(
    { flags }: TestNodePlan,
    parts: { daemon: Daemon; token: string; relay: SlowRelay | undefined },
  ) {
    const { dns, api, peerId, addresses } = parts.daemon
    this.known = { dns, api, peerId, addresses }
    this.token = parts.token
    this.#flags = { ...flags, 'dns-listen': dns.join(','), 'api-listen': api }
    this.#daemon = parts.daemon
    this.#relay = parts.relay
  }

  static async start(plan: TestNodePlan): Promise<TestNode> {
    await using opening = new AsyncDisposableStack()
    const relay = plan.line && opening.use(await SlowRelay.open(plan.line))
    const daemon = opening.use(await startBehind(relay, plan.flags))
    const token = await readToken(tokenFile(plan.flags.data))
    opening.move()
    return new TestNode(plan, { daemon, token, relay })
  }

  /** For those that dialled it, all ends at once; then it is closed, with its data as it is. */
  async die(): Promise<void> {
    this.#relay?.cut()
    const daemon = this.#daemon
    this.#daemon = undefined
    await daemon?.[Symbol.asyncDispose]()
  }

  /** @throws UsageFault when somebody else has its ports by now */
  async comeBack(): Promise<void> {
    this.#daemon ??= await startBehind(this.#relay, this.#flags)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die()
    await this.#relay?.[Symbol.asyncDispose]()
  }
}

async function startBehind(relay: SlowRelay | undefined, flags: Flags): Promise<Daemon> {
  const port = relay && (await freePort(namedPorts(flags)))
  const own = relay && {
    'dht-listen': `/ip4/127.0.0.1/tcp/${port}`,
    'dht-announce': `/ip4/127.0.0.1/tcp/${relay.port}`,
  }
  const { config } = loadConfig({ flags: { ...flags, ...own }, environment: {} })
  const daemon = await startNode(config)
  if (port !== undefined) relay?.lead(port)
  return daemon
}

/** Those of a node that comes back are free too, until it has them again. */
function namedPorts(flags: Flags): number[] {
  const endpoints = `${flags['dns-listen']},${flags['api-listen']}`.split(',')
  return endpoints.map((endpoint) => Number(endpoint.split(':').at(-1)))
}

/** Known before the node listens, since what a node announces hides where it listens. */
export async function freePort(taken: readonly number[] = []): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return taken.includes(port) ? freePort(taken) : port
}
