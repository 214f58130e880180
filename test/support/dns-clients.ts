/** Clients of a door: one that speaks UDP from one connected socket, as stubs do, and one that speaks TCP in whatever pieces. */
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../../src/resolver/config.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { type Reply, readReply } from './queries.ts'

/** What has come and nobody has taken yet, or the other way round. */
class Mailbox {
  readonly #come: Buffer[] = []
  readonly #awaited: PromiseWithResolvers<Buffer>[] = []

  put(message: Buffer): void {
    const awaited = this.#awaited.shift()
    if (awaited) awaited.resolve(message)
    else this.#come.push(message)
  }

  async take(): Promise<Buffer> {
    const message = this.#come.shift()
    if (message) return message
    const awaited = Promise.withResolvers<Buffer>()
    this.#awaited.push(awaited)
    return awaited.promise
  }

  /** Nothing more will come. */
  close(): void {
    for (const awaited of this.#awaited.splice(0)) awaited.reject(new Error('The connection was closed.'))
  }
}

/** Connected: a reply from any other address or port than was asked never reaches it. */
export class UdpClient implements AsyncDisposable {
  readonly #socket: Datagrams
  readonly #replies = new Mailbox()

  private constructor(socket: Datagrams) {
    this.#socket = socket
    socket.on('message', (packet) => this.#replies.put(packet))
    socket.on('error', () => undefined)
  }

  static async connect({ host, port }: Endpoint): Promise<UdpClient> {
    const socket = createSocket('udp4')
    socket.connect(port, host)
    await once(socket, 'connect')
    return new UdpClient(socket)
  }

  send(packet: Buffer): void {
    this.#socket.send(packet)
  }

  async reply(): Promise<Reply> {
    return readReply(await this.#replies.take())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}

export class TcpClient implements AsyncDisposable {
  readonly socket: Socket
  /** Resolves when the server has closed the connection whole, or broken it off. */
  readonly closed: Promise<void>
  /** Messages that came so far. */
  received = 0
  readonly #replies = new Mailbox()

  private constructor(socket: Socket) {
    const splitter = new MessageSplitter()
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#replies.close()
        resolve()
      })
    })
    socket.on('error', () => undefined) // a close follows
    socket.on('data', (piece) => {
      for (const message of splitter.push(piece)) {
        this.received++
        this.#replies.put(message)
      }
    })
    socket.setNoDelay(true)
  }

  /** A connection may be refused by being closed at once. */
  static async connect({ host, port }: Endpoint): Promise<TcpClient> {
    const socket = connect({ host, port, allowHalfOpen: true })
    const client = new TcpClient(socket)
    await once(socket, 'connect')
    // The server is done once it ends its half; a client has no more to say then.
    socket.on('end', () => socket.end())
    return client
  }

  /** A message, its length before it. */
  send(packet: Uint8Array): void {
    this.write(withLength(packet))
  }

  write(octets: Uint8Array): void {
    this.socket.write(octets)
  }

  async reply(): Promise<Reply> {
    return readReply(await this.#replies.take())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}
