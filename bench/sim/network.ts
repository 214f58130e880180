/** Nodes without sockets: routing tables like kad-dht's, open connections, round trips, and what each node holds. */
import { createHash } from 'node:crypto'
import { DhtFault } from '../../src/dht/fault.ts'
import { FORWARD_CHOICE, Forwarder } from '../../src/dht/forwarding.ts'
import type { Contact, GetReply, GetRequest, PutReply, PutRequest } from '../../src/dht/frames.ts'
import { MAX_CLOSER } from '../../src/dht/frames.ts'
import { capGroups } from '../../src/dht/ip-group.ts'
import { digestOf, distance, encodeRecordKey, kademliaId, type Replica } from '../../src/dht/record-key.ts'
import { HEDGE_FACTOR } from '../../src/dht/searcher.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { compareZones, type SignedZone, verifyZone } from '../../src/zone/signed-zone.ts'
import type { SimOptions } from './options.ts'
import { Random } from './random.ts'
import { bucketsOf, closestOf } from './space.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Says something else than an honest node would. */
export type Behaviour = (request: GetRequest, peer: SimPeer) => GetReply

export interface SimPeer {
  readonly rank: number
  readonly contact: Contact
  /** Where in the space it is. */
  readonly point: Uint8Array
  /** Ranks of the nodes it knows, ascending. */
  table: readonly number[]
  /** Ranks of those it has a connection with. */
  readonly links: Set<number>
  /** Its IP group. */
  group: string
  readonly zones: Map<string, SignedZone>
  /** When each was last put on it. */
  readonly put: Map<string, number>
  dead: boolean
  behaviour?: Behaviour | undefined
  /** Passes on what it does not hold; made when first needed. */
  forwarder?: Forwarder
}

/** IP groups of honest nodes: what they are in is their chance. */
const GROUPS = 200
/** kad-dht's: contacts in a bucket, and how many bits of an id its buckets tell apart. */
const BUCKET = 20
const BUCKET_BITS = 6
/** Round trips until a connection can be used: TCP, noise, yamux, the protocol and its first stream. */
const DIAL_ROUND_TRIPS = 5

export interface NetworkNeeds {
  readonly nodes: number
  readonly clock: VirtualClock
  readonly options: SimOptions
  /** Names the nodes: networks of another name have other ids. */
  readonly name: string
  /** Ids of nodes there are besides. */
  readonly ids?: readonly Uint8Array[]
}

export class SimNetwork {
  readonly peers: readonly SimPeer[]
  readonly clock: VirtualClock
  readonly options: SimOptions
  readonly #points: readonly Uint8Array[]
  readonly #byContact = new Map<Contact, SimPeer>()
  readonly #allRanks: readonly number[]
  readonly #name: string
  /** Requests sent so far. */
  messages = 0
  dials = 0

  constructor({ nodes, clock, options, name, ids = [] }: NetworkNeeds) {
    this.clock = clock
    this.options = options
    this.#name = name
    const own = Array.from({ length: nodes }, (_, at) =>
      createHash('sha256').update(`${options.seed} ${name} ${at}`).digest(),
    )
    const made = [...own, ...ids].map((id) => ({ contact: { id, addresses: [] }, point: kademliaId(id) }))
    made.sort((a, b) => Buffer.compare(a.point, b.point))
    this.peers = made.map((each, rank) => newPeer(rank, each))
    this.#points = made.map(({ point }) => point)
    this.#allRanks = made.map((_, rank) => rank)
    for (const peer of this.peers) this.#byContact.set(peer.contact, peer)
    this.#acquaint()
  }

