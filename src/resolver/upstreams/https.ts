/** DNS over HTTPS (RFC 8484) over one kept HTTP/2 connection: each question is a POST of its own, and answers come in any order. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { Clock } from '../../clock.ts'
import type { Message } from '../../dns/message.ts'
import type { UpstreamServer } from '../config.ts'
import { type Outgoing, settleWith, withId } from './exchange.ts'
import { tlsOpener } from './tls.ts'

/** ms without a question after which the connection is closed. */
const IDLE = 10_000
/** Questions that wait on one connection; what is beyond fails, so that another server is asked. */
const MAX_IN_FLIGHT = 256
const MAX_MESSAGE = 0xffff
/** Octets, and names and values, of the headers of one answer. */
const MAX_HEADERS = 16_384
const MAX_HEADER_PAIRS = 64
/** Megabytes that the server may have us hold. */
const MAX_SESSION_MEMORY = 10
const MESSAGE = 'application/dns-message'
const DEFAULT_PATH = '/dns-query'
const HTTPS_PORT = 443

interface Connection {
  readonly session: ClientHttp2Session
  inFlight: number
  /** Whether it has answered before: then its end says nothing of the server. */
  hasAnswered: boolean
  /** When it answered last, or was opened: ms of the monotonic clock. */
  heardAt: number
  idle?: Disposable
}

/** The connection ended under a question, though it had answered others; or the server says that it has not read it (RFC 9113 8.7). */
class Broken extends Error {}

export class HttpsChannel {
  readonly isEncrypted = true
  readonly #clock: Clock
  readonly #server: UpstreamServer
  readonly #open: ReturnType<typeof tlsOpener>
  #current: Connection | undefined

  constructor(clock: Clock, server: UpstreamServer) {
    this.#clock = clock
    this.#server = server
    this.#open = tlsOpener(server, 'h2')
  }

  /** Asked once more where a connection that was kept has died in the meantime, or was being closed. */
  async ask(outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
    // RFC 8484 4.1: the same question is the same octets, for caches on the way.
    const anonymous = withId(outgoing, 0)
    try {
      return await this.#askOnce(anonymous, signal)
    } catch (fault) {
      if (!(fault instanceof Broken) || signal.aborted) throw fault
      return await this.#askOnce(anonymous, signal)
    }
  }

  /** A server that has answered others since is slow, but there; else the connection may be dead and nobody told us. */
  wasSilent(since: number): void {
    if (this.#current && this.#current.heardAt <= since) this.close()
  }

  /** Whoever still waits is told that the connection is gone; the next question opens another. */
  close(): void {
    this.#current?.session.destroy()
    this.#current = undefined
  }

  async #askOnce(outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
    signal.throwIfAborted()
    this.#current ??= this.#connect()
    const connection = this.#current
    if (connection.inFlight >= MAX_IN_FLIGHT) throw new Error('Too many questions wait for this upstream.')
    connection.idle?.[Symbol.dispose]()
    connection.inFlight++
    const stream = this.#post(connection.session, outgoing.packet)
    const onAbort = () => stream.close(constants.NGHTTP2_CANCEL)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const reply = await messageIn(await readAnswer(stream), outgoing)
      connection.hasAnswered = true
      connection.heardAt = this.#clock.monotonic()
      return reply
    } catch (fault) {
      signal.throwIfAborted()
      const hasDied = connection.session.destroyed && connection.hasAnswered
      throw hasDied || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new Broken() : fault
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (--connection.inFlight === 0) this.#rest(connection)
    }
  }

  #post(session: ClientHttp2Session, packet: Buffer): ClientHttp2Stream {
    const { path = DEFAULT_PATH } = this.#server
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      accept: MESSAGE,
      'content-type': MESSAGE,
      'content-length': packet.length,
    })
    // Who reads it is told as well; but of a stream that ends before its connection is there, nobody reads any more.
    stream.on('error', () => undefined)
    stream.end(packet)
    return stream
  }

  #connect(): Connection {
    const session = connect(`https://${authorityOf(this.#server)}`, {
      createConnection: () => this.#open(),
      settings: { enablePush: false, maxHeaderListSize: MAX_HEADERS },
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      maxSessionMemory: MAX_SESSION_MEMORY,
    })
    const connection: Connection = {
      session,
      inFlight: 0,
      hasAnswered: false,
      heardAt: this.#clock.monotonic(),
    }
    // Each question is told by its own stream.
    session.on('error', () => this.#forget(connection))
    session.on('close', () => this.#forget(connection))
    // A server that says it is done gets no more questions, though those it has may still be answered.
    session.on('goaway', () => this.#forget(connection))
    return connection
  }

  #rest(connection: Connection): void {
    connection.idle?.[Symbol.dispose]()
    if (this.#current !== connection) {
      connection.session.close()
      return
    }
    connection.idle = this.#clock.after(IDLE, () => {
      this.#forget(connection)
      connection.session.close()
    })
  }

  #forget(connection: Connection): void {
    connection.idle?.[Symbol.dispose]()
    if (this.#current === connection) this.#current = undefined
  }
}

function authorityOf({ host, port, name }: UpstreamServer): string {
  const authority = name ?? (host.includes(':') ? `[${host}]` : host)
  return port === HTTPS_PORT ? authority : `${authority}:${port}`
}

async function readAnswer(stream: ClientHttp2Stream): Promise<Buffer> {
  stream.on('response', ({ ':status': status, 'content-type': type }) => {
    if (status !== 200) stream.destroy(new Error(`The upstream answered with HTTP status ${status}.`))
    else if (type !== MESSAGE)
      stream.destroy(new Error('The upstream answered with something else than DNS.'))
  })
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > MAX_MESSAGE) throw new Error('The upstream answered with too many octets.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

async function messageIn(octets: Buffer, outgoing: Outgoing): Promise<Message> {
  const settling = Promise.withResolvers<Message>()
  settleWith(octets, outgoing, settling)
  settling.reject(new Error('The upstream answered another question.')) // of no effect where that has settled it
  const reply = await settling.promise
  if (reply.flags.truncated) throw new Error('The upstream cut its answer short on a stream.')
  return reply
}
