/** Changed packets at the ports of a running node, with good questions between them that have to be answered. */
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { MessageSplitter, withLength } from '../src/resolver/stream-framing.ts'
import { queryPacket, readReply } from '../test/support/queries.ts'
import { isAnswer, within } from './answers.ts'
import { emptyResult, type Plan, type Result } from './cases.ts'
import { ALL_MESSAGES, QUESTIONS, WHO } from './corpus.ts'
import { EncryptedFire } from './encrypted.ts'
import { MESSAGE_CHANGES, mutate } from './mutate.ts'
import { FuzzedNode } from './node.ts'
import { Chance } from './random.ts'

/** Packets between two good questions, and so the most that can wait in the kernel's buffers. */
const WINDOW = 50
/** A good question is asked so often, as any client would. */
const TRIES = 5
/** Octets a datagram can have. */
const MAX_DATAGRAM = 65_507
const MAX_STALLED = 12
const BURST = 8
/** Octets by which the node may grow once it is warm; its heap is small (node.ts), and breathes by less. */
const MAX_RSS_GROWTH = 32 << 20
const WARM_UP = 0.2
/** Milliseconds for the node to close what its clients have left. */
const CLOSE_WITHIN = 5000

/** Mostly questions, many of them for the node's own zone. */
const SEEDS = [...ALL_MESSAGES, ...QUESTIONS, ...QUESTIONS]

/** Runs `plan.count` cases from `plan.first` on; `plan.time` may end it sooner. */
export async function runPorts(plan: Plan, progress: (result: Result) => void): Promise<Result> {
  await using node = await FuzzedNode.start()
  const result = emptyResult('ports')
  const fire = await Fire.open(node, result)
  const files = node.openFiles ?? 0
  const began = performance.now()
  for (let done = 0; done < 1 && result.findings.length === 0; ) {
    await fire.window(plan, plan.first + result.inputs, Math.min(WINDOW, plan.count - result.inputs))
    if (node.complaint) fire.note(node.complaint)
    result.milliseconds = performance.now() - began
    done = Math.max(result.milliseconds / plan.time, result.inputs / plan.count)
    result.rss.end = node.rss ?? 0
    if (result.rss.start === 0 && done >= WARM_UP) result.rss.start = result.rss.end
    progress(result)
  }
  await fire.end()
  await judgeEnd(node, { fire, result, files })
  return result
}

/** What it holds when all clients are gone, and how it stops. */
async function judgeEnd(
  node: FuzzedNode,
  { fire, result, files }: { fire: Fire; result: Result; files: number },
): Promise<void> {
  const growth = result.rss.end - result.rss.start
  if (result.rss.start > 0 && growth > MAX_RSS_GROWTH) fire.note(`the program grew by ${growth} octets`)
  if (!(await closesAll(node, files)))
    fire.note(`${node.openFiles} files are open where ${files} were before`)
  for (const fault of await node.stop()) fire.note(fault)
  if (node.complaint && result.findings.length === 0) fire.note(node.complaint)
}

async function closesAll(node: FuzzedNode, files: number): Promise<boolean> {
  for (let left = CLOSE_WITHIN; left > 0 && (node.openFiles ?? 0) > files; left -= 100) await wait(100)
  return (node.openFiles ?? 0) <= files
}

/** A client that sends what nobody should, and asks good questions in between. */
class Fire {
  readonly #node: FuzzedNode
  readonly #result: Result
  readonly #datagrams: Datagrams
  readonly #asking: Datagrams
  readonly #encrypted: EncryptedFire
  #stream: Socket | undefined
  #stalled: Socket[] = []
  #asked = 0
  #window = { number: 0, cases: 0 }
  #at = 0
  #last: Buffer = Buffer.alloc(0)