  /** The nodes closest to a place, dead ones among them. */
  closest(target: Uint8Array, count: number): SimPeer[] {
    return closestOf(this.#allRanks, this.#points, { target, count }).map((rank) => this.peers[rank]!)
  }

  static placeOf(key: PublicKey, replica: Replica): Uint8Array {
    return kademliaId(encodeRecordKey(key, replica))
  }

  /** Where a lookup of `peer` begins. */
  known(peer: SimPeer, target: Uint8Array, count: number): Contact[] {
    const ranks = closestOf(peer.table, this.#points, { target, count })
    return ranks.map((rank) => this.peers[rank]!.contact)
  }

  peerOf(contact: Contact): SimPeer | undefined {
    return this.#byContact.get(contact)
  }

  async ask(from: SimPeer, contact: Contact, request: GetRequest): Promise<GetReply> {
    const peer = await this.#reach(from, contact)
    if (peer.behaviour) return peer.behaviour(request, peer)
    const reply = this.honest(request, peer)
    if (reply.kind !== 'absent') return reply
    peer.forwarder ??= this.#forwarderOf(peer)
    const bytes = await peer.forwarder.forward(request, from.contact.id)
    return bytes ? { kind: 'relayed', bytes, closer: reply.closer } : reply
  }

  async put(from: SimPeer, contact: Contact, request: PutRequest): Promise<PutReply> {
    const peer = await this.#reach(from, contact)
    if (peer.behaviour) return { kind: 'stored' } // a liar says so
    return this.store(peer, zoneOfBytes.get(request.bytes)!)
  }

  /** Never back, as the zone store has it. */
  store(peer: SimPeer, zone: SignedZone): PutReply {
    const held = peer.zones.get(zone.key.label)
    if (zone.expires <= this.clock.now()) return { kind: 'refused', refusal: 'expired' }
    if (held && compareZones(zone, held) < 0) return { kind: 'newer', bytes: held.bytes }
    peer.zones.set(zone.key.label, zone)
    peer.put.set(zone.key.label, this.clock.now())
    zoneOfBytes.set(zone.bytes, zone)
    labels.set(Buffer.from(zone.key.bytes).toString('latin1'), zone.key.label)
    return { kind: 'stored' }
  }

  honest(request: GetRequest, peer: SimPeer): GetReply {
    const closer = this.closer(request, peer)
    const zone = peer.zones.get(labels.get(Buffer.from(request.key).toString('latin1')) ?? '')
    if (!zone || zone.expires <= this.clock.now()) return { kind: 'absent', closer }
    const { have } = request
    if (have && zone.sequence < have.sequence) return { kind: 'older', sequence: zone.sequence, closer }
    if (have && digestOf(zone.bytes).equals(have.digest)) return { kind: 'same', closer }
    return { kind: 'found', bytes: zone.bytes, closer }
  }

  /** As the zone server picks them: those it has a connection with first. */
  closer(request: GetRequest, peer: SimPeer): Contact[] {
    const target = kademliaId(encodeRecordKey({ bytes: request.key }, request.replica))
    const among = (count: number) => {
      const ranks = closestOf(peer.table, this.#points, { target, count })
      return capGroups(ranks, 2 * MAX_CLOSER, (rank) => this.peers[rank]!.group)
    }
    const first = among(2 * MAX_CLOSER + 1)
    const { chosen, surplus } = first.surplus.length === 0 ? first : among(8 * MAX_CLOSER)
    const near = [...chosen, ...surplus]
    const linked = near.filter((rank) => peer.links.has(rank))
    const lively = [...linked, ...near.filter((rank) => !peer.links.has(rank))]
    return lively.slice(0, MAX_CLOSER).map((rank) => this.peers[rank]!.contact)
  }

  /** Milliseconds after which one node does not wait for another alone. */
  hedgeAfter(from: SimPeer, contact: Contact, roundTrips: number): number {
    const other = this.#byContact.get(contact)
    const last = other && from.links.has(other.rank) ? this.roundTrip(from, other) : 0
    return Math.max(this.options.config.hedgeMin, HEDGE_FACTOR * roundTrips * last)
  }

  isConnected(from: SimPeer, contact: Contact): boolean {
    const other = this.#byContact.get(contact)
    return other !== undefined && from.links.has(other.rank)
  }

  /** The nodes a node is connected with, nearest to a place first. */
  linked(from: SimPeer, target: Uint8Array, count: number): Contact[] {
    const ranks = [...from.links].sort(ascending)
    return closestOf(ranks, this.#points, { target, count }).map((rank) => this.peers[rank]!.contact)
  }

  /** Milliseconds; the same for the two of a link whenever they are asked. */
  roundTrip(a: SimPeer, b: SimPeer): number {
    const { roundTrip, spread, seed } = this.options
    if (spread === 0) return roundTrip
    const [low, high] = a.rank < b.rank ? [a.rank, b.rank] : [b.rank, a.rank]
    return roundTrip * Math.exp(spread * new Random(`${seed} link ${low} ${high}`).normal())
  }

  #forwarderOf(peer: SimPeer): Forwarder {
    const { clock, options } = this
    return new Forwarder({
      nearer: (request) => this.#nearer(request, peer),
      ask: async (contact, request) => await this.ask(peer, contact, request),
      hedgeAfter: (contact, roundTrips) => this.hedgeAfter(peer, contact, roundTrips),
      accept: (bytes, key) => zoneOfBytes.get(bytes) ?? verifyZone(bytes, key),
      groupOf: () => undefined,
      clock,
      limits: options.config,
    })
  }

  /** As the searcher picks them. */
  #nearer({ key, replica }: GetRequest, peer: SimPeer): Contact[] {
    const target = kademliaId(encodeRecordKey({ bytes: key }, replica))
    const away = distance(peer.point, target)
    const isNearer = (rank: number) => Buffer.compare(distance(this.#points[rank]!, target), away) < 0
    return this.linked(peer, target, FORWARD_CHOICE).filter((contact) => isNearer(this.peerOf(contact)!.rank))
  }

  /** Who is gone says nothing: that is found out when the time for one request is over. */
  async #reach(from: SimPeer, contact: Contact): Promise<SimPeer> {
    const peer = this.#byContact.get(contact)
    const isLinked = peer !== undefined && (from === peer || from.links.has(peer.rank))
    this.messages++
    if (!isLinked) this.dials++
    if (!peer || peer.dead) {
      await this.clock.wait(this.options.config.requestTimeout)
      throw new DhtFault(isLinked ? 'timeout' : 'connect', 'The node is gone.')
    }
    const roundTrip = this.roundTrip(from, peer)
    await this.clock.wait(isLinked ? roundTrip : (DIAL_ROUND_TRIPS + 1) * roundTrip)
    return peer
  }

  /** Fills the tables and opens connections: to all neighbours, to a few of each bucket, never more than the limit. */
  #acquaint(): void {
    const random = new Random(`${this.options.seed} ${this.#name} tables`)
    const buckets = bucketsOf(this.#points, { size: BUCKET, depth: BUCKET_BITS }).map(([from, to]) =>
      this.#allRanks.slice(from, to),
    )
    const wanted = this.peers.map((peer) => {
      const near = closestOf(this.#allRanks, this.#points, { target: peer.point, count: BUCKET + 1 })
      const far = buckets.map((ranks) => random.sample(ranks, BUCKET))
      peer.table = [...new Set([...near, ...far.flat()])].filter((rank) => rank !== peer.rank).sort(ascending)
      const some = far.flatMap((ranks) => random.sample(ranks, this.options.warm))
      return { peer, near: near.slice(1), some }
    })
    for (const { peer, near } of wanted) for (const rank of near) this.#link(peer, this.peers[rank]!)
    for (const { peer, some } of wanted) for (const rank of some) this.#link(peer, this.peers[rank]!)
  }

  #link(a: SimPeer, b: SimPeer): void {
    const { maxConnections } = this.options.config
    if (a === b || a.links.size >= maxConnections || b.links.size >= maxConnections) return
    a.links.add(b.rank)
    b.links.add(a.rank)
  }
}

/** Verified zones by the very octets that travel: a signature is checked once and not by each of a thousand nodes. */
export const zoneOfBytes = new WeakMap<Uint8Array, SignedZone>()
/** Labels by the octets of their keys. */
const labels = new Map<string, string>()

function newPeer(rank: number, { contact, point }: Pick<SimPeer, 'contact' | 'point'>): SimPeer {
  const group = `group ${point.at(-1)! % GROUPS}`
  return {
    rank,
    contact,
    point,
    group,
    table: [],
    links: new Set(),
    zones: new Map(),
    put: new Map(),
    dead: false,
  }
}

function ascending(a: number, b: number): number {
  return a - b
}
