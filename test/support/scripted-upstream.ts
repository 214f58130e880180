/** A server of the ordinary DNS that says what a test tells it to: over UDP and TCP, on one port of loopback. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket as Stream } from 'node:net'
import { decodeMessage, encodeMessage } from '../../src/dns/codec.ts'
import { formatType, type Message, NO_FLAGS, type Question } from '../../src/dns/message.ts'
import { formatName, parseName } from '../../src/dns/name.ts'
import type { Endpoint } from '../../src/resolver/config.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { recordsFrom } from './records.ts'

/** What is wrong with a reply that is sent before the true one. */
export type Forgery =
  | 'wrong id'
  | 'wrong id, and records without an end'
  | 'wrong name'
  | 'wrong type'
  | 'wrong class'
  | 'wrong port'
  | 'extra question'
  | 'no question'
  | 'a question, not a reply'
  | 'another opcode'
  | 'no message'

/** What is said to one question. Sections are lines of `name ttl class type value`. */
export interface Scripted {
  readonly rcode?: number
  readonly answer?: string
  readonly authority?: string
  readonly additional?: string
  /** Nothing is said; or nothing over TCP. */
  readonly silent?: true | 'tcp'
  /** Nothing is said before `release`. */
  readonly held?: true
  /** Over UDP: TC and no records. */
  readonly truncated?: true
  /** The reply has an OPT where the question has one. */
  readonly edns?: true
  /** Everything is said once more. */
  readonly twice?: true
  /** What is said instead when the question has no OPT. */
  readonly withoutEdns?: Scripted
  /** A lie that goes ahead, in place of the answer's address. */
  readonly forgery?: Forgery
  /** The last word on the octets that are sent. */
  readonly change?: (reply: Buffer) => Buffer
}

/** By `name TYPE`, in lower case and without the final dot. */
export type Script = Record<string, Scripted>

interface Asked extends Question {
  /** `name TYPE`, in lower case. */
  readonly text: string
  readonly transport: 'udp' | 'tcp'
  readonly message: Message
}

export const FORGED_ADDRESS = '203.0.113.66'
const REFUSED: Scripted = { rcode: 5 }
const ATTEMPTS = 20

export class ScriptedUpstream implements AsyncDisposable {
  readonly endpoint: Endpoint
  /** Everything it was asked, in order. */
  readonly asked: Asked[] = []
  readonly script: Script
  readonly #udp: Socket
  readonly #elsewhere: Socket
  readonly #tcp: Server
  readonly #streams = new Set<Stream>()
  #held: (() => void)[] = []
  #closed = false

  private constructor(
    script: Script,
    { udp, elsewhere, tcp }: { udp: Socket; elsewhere: Socket; tcp: Server },
  ) {
    this.script = script
    this.#udp = udp
    this.#elsewhere = elsewhere
    this.#tcp = tcp
    this.endpoint = { host: '127.0.0.1', port: udp.address().port }
    udp.on('message', (packet, { port }) => this.#receiveUdp(packet, port))
    tcp.on('connection', (stream) => this.#receiveTcp(stream))
  }

  static async open(script: Script = {}): Promise<ScriptedUpstream> {
    for (let attempt = 1; ; attempt++) {
      const udp = await boundUdp()
      const tcp = createServer()
      try {
        tcp.listen(udp.address().port, '127.0.0.1')
        await once(tcp, 'listening')
        return new ScriptedUpstream(script, { udp, tcp, elsewhere: await boundUdp() })
      } catch (error) {
        udp.close() // the port was free for UDP only
        if (attempt === ATTEMPTS) throw error
      }
    }
  }

  /** The questions as text: `name TYPE`. */
  get questions(): string[] {
    return this.asked.map(({ text }) => text)
  }

  /** Says what was held back. */
  release(): void {
    const held = this.#held
    this.#held = []
    for (const say of held) say()
  }

  #receiveUdp(packet: Buffer, port: number): void {
    this.#receive(packet, 'udp', {
      say: (octets) => this.#udp.send(octets, port, '127.0.0.1'),
      sayElsewhere: (octets, then) => this.#elsewhere.send(octets, port, '127.0.0.1', then),
    })
  }

  #receiveTcp(stream: Stream): void {
    const splitter = new MessageSplitter()
    const say = (octets: Buffer) => stream.write(withLength(octets))
    this.#streams.add(stream)
    stream.on('close', () => this.#streams.delete(stream))
    stream.on('error', () => stream.destroy())
    stream.on('data', (piece) => {
      for (const packet of splitter.push(piece)) {
        this.#receive(packet, 'tcp', {
          say,
          sayElsewhere: (octets, then) => {
            say(octets)
            then()
          },
        })
      }
    })
  }

  #receive(packet: Buffer, transport: 'udp' | 'tcp', voice: Voice): void {
    const message = decodeMessage(packet, { trailing: 'refuse' })
    const [question] = message.questions
    if (!question) throw new Error('An upstream is asked something.')
    const text = `${formatName(question.name).slice(0, -1)} ${formatType(question.type)}`.toLowerCase()
    const asked = { ...question, text: upperType(text), transport, message }
    this.asked.push(asked)
    const told = this.script[asked.text] ?? REFUSED
    const scripted = (message.edns ? undefined : told.withoutEdns) ?? told
    if (scripted.silent === true || scripted.silent === transport) return
    const say = () => speak(asked, scripted, voice)
    if (scripted.held) this.#held.push(say)
    else say()
  }

  /** Also by hand, for a server that is there no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const stream of this.#streams) stream.destroy()
    this.#tcp.close()
    for (const socket of [this.#udp, this.#elsewhere]) {
      socket.close()
      await once(socket, 'close')
    }
  }
}

interface Voice {
  say(octets: Buffer): void
  /** From another port, where the transport has such a thing. */
  sayElsewhere(octets: Buffer, then: () => void): void
}

