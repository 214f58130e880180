/** The TCP door (RFC 7766): many questions on one connection, answered as they are ready, none of it without bound. */
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import type { DnsConfig } from '../config.ts'
import type { Client } from '../query.ts'
import type { Serve } from '../serve.ts'
import { MessageSplitter, withLength } from '../stream-framing.ts'
import { endpointOf, type Listener, ListenFault, type Place } from './listener.ts'

export interface TcpDeps {
  readonly clock: Clock
  readonly config: DnsConfig
  readonly serve: Serve
  readonly mayAsk: (address: string) => boolean
  readonly logger: Logger
}

/** Octets of replies a client may leave unread before it is cut off. */
const MAX_UNREAD = 1 << 18

/** @throws ListenFault */
export async function listenTcp(place: Place, deps: TcpDeps): Promise<Listener> {
  const guests = new Guests(deps)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (guests.admit(socket)) new Connection(socket, 'tcp', deps).start()
  })
  return await openServer(server, place, { purpose: 'DNS', guests, deps })
}

/** Of any door that takes connections. @throws ListenFault */
export async function openServer(
  server: Server,
  place: Place,
  { purpose, guests, deps }: { readonly purpose: string; readonly guests: Guests; readonly deps: TcpDeps },
): Promise<Listener> {
  server.maxConnections = deps.config.tcpMaxConnections
  try {
    await bound(server, place)
  } catch (cause) {
    throw new ListenFault({ purpose, protocol: 'TCP' }, place, cause)
  }
  server.on('error', (error) => deps.logger.warn({ err: error }, 'TCP server error'))
  return {
    endpoint: endpointOf(server.address() as AddressInfo, place),
    async [Symbol.asyncDispose]() {
      server.close()
      guests.destroyAll()
      await once(server, 'close')
    },
  }
}

async function bound(server: Server, place: Place): Promise<void> {
  server.listen('fd' in place ? place : { ...place, ipv6Only: isIPv6(place.host) })
  await once(server, 'listening')
}

/** The connections of one door, counted by client. */
export class Guests {
  readonly #deps: TcpDeps
  readonly #connections = new Set<Socket>()
  /** How many each client has; none at 0. */
  readonly #ofClient = new Map<string, number>()

  constructor(deps: TcpDeps) {
    this.#deps = deps
  }

  /** @returns false when it was closed: its client may not ask, or has too many */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ''
    const ofClient = this.#ofClient.get(address) ?? 0
    if (!this.#deps.mayAsk(address) || ofClient >= this.#deps.config.tcpMaxConnectionsPerClient) {
      socket.destroy()
      return false
    }
    this.#connections.add(socket)
    this.#ofClient.set(address, ofClient + 1)
    socket.on('close', () => this.#left(socket, address))
    return true
  }

  #left(socket: Socket, address: string): void {
    this.#connections.delete(socket)
    const others = (this.#ofClient.get(address) ?? 1) - 1
    if (others > 0) this.#ofClient.set(address, others)
    else this.#ofClient.delete(address)
  }

  destroyAll(): void {
    for (const socket of this.#connections) socket.destroy()
  }
}

/** One client's connection: its questions in flight, and the clock that ends it. */
export class Connection {
  readonly #socket: Socket
  readonly #client: Client
  readonly #deps: TcpDeps
  readonly #splitter = new MessageSplitter()
  /** Questions that came with others and have to wait for their turn. */
  #waiting: Buffer[] = []
  #inFlight = 0
  #ended = false
  #alarm: Disposable | undefined

  constructor(socket: Socket, transport: Client['transport'], deps: TcpDeps) {
    this.#socket = socket
    this.#client = { address: socket.remoteAddress ?? '', transport }
    this.#deps = deps
  }

  start(): void {
    this.#socket.on('data', (piece) => this.#receive(piece))
    this.#socket.on('end', () => {
      this.#ended = true
      this.#closeWhenDone()
    })
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => this.#alarm?.[Symbol.dispose]())
    this.#socket.setNoDelay(true)
    this.#setAlarm()
  }

  #receive(piece: Buffer): void {
    const wasPartial = this.#splitter.isPartial
    const messages = this.#splitter.push(piece)
    this.#waiting.push(...messages)
    this.#work()
    // A message that dribbles in does not begin its time anew with every octet.
    if (messages.length > 0 || !wasPartial) this.#setAlarm()
  }

  /** Begins with what may begin, and reads no more while something may not. */
  #work(): void {
    const mayBegin = () => this.#inFlight < this.#deps.config.tcpMaxInFlight && !this.#socket.destroyed
    let begun = 0
    for (; begun < this.#waiting.length && mayBegin(); begun++) this.#answer(this.#waiting[begun]!)
    this.#waiting = this.#waiting.slice(begun)
    if (mayBegin()) this.#socket.resume()
    else this.#socket.pause()
  }

  #answer(message: Buffer): void {
    const reply = this.#deps.serve(message, this.#client)
    if (reply instanceof Promise) {
      this.#inFlight++
      reply
        .then((late) => this.#send(late))
        .catch((error) => this.#deps.logger.error({ err: error }, 'no TCP reply'))
        .finally(() => this.#landed())
    } else if (reply) {
      this.#send(reply)
    }
  }

  #landed(): void {
    this.#inFlight--
    this.#work()
    this.#closeWhenDone()
    this.#setAlarm()
  }

  #send(reply: Buffer): void {
    if (this.#socket.destroyed) return
    this.#socket.write(withLength(reply))
    if (this.#socket.writableLength > MAX_UNREAD) this.#socket.destroy()
  }

  // RFC 7766 6.2.4: a client may close its half and still wait for answers.
  #closeWhenDone(): void {
    if (this.#ended && this.#inFlight === 0) this.#socket.end()
  }

  #setAlarm(): void {
    this.#alarm?.[Symbol.dispose]()
    if (this.#socket.destroyed) return
    const { tcpIdle, tcpMessageTimeout } = this.#deps.config
    this.#alarm = this.#deps.clock.after(this.#splitter.isPartial ? tcpMessageTimeout : tcpIdle, () => {
      // Whoever is owed an answer is not idle; the answer's own deadline ends that.
      if (this.#inFlight > 0 && !this.#splitter.isPartial) this.#setAlarm()
      else this.#socket.destroy()
    })
  }
}
