/**
 * An upstream server and, from its very address and port, somebody who forges its replies and has seen where the question came
 * from: all that is left to guess is the id, and the case of the letters. The true answer comes last, over UDP and over TCP.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { decodeMessage, encodeMessage } from '../../src/dns/codec.ts'
import type { Message } from '../../src/dns/message.ts'
import { fold, type Name } from '../../src/dns/name.ts'
import type { Endpoint } from '../../src/resolver/config.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'

export const TRUE_ADDRESS = '192.0.2.80'
export const FORGED_ADDRESS = '203.0.113.66'
/** Forged replies between two turns of the event loop. */
const BATCH = 100
const LETTER = /[a-z]/i
const ATTEMPTS = 20

export interface ForgerPlan {
  /** Forged replies to each question. */
  readonly count: number
  /** Whether the id is known too, and only the case of the letters has to be guessed. */
  readonly knowsId: boolean
}

export class Forger implements AsyncDisposable {
  readonly endpoint: Endpoint
  /** Forged replies sent so far. */
  sent = 0
  /** Questions that came over TCP. */
  overTcp = 0
  readonly #plan: ForgerPlan
  readonly #udp: Socket
  readonly #tcp: Server
  #closed = false

  private constructor(plan: ForgerPlan, { udp, tcp }: { udp: Socket; tcp: Server }) {
    this.#plan = plan
    this.#udp = udp
    this.#tcp = tcp
    this.endpoint = { host: '127.0.0.1', port: udp.address().port }
    udp.on('message', (packet, from) => void this.#forge(packet, from))
    udp.on('error', () => undefined)
    tcp.on('connection', (socket) => {
      const splitter = new MessageSplitter()
      socket.on('error', () => socket.destroy())
      socket.on('data', (piece) => {
        for (const packet of splitter.push(piece)) {
          this.overTcp++
          socket.write(withLength(replyTo(decodeMessage(packet, { trailing: 'refuse' }), TRUE_ADDRESS)))
        }
      })
    })
  }

  static async open(plan: ForgerPlan): Promise<Forger> {
    for (let attempt = 1; ; attempt++) {
      const udp = createSocket('udp4').bind(0, '127.0.0.1')
      await once(udp, 'listening')
      const tcp = createServer()
      try {
        tcp.listen(udp.address().port, '127.0.0.1')
        await once(tcp, 'listening')
        return new Forger(plan, { udp, tcp })
      } catch (fault) {
        udp.close() // the port was free for UDP only
        if (attempt === ATTEMPTS) throw fault
      }
    }
  }

  async #forge(packet: Buffer, { port, address }: RemoteInfo): Promise<void> {
    const message = decodeMessage(packet, { trailing: 'refuse' })
    const say = (octets: Buffer) => this.#closed || this.#udp.send(octets, port, address)
    for (let left = this.#plan.count; left > 0 && !this.#closed; left--) {
      say(replyTo(this.#guess(message), FORGED_ADDRESS))
      this.sent++
      if (left % BATCH === 0) await turn()
    }
    say(replyTo(message, TRUE_ADDRESS))
  }

  /** The one guess that would be right is left out: it is as likely as the letters and the id have values. */
  #guess(message: Message): Message {
    const [question] = message.questions
    if (!question) return message
    const name = inRandomCase(question.name)
    const id = this.#plan.knowsId ? message.id : randomInt(0x10000)
    if (id === message.id && name === question.name) return { ...message, id: id ^ 1 }
    return { ...message, id, questions: [{ ...question, name }] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#udp.close()
    this.#tcp.close()
    await once(this.#udp, 'close')
  }
}

function replyTo(message: Message, address: string): Buffer {
  const [question] = message.questions
  const answers = question ? [{ ...parseRecordLine(`x 300 A ${address}`), name: question.name }] : []
  return encodeMessage({
    ...message,
    flags: { ...message.flags, response: true, recursionAvailable: true },
    answers,
  })
}

function inRandomCase(name: Name): Name {
  const letters = Array.from(fold(name), (letter) =>
    LETTER.test(letter) && randomInt(2) === 1 ? letter.toUpperCase() : letter,
  )
  return letters.join('') as Name
}
