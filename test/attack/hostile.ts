/** A peer of the attacker: libp2p as it is, kad-dht and our protocol by hand, and what it says is not what it should. */
import { createHash, randomBytes } from 'node:crypto'
import { generateKeyPairFromSeed, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { Chance } from '../../fuzz/random.ts'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import {
  decodeRequest,
  encodeReply,
  type Numbered,
  type Reply,
  type Request,
  ZONE_PROTOCOL,
} from '../../src/dht/frames.ts'
import { distance, kademliaId } from '../../src/dht/record-key.ts'
import type { Peer } from './commands.ts'
import { crowd, crowdAddresses, crowdContacts } from './crowd.ts'
import { field, IDENTIFY, KAD, kadReply, readKadRequest, withLength } from './protobuf.ts'

/** Identities tried to come near a place. */
const TRIES = 1000
const PUT_VALUE = 0
const GET_VALUE = 1
const PING = 5
/** Octets of what begins like a zone. */
const GARBAGE = 400

export function baseOptions(listen: string[]): Libp2pOptions {
  return {
    // What nobody has confirmed of global addresses libp2p does not tell, but for those announced.
    addresses: { listen, announce: listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  }
}

export class HostilePeer {
  readonly #node: Libp2p
  readonly #peer: Peer
  readonly #chance: Chance
  readonly #zone: Buffer
  served = 0

  private constructor(node: Libp2p, peer: Peer) {
    this.#node = node
    this.#peer = peer
    this.#chance = new Chance(0, peer.seed, 1)
    this.#zone = Buffer.from(peer.zone ?? '', 'base64')
  }

  static async open(peer: Peer): Promise<HostilePeer> {
    const privateKey = await identityNear(peer)
    const services = peer.behaviour === 'many' ? { ping: ping() } : { ping: ping(), identify: identify() }
    const node = await createLibp2p({
      start: false,
      privateKey,
      ...baseOptions([peer.listen]),
      connectionGater: { denyDialMultiaddr: () => false },
      services,
    })
    const hostile = new HostilePeer(node, peer)
    const many = { maxInboundStreams: 1000 }
    if (peer.behaviour === 'many')
      await node.handle(IDENTIFY, (stream) => hostile.#introduce(stream, privateKey), many)
    await node.handle(KAD, (stream) => hostile.#serveKad(stream), many)
    await node.handle(ZONE_PROTOCOL, (stream) => hostile.#serveZones(stream), many)
    await node.start()
    return hostile
  }

  /** Connects, so that the other side hears of its protocols. */
  async meet(address: string): Promise<void> {
    await this.#node.dial(multiaddr(address))
  }

  /** Identify with as many addresses as one message may carry, and the protocols that bring it into a routing table. */
  #introduce(stream: Stream, { publicKey }: PrivateKey): void {
    this.served++
    const names = [KAD, ZONE_PROTOCOL, IDENTIFY]
    const message = Buffer.concat([
      field(1, publicKeyToProtobuf(publicKey)),
      field(2, multiaddr(this.#peer.listen).bytes),
      ...names.map((name) => field(3, name)),
      ...crowdAddresses(this.#chance).map((address) => field(2, address)),
    ])
    stream.send(withLength(message))
    stream.close().catch(() => undefined)
  }

  #serveKad(stream: Stream): void {
    let pending = Buffer.alloc(0)
    stream.addEventListener('message', ({ data }) => {
      pending = Buffer.concat([pending, data.subarray()])
      const request = readKadRequest(pending)
      if (!request) return
      pending = Buffer.alloc(0)
      this.served++
      this.#answerKad(stream, request)
    })
    stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined))
  }

  #answerKad(stream: Stream, { type, key }: { type: number; key: Uint8Array }): void {
    const { behaviour } = this.#peer
    // Whoever is silent from the beginning comes into no routing table.
    if (behaviour === 'silent' && type === GET_VALUE) return
    if (type === PUT_VALUE && behaviour === 'old') {
      stream.abort(new Error('refused'))
      return
    }
    const closer = behaviour === 'many' && type !== PING ? crowd(this.#chance) : []
    const value = type === GET_VALUE ? this.#lie(key.subarray(6, 38)) : undefined
    stream.send(kadReply(type, { key, value, closer }))
  }

  #serveZones(stream: Stream): void {
    const splitter = new FrameSplitter()
    stream.addEventListener('message', ({ data }) => {
      for (const frame of splitter.push(data.subarray())) {
        this.served++
        const octets = this.#answer(decodeRequest(frame))
        if (octets) stream.send(octets)
      }
    })
  }

  #answer(request: Numbered<Request>): Uint8Array | undefined {
    const { behaviour } = this.#peer
    const head = { request: request.request, time: Date.now() }
    if (behaviour === 'silent') return undefined
    if (request.kind === 'put')
      return encodeReply({
        ...head,
        kind: behaviour === 'old' ? 'refused' : 'stored',
        refusal: 'full',
      } as never)
    const closer = behaviour === 'many' ? crowdContacts(this.#chance) : []
    const bytes = this.#lie(request.key)
    const reply: Reply = bytes ? { kind: 'found', bytes, closer } : { kind: 'absent', closer }
    const octets = encodeReply({ ...head, ...reply })
    return behaviour === 'lying' ? this.#withLyingLength(octets) : octets
  }

  /** What it gives for the zone of that key; undefined: it says there is none. */
  #lie(key: Uint8Array): Uint8Array | undefined {
    switch (this.#peer.behaviour) {
      case 'old':
        return this.#zone.subarray(0, 32).equals(key) ? this.#zone : undefined
      case 'garbage':
        return Buffer.concat([key, randomBytes(GARBAGE)])
      case 'other':
        return this.#zone
      case 'signature':
      case 'lying':
        return forged(this.#zone, key)
      case 'many':
      case 'absent':
      case 'silent':
        return undefined
    }
  }

  /** One of four: a frame too long, too short, the zone's length too long, a count of 255 closer peers. */
  #withLyingLength(octets: Uint8Array): Buffer {
    const lie = Buffer.from(octets)
    switch (this.#chance.below(4)) {
      case 0:
        lie.writeUInt16BE(0xffff)
        return lie
      case 1:
        lie.writeUInt16BE(5)
        return lie
      case 2:
        lie.writeUInt16BE(0xffff, 15) // behind u16 length, u8 kind, u32 id, u64 time
        return lie
      default:
        lie[lie.length - 1] = 255
        return lie
    }
  }
}

/** A well-formed zone of another key, said to be this key's, a day newer than it was. */
function forged(zone: Buffer, key: Uint8Array): Buffer {
  const lie = Buffer.from(zone)
  lie.set(key)
  lie.writeBigUInt64BE(lie.readBigUInt64BE(96) + 300_000_000n, 96)
  return lie
}

async function identityNear({ near, seed }: Peer): Promise<PrivateKey> {
  const tries = near === undefined ? 1 : TRIES
  let best: { key: PrivateKey; away: Buffer } | undefined
  for (let number = 0; number < tries; number++) {
    const key = await generateKeyPairFromSeed(
      'Ed25519',
      createHash('sha256').update(`${seed}/${number}`).digest(),
    )
    const place = Buffer.from(near ?? '00'.repeat(32), 'hex')
    const away = distance(kademliaId(peerIdFromPrivateKey(key).toMultihash().bytes), place)
    if (!best || Buffer.compare(away, best.away) < 0) best = { key, away }
  }
  if (!best) throw new Error('There is no identity.')
  return best.key
}
