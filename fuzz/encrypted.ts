/** Changed packets at the encrypted doors, DNS over TLS and over HTTPS: within their frames and in place of them. */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { DOH_PATH } from '../src/resolver/listeners/https.ts'
import { MessageSplitter, withLength } from '../src/resolver/stream-framing.ts'
import { isAnswer, within } from './answers.ts'
import type { Chance } from './random.ts'

export interface EncryptedPorts {
  readonly tls: number
  readonly https: number
}

export type EncryptedDoor = 'DoT' | 'DoH'

const DOORS = ['tls', 'https'] as const

type Hear = (reply: Buffer) => void

const MESSAGE = 'application/dns-message'
/** Octets that fit into a header. */
const MAX_IN_HEADER = 8000
/** What an HTTP/2 client says first (RFC 9113 3.4), and SETTINGS without any. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
])
/** Milliseconds without a word after which a connection that was only to be a nuisance is left. */
const NUISANCE = 3000

export class EncryptedFire {
  readonly #ports: EncryptedPorts
  readonly #judge: Hear
  readonly #nuisances = new Set<Socket>()
  #stream: TLSSocket | undefined
  #session: ClientHttp2Session | undefined

  /** @param judge hears every reply */
  constructor(ports: EncryptedPorts, judge: Hear) {
    this.#ports = ports
    this.#judge = judge
  }

  /** @returns in what way the octets went */
  send(octets: Buffer, chance: Chance): string {
    const ways = [this.#message, this.#post, this.#post, this.#get, this.#inTls, this.#frame, this.#plain]
    return chance.pick(ways)(octets, chance)
  }

  async ask(packet: Buffer, door: EncryptedDoor): Promise<boolean> {
    return await (door === 'DoT' ? this.#askTls(packet) : this.#askHttps(packet))
  }

  end(): void {
    for (const socket of [this.#stream, ...this.#nuisances]) socket?.destroy()
    this.#session?.destroy()
  }

  readonly #message = (octets: Buffer): string => {
    if (!this.#stream?.writable) this.#stream = this.#openTls('tls', this.#judge)
    this.#stream.write(withLength(octets))
    return 'messages over TLS'
  }

  readonly #post = (octets: Buffer): string => {
    this.#request(octets, 'POST', this.#judge)
    return 'POSTs'
  }

  readonly #get = (octets: Buffer): string => {
    this.#request(octets.subarray(0, MAX_IN_HEADER), 'GET', this.#judge)
    return 'GETs'
  }

  /** In place of frames: of DNS's over TCP at the one door, of HTTP at the other. */
  readonly #inTls = (octets: Buffer, chance: Chance): string => {
    const socket = this.#openTls(chance.pick(DOORS), () => undefined)
    socket.end(octets)
    this.#leave(socket)
    return 'garbage within TLS'
  }

  /** As an HTTP/2 frame of any type, for any stream. */
  readonly #frame = (octets: Buffer, chance: Chance): string => {
    const socket = this.#openTls('https', () => undefined)
    const frame = Buffer.alloc(9)
    frame.writeUIntBE(octets.length, 0, 3)
    frame[3] = chance.below(11)
    frame[4] = chance.below(256)
    frame.writeUInt32BE(chance.pick([0, 1, 3, 0x7fff_ffff]), 5)
    socket.write(Buffer.concat([PREFACE, frame, octets]))
    this.#leave(socket)
    return 'HTTP/2 frames'
  }

  /** In place of a handshake. */
  readonly #plain = (octets: Buffer, chance: Chance): string => {
    const socket = connect({ host: '127.0.0.1', port: this.#ports[chance.pick(DOORS)] })
    // Half of them begin as a handshake would.
    const head = chance.below(2) === 0 ? Buffer.of(22, 3, 1, octets.length >> 8, octets.length) : ''
    socket.write(head)
    socket.end(octets)
    this.#leave(socket)
    return 'garbage in place of TLS'
  }

  #leave(socket: Socket): void {
    this.#nuisances.add(socket)
    socket.on('error', () => undefined) // broken off by the node, as it may
    socket.on('close', () => this.#nuisances.delete(socket))
    socket.setTimeout(NUISANCE, () => socket.destroy())
    socket.resume()
  }

  #openTls(door: keyof EncryptedPorts, hear: Hear): TLSSocket {
    const port = this.#ports[door]
    const ALPNProtocols = door === 'https' ? ['h2'] : []
    const socket = connectTls({ host: '127.0.0.1', port, ALPNProtocols, rejectUnauthorized: false })
    const splitter = new MessageSplitter()
    socket.on('data', (piece) => {
      for (const reply of door === 'tls' ? splitter.push(piece) : []) hear(reply)
    })
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    return socket
  }

  #request(octets: Buffer, method: 'GET' | 'POST', hear: Hear): void {
    const isKept = this.#session && !this.#session.closed && !this.#session.destroyed
    if (!isKept) this.#session = this.#openHttps()
    const path = method === 'GET' ? `${DOH_PATH}?dns=${octets.toString('base64url')}` : DOH_PATH
    const stream = this.#session!.request({
      ':method': method,
      ':path': path,
      ...(method === 'POST' && { 'content-type': MESSAGE }),
    })
    const pieces: Buffer[] = []
    let status = 0
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('end', () => {
      if (status === 200) hear(Buffer.concat(pieces))
    })
    stream.on('error', () => undefined)
    stream.end(method === 'POST' ? octets : undefined)
  }

  #openHttps(): ClientHttp2Session {
    const session = connectHttp2(`https://127.0.0.1:${this.#ports.https}`, { rejectUnauthorized: false })
    session.on('error', () => undefined)
    return session
  }

  /** On a connection of its own. */
  async #askTls(packet: Buffer): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = this.#openTls('tls', (reply) => {
      if (isAnswer(reply, packet)) resolve(true)
    })
    socket.on('close', () => resolve(false))
    socket.write(withLength(packet))
    const answered = await within(promise)
    socket.destroy()
    return answered
  }

  /** On the connection that the changed ones go over. */
  async #askHttps(packet: Buffer): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#request(packet, 'POST', (reply) => resolve(isAnswer(reply, packet)))
    return await within(promise)
  }
}