  private constructor(node: FuzzedNode, result: Result, sockets: readonly [Datagrams, Datagrams]) {
    this.#node = node
    this.#result = result
    ;[this.#datagrams, this.#asking] = sockets
    this.#datagrams.on('message', (reply) => this.#judge(reply, 1232))
    this.#encrypted = new EncryptedFire(node.encrypted, (reply) => this.#judge(reply, 0xffff))
  }

  static async open(node: FuzzedNode, result: Result): Promise<Fire> {
    return new Fire(node, result, [await connected(node.port), await connected(node.port)])
  }

  async window(plan: Plan, first: number, count: number): Promise<void> {
    this.#window = { number: first, cases: count }
    for (let number = first; number < first + count; number++) {
      const chance = new Chance(plan.seed, 'ports', number)
      const made = mutate({ seeds: SEEDS, chance, changes: MESSAGE_CHANGES })
      this.#at = number
      this.#last = Buffer.from(plan.input ?? made)
      if (plan.input) for (const way of [this.#datagram, this.#message]) this.#count(way(this.#last))
      else this.#count(this.#way(chance)(this.#last, chance))
      this.#result.inputs++
    }
    const began = performance.now()
    const answered = await this.#ask(DOORS[this.#asked++ % DOORS.length]!)
    const milliseconds = performance.now() - began
    if (!answered) this.note('a good question was not answered')
    if (milliseconds > this.#result.slowest.milliseconds)
      this.#result.slowest = { milliseconds, number: this.#at, hex: this.#last.toString('hex') }
  }

  note(what: string): void {
    const hex = this.#last.toString('hex')
    this.#result.findings.push({ target: 'ports', ...this.#window, hex, what })
  }

  async end(): Promise<void> {
    for (const socket of [this.#stream, ...this.#stalled]) socket?.resetAndDestroy()
    this.#encrypted.end()
    for (const socket of [this.#datagrams, this.#asking]) {
      socket.close()
      await once(socket, 'close')
    }
  }

  #count(word: string): void {
    this.#result.outcomes[word] = (this.#result.outcomes[word] ?? 0) + 1
  }

  #way(chance: Chance): (octets: Buffer, chance: Chance) => string {
    const ways = [this.#message, this.#message, this.#garbage, this.#stall, this.#half, this.#atEncrypted]
    if (chance.below(5) > 0) return this.#datagram
    return chance.below(50) === 0 ? this.#burst : chance.pick(ways)
  }

  readonly #datagram = (octets: Buffer): string => {
    this.#datagrams.send(octets.subarray(0, MAX_DATAGRAM))
    return 'datagrams'
  }

  readonly #message = (octets: Buffer): string => {
    if (!this.#stream?.writable) this.#stream = this.#connect()
    this.#stream.write(withLength(octets))
    return 'messages on one connection'
  }

  readonly #garbage = (octets: Buffer): string => {
    this.#connect().end(octets)
    return 'connections with garbage'
  }

  /** A length, and less than it promises. */
  readonly #stall = (octets: Buffer, chance: Chance): string => {
    const length = chance.pick([0, 1, 11, 0xffff])
    const socket = this.#connect()
    socket.write(withLength(Buffer.alloc(length)).subarray(0, 2))
    socket.write(octets.subarray(0, chance.below(Math.min(length, octets.length) + 1)))
    this.#stalled.push(socket)
    if (this.#stalled.length > MAX_STALLED) this.#stalled.shift()?.resetAndDestroy()
    return 'connections that stall'
  }

  readonly #half = (octets: Buffer, chance: Chance): string => {
    const framed = withLength(octets)
    this.#connect().end(framed.subarray(0, chance.below(framed.length + 1)))
    return 'connections half closed'
  }

  readonly #burst = (octets: Buffer): string => {
    for (let left = BURST; left > 0; left--) {
      const socket = this.#connect()
      socket.write(withLength(octets), () => socket.resetAndDestroy())
    }
    return `bursts of ${BURST} connections`
  }

  readonly #atEncrypted = (octets: Buffer, chance: Chance): string => this.#encrypted.send(octets, chance)

  #connect(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#node.port, allowHalfOpen: true })
    const splitter = new MessageSplitter()
    socket.on('data', (piece) => {
      for (const reply of splitter.push(piece)) this.#judge(reply, 0xffff)
    })
    socket.on('error', () => undefined) // broken off by the node, as it may
    socket.on('end', () => socket.end())
    return socket
  }

  /** A reply to whatever was sent: it is one, whole, and no longer than its door allows. */
  #judge(octets: Buffer, limit: number): void {
    try {
      const { bits } = readReply(octets)
      if (octets.length > limit || bits < 0x8000) throw new Error(`${octets.length} octets, header ${bits}`)
    } catch (cause) {
      this.note(`a reply that is none (${cause}): ${octets.toString('hex')}`)
    }
  }

  async #ask(door: Door): Promise<boolean> {
    for (let left = TRIES; left > 0 && this.#node.isRunning; left--) {
      const id = this.#asked++ & 0xffff
      const packet = queryPacket(`${WHO} A`, {
        id,
        edns: { options: '000a 0008 0123456789abcdef' },
      })
      if (await this.#askAt(door, packet)) return true
    }
    return false
  }

  async #askAt(door: Door, packet: Buffer): Promise<boolean> {
    if (door === 'UDP') return await this.#askUdp(packet)
    if (door === 'DoT' || door === 'DoH') return await this.#encrypted.ask(packet, door)
    return await this.#askTcp(packet, door)
  }

  async #askUdp(packet: Buffer): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const hear = (reply: Buffer) => {
      if (isAnswer(reply, packet)) resolve(true)
    }
    this.#asking.on('message', hear)
    this.#asking.send(packet)
    const answered = await within(promise)
    this.#asking.off('message', hear)
    return answered
  }

  async #askTcp(packet: Buffer, door: Door): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = this.#connect()
    const splitter = new MessageSplitter()
    socket.on('data', (piece) => {
      if (splitter.push(piece).some((reply) => isAnswer(reply, packet))) resolve(true)
    })
    socket.on('close', () => resolve(false))
    socket.write(withLength(packet))
    if (door === 'TCP half closed') socket.end()
    const answered = await within(promise)
    socket.resetAndDestroy()
    return answered
  }
}

const DOORS = ['UDP', 'TCP', 'TCP half closed', 'DoT', 'DoH'] as const
type Door = (typeof DOORS)[number]

async function connected(port: number): Promise<Datagrams> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.on('error', () => undefined) // port unreachable: the good question tells whether the node is gone
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
