/** A small Internet: real nodes and attackers, each on a machine with a global address; no way to the real one. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/dht.ts'
import { endProcess, type Machine, Wire } from '../support/machines.ts'
import { until } from '../support/until.ts'
import { Agent } from './commands.ts'

/** In eight /16s; the attackers' and the newcomers' are others. */
const FIRST_OF = { node: 11, newcomer: 31, attacker: 41 }
const SIXTEENS = 8
const PORT = 4601

interface State {
  readonly peerId: string
  readonly peers: number
}

/** A node, as `kadns up` runs it: the shipped settings, but for whom it joins by and where its files are. */
export class RealNode {
  readonly machine: Machine
  readonly ip: string
  readonly data: string
  address = ''

  constructor(machine: Machine, ip: string, data: string) {
    this.machine = machine
    this.ip = ip
    this.data = data
  }

  async start(bootstrap: string): Promise<void> {
    const flags = bootstrap === '' ? [] : ['--dht-bootstrap', bootstrap]
    const address = `/ip4/${this.ip}/tcp/${PORT}`
    const common = ['--log-level', 'error', '--upstream-servers', '']
    await this.machine.start(this.data, ...common, ...flags)
    this.address = `${address}/p2p/${(await this.state()).peerId}`
  }

  async state(): Promise<State> {
    return await this.machine.rest('GET', '/v1/node')
  }

  async makeZone(): Promise<{ key: string; name: string }> {
    return await this.machine.rest('POST', '/v1/zones')
  }

  /** One TXT record at the apex. @returns on how many others it is */
  async publish(key: string, text: string): Promise<number> {
    const records = [{ name: '@', type: 'TXT', ttl: 300, value: `"${text}"` }]
    const path = `/v1/zones/${key}/records`
    return (await this.machine.rest<{ storedOn: number }>('PUT', path, { records })).storedOn
  }

  /** The text, or what stands for it: SERVFAIL, NXDOMAIN. */
  async ask(name: string): Promise<string> {
    return (await this.askForTtl(name)).text
  }

  /** With its TTL, where there is one. */
  async askForTtl(name: string): Promise<{ text: string; ttl: number }> {
    return readText(await this.machine.reply(name, 'TXT'))
  }

  async knows(peers: number): Promise<void> {
    await until(async () => (await this.state()).peers >= peers, 60_000)
  }
}

/** The text of a TXT record in what dig says, or the RCODE. */
export function readText(reply: string): { text: string; ttl: number } {
  const record = /\s(\d+)\s+IN\s+TXT\s+"([^"]*)"/.exec(reply)
  if (record) return { text: record[2] ?? '', ttl: Number(record[1]) }
  return { text: /status: (\w+)/.exec(reply)?.[1] ?? 'no reply', ttl: 0 }
}

export class World implements AsyncDisposable {
  readonly nodes: RealNode[] = []
  readonly attackers: Agent[] = []
  readonly #opened: AsyncDisposableStack
  readonly #wire: Wire
  /** Directory of everybody's data. */
  readonly files: string
  readonly #counts = { node: 0, newcomer: 0, attacker: 0 }

  private constructor(opened: AsyncDisposableStack, wire: Wire, files: string) {
    this.#opened = opened
    this.#wire = wire
    this.files = files
  }

  static async open(): Promise<World> {
    await using opened = new AsyncDisposableStack()
    const { path } = opened.use(await temporaryDirectory())
    const wire = opened.use(await Wire.open())
    return new World(opened.move(), wire, path)
  }

  /** So many nodes that know each other. */
  async fill(nodes: number): Promise<void> {
    for (let number = 0; number < nodes; number++) await this.join('node')
    for (const node of this.nodes) await node.knows(nodes - 1)
  }

  /** One real node more. */
  async join(kind: 'node' | 'newcomer' = 'newcomer'): Promise<RealNode> {
    const node = await this.prepare(kind)
    await node.start(this.nodes[0]?.address ?? '')
    if (kind === 'node') this.nodes.push(node)
    return node
  }

  /** A real node that is not started. */
  async prepare(kind: 'node' | 'newcomer' = 'newcomer'): Promise<RealNode> {
    const { machine, ip } = await this.machine(kind)
    return new RealNode(machine, ip, join(this.files, ip))
  }

  /** At the latest with the world. */
  endAfterwards(process: ChildProcess): void {
    this.#opened.defer(async () => await endProcess(process, 'SIGKILL'))
  }

  /** A process of the attacker at an address of its own. */
  async attacker(): Promise<{ agent: Agent; machine: Machine; ip: string }> {
    const { machine, ip } = await this.machine('attacker')
    const agent = this.#opened.use(new Agent(machine))
    this.attackers.push(agent)
    return { agent, machine, ip }
  }

  /** Someone else's process, on that machine. */
  agentOn(machine: Machine): Agent {
    return this.#opened.use(new Agent(machine))
  }

  async machine(kind: keyof typeof FIRST_OF): Promise<{ machine: Machine; ip: string }> {
    const number = this.#counts[kind]++
    const block = number % SIXTEENS
    const ip = `${FIRST_OF[kind] + block}.${block + 1}.0.${1 + Math.floor(number / SIXTEENS)}`
    return { machine: await this.#wire.machine(`${ip}/16`), ip }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}
