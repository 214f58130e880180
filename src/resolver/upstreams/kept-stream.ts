/** One kept connection to a server: questions go out as they come, replies come in any order (RFC 7766 6.2.1, RFC 7858 3.4). */
import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { Message } from '../../dns/message.ts'
import { HEADER_OCTETS } from '../../dns/walker.ts'
import { MessageSplitter, withLength } from '../stream-framing.ts'
import { type Outgoing, settleWith, withId } from './exchange.ts'

/** ms without a question after which the connection is closed. */
const IDLE = 10_000
/** Questions that wait on one connection; what is beyond fails, so that another server is asked. */
const MAX_IN_FLIGHT = 256

type Settling = PromiseWithResolvers<Message>
interface Waiting {
  readonly outgoing: Outgoing
  readonly settling: Settling
}

interface Connection {
  readonly socket: Socket
  readonly waiting: Map<number, Waiting>
  /** Whether it has answered before: then its end says nothing of the server. */
  hasAnswered: boolean
  /** When it answered last, or was opened: ms of the monotonic clock. */
  heardAt: number
  idle?: Disposable
}

/** The connection ended under a question. */
class Broken extends Error {
  readonly mayAskAgain: boolean
  constructor({ hasAnswered }: Connection) {
    super('The upstream closed the connection.')
    this.mayAskAgain = hasAnswered
  }
}

export class KeptStream {
  readonly #clock: Clock
  readonly #open: () => Socket
  #current: Connection | undefined

  constructor(clock: Clock, open: () => Socket) {
    this.#clock = clock
    this.#open = open
  }

  /** Asked once more where a connection that was kept has died in the meantime. */
  async ask(outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
    try {
      return await this.#askOnce(outgoing, signal)
    } catch (fault) {
      if (!(fault instanceof Broken && fault.mayAskAgain) || signal.aborted) throw fault
      return await this.#askOnce(outgoing, signal)
    }
  }

  /** A server that has answered others since is slow, but there; else the connection may be dead and nobody told us. */
  wasSilent(since: number): void {
    if (this.#current && this.#current.heardAt <= since) this.close()
  }

  /** Whoever still waits is told that the connection is gone; the next question opens another. */
  close(): void {
    this.#current?.socket.destroy()
    this.#current = undefined
  }

  async #askOnce(wanted: Outgoing, signal: AbortSignal): Promise<Message> {
    signal.throwIfAborted()
    this.#current ??= this.#connect()
    const connection = this.#current
    const { waiting, socket } = connection
    if (waiting.size >= MAX_IN_FLIGHT) throw new Error('Too many questions wait for this upstream.')
    const outgoing = withFreeId(wanted, waiting)
    const settling = Promise.withResolvers<Message>()
    const onAbort = () => settling.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    waiting.set(outgoing.id, { outgoing, settling })
    connection.idle?.[Symbol.dispose]()
    socket.write(withLength(outgoing.packet))
    try {
      const reply = await settling.promise
      if (reply.flags.truncated) throw new Error('The upstream cut its answer short on a stream.')
      return reply
    } finally {
      signal.removeEventListener('abort', onAbort)
      waiting.delete(outgoing.id)
      if (waiting.size === 0) this.#rest(connection)
    }
  }

  #connect(): Connection {
    const socket = this.#open()
    const heardAt = this.#clock.monotonic()
    const connection: Connection = { socket, waiting: new Map(), hasAnswered: false, heardAt }
    const splitter = new MessageSplitter()
    let reason: Error | undefined
    socket.setNoDelay(true)
    socket.on('error', (fault) => {
      reason = fault
    })
    socket.on('data', (octets) => {
      for (const message of splitter.push(octets)) receive(message, connection, this.#clock.monotonic())
    })
    // A server that says it is done gets no more questions, though those it has may still be answered.
    socket.on('end', () => this.#forget(connection))
    socket.on('close', () => {
      this.#forget(connection)
      const fault = connection.hasAnswered || !reason ? new Broken(connection) : reason
      for (const { settling } of connection.waiting.values()) settling.reject(fault)
    })
    return connection
  }

  #rest(connection: Connection): void {
    connection.idle?.[Symbol.dispose]()
    connection.idle = this.#clock.after(IDLE, () => {
      this.#forget(connection)
      connection.socket.destroySoon()
    })
  }

  #forget(connection: Connection): void {
    connection.idle?.[Symbol.dispose]()
    if (this.#current === connection) this.#current = undefined
  }
}

function receive(message: Buffer, connection: Connection, now: number): void {
  if (message.length < HEADER_OCTETS) return
  const waiting = connection.waiting.get(message.readUInt16BE())
  if (!waiting) return
  connection.hasAnswered = true
  connection.heardAt = now
  settleWith(message, waiting.outgoing, waiting.settling)
}

function withFreeId(outgoing: Outgoing, taken: ReadonlyMap<number, unknown>): Outgoing {
  let id = outgoing.id
  while (taken.has(id)) id = (id + 1) & 0xffff
  return id === outgoing.id ? outgoing : withId(outgoing, id)
}
