/** A TCP relay on loopback that makes one node look far away: what it passes on comes late, in order, and none is left out. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'

export interface Line {
  readonly clock: Clock
  /** Milliseconds, each way. */
  readonly latency: number
  /** The share of chunks that have to be sent again, 0 to 1. */
  readonly loss: number
  /** From 0 up to 1, evenly: below `loss`, a chunk is lost. */
  readonly chance: () => number
}

const LOOPBACK = '127.0.0.1'
/** Connections through one relay at once. */
const MAX_CONNECTIONS = 1000
/** Octets under way in one direction of a connection; from then on its sender has to wait. */
const MAX_UNDER_WAY = 262_144
/** Milliseconds beyond a round trip until TCP sends again what was lost: Linux's. RFC 6298 2.4 would have a second. */
const RETRANSMISSION = 200

export class SlowRelay implements AsyncDisposable {
  readonly port: number
  readonly #line: Line
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** The port led to; undefined: nobody is there. */
  #target: number | undefined

  private constructor(server: Server, line: Line) {
    this.#server = server
    this.#line = line
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => this.#accept(socket))
  }

  static async open(line: Line): Promise<SlowRelay> {
    // An end in one direction comes as late as the octets before it, and says nothing of the other direction.
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
    server.maxConnections = MAX_CONNECTIONS
    server.listen(0, LOOPBACK)
    await once(server, 'listening')
    return new SlowRelay(server, line)
  }

  /** Connections go to this port of loopback from now on. */
  lead(port: number): void {
    this.#target = port
  }

  /** Ends every connection, as when the machine behind dies; new ones end too, until there is somebody to lead to. */
  cut(): void {
    this.#target = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  /** TCP's handshake is a round trip too; here the dialler's side of it took none. */
  #accept(near: Socket): void {
    this.#keep(near, near)
    const { clock, latency } = this.#line
    const alarm = clock.after(2 * latency, () => this.#join(near))
    near.once('close', () => alarm[Symbol.dispose]())
  }

  #join(near: Socket): void {
    if (this.#target === undefined) {
      near.destroy()
      return
    }
    const far = connect({ port: this.#target, host: LOOPBACK, allowHalfOpen: true, noDelay: true })
    this.#keep(far, near)
    near.once('error', () => far.destroy())
    new Direction(near, far, this.#line)
    new Direction(far, near, this.#line)
  }

  /** One that fails takes the other with it. One that only ended may have left octets that are still under way. */
  #keep(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => other.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** One direction of a connection. */
class Direction {
  readonly #from: Socket
  readonly #to: Socket
  readonly #line: Line
  /** Each waits for those before it. No octets: the end. */
  readonly #underWay: { readonly octets: Buffer | undefined; readonly due: number }[] = []
  #octets = 0
  #alarm: Disposable | undefined
  #blocked = false

  constructor(from: Socket, to: Socket, line: Line) {
    this.#from = from
    this.#to = to
    this.#line = line
    from.on('data', (octets) => this.#take(octets))
    from.once('end', () => this.#take(undefined))
    to.on('drain', () => this.#setBlocked(false))
    to.once('close', () => this.#alarm?.[Symbol.dispose]())
    from.resume()
  }

  #take(octets: Buffer | undefined): void {
    this.#underWay.push({ octets, due: this.#line.clock.monotonic() + this.#delay() })
    this.#octets += octets?.length ?? 0
    if (this.#octets >= MAX_UNDER_WAY) this.#from.pause()
    this.#schedule()
  }

  #delay(): number {
    const { latency, loss, chance } = this.#line
    return chance() < loss ? latency + RETRANSMISSION + 2 * latency : latency
  }

  #schedule(): void {
    const next = this.#underWay[0]
    if (!next || this.#alarm || this.#blocked) return
    const { clock } = this.#line
    this.#alarm = clock.after(Math.max(0, next.due - clock.monotonic()), () => this.#send())
  }

  #send(): void {
    this.#alarm = undefined
    const { octets } = this.#underWay.shift() ?? {}
    if (this.#to.destroyed) return
    if (octets) {
      this.#octets -= octets.length
      if (this.#octets < MAX_UNDER_WAY) this.#from.resume()
      this.#blocked = !this.#to.write(octets)
    } else this.#to.end()
    this.#schedule()
  }

  #setBlocked(blocked: boolean): void {
    this.#blocked = blocked
    this.#schedule()
  }
}