function speak(asked: Asked, scripted: Scripted, { say, sayElsewhere }: Voice): void {
  const reply = replyTo(asked, scripted)
  const change = scripted.change ?? ((octets) => octets)
  const truth = change(encodeMessage(reply))
  const lie = scripted.forgery && forged(reply, scripted.forgery)
  if (lie && scripted.forgery === 'wrong port') {
    sayElsewhere(lie, () => say(truth))
    return
  }
  if (lie) say(lie)
  say(truth)
  if (scripted.twice) say(truth)
}

function replyTo({ message, transport }: Asked, scripted: Scripted): Message {
  const { rcode = 0, answer = '', authority = '', additional = '' } = scripted
  const truncated = scripted.truncated === true && transport === 'udp'
  return {
    ...message,
    flags: { ...NO_FLAGS, response: true, recursionDesired: true, recursionAvailable: true, truncated },
    rcode,
    answers: truncated ? [] : recordsFrom(answer),
    authority: truncated ? [] : recordsFrom(authority),
    additional: truncated ? [] : recordsFrom(additional),
    edns: scripted.edns && message.edns,
  }
}

const WRONG: Question = { name: parseName('wrong.example.'), type: 1, class: 1 }

function forged(reply: Message, forgery: Forgery): Buffer {
  const [question] = reply.questions
  if (!question) throw new Error('A lie needs a question.')
  const lie = { ...reply, answers: recordsFrom(`${formatName(question.name)} 300 IN A ${FORGED_ADDRESS}`) }
  switch (forgery) {
    case 'wrong id':
      return encodeMessage({ ...lie, id: (reply.id + 1) & 0xffff })
    case 'wrong id, and records without an end':
      return encodeMessage({ ...lie, id: (reply.id + 1) & 0xffff }).subarray(0, -2)
    case 'wrong name':
      return encodeMessage({ ...lie, questions: [{ ...question, name: WRONG.name }] })
    case 'wrong type':
      return encodeMessage({ ...lie, questions: [{ ...question, type: 16 }] })
    case 'wrong class':
      return encodeMessage({ ...lie, questions: [{ ...question, class: 3 }] })
    case 'wrong port':
      return encodeMessage(lie)
    case 'extra question':
      return encodeMessage({ ...lie, questions: [question, WRONG] })
    case 'no question':
      return encodeMessage({ ...lie, questions: [] })
    case 'a question, not a reply':
      return encodeMessage({ ...lie, flags: { ...lie.flags, response: false } })
    case 'another opcode':
      return encodeMessage({ ...lie, opcode: 4 })
    case 'no message':
      return Buffer.from('not a message at all')
  }
}

function upperType(text: string): string {
  const at = text.lastIndexOf(' ')
  return text.slice(0, at) + text.slice(at).toUpperCase()
}

async function boundUdp(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
