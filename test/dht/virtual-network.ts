/** A Kademlia network without sockets: peers that answer, are silent, dead or lie, for tests of the lookup. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../src/clock.ts'
import { DhtFault } from '../../src/dht/fault.ts'
import type { Contact, GetReply, GetRequest } from '../../src/dht/frames.ts'
import type { LookupTools } from '../../src/dht/lookup-goal.ts'
import { digestOf, distance, encodeRecordKey, kademliaId, type Replica } from '../../src/dht/record-key.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { checkTime, type SignedZone, verifyZone } from '../../src/zone/signed-zone.ts'

/** Says something else than an honest peer would. */
type Behaviour = (request: GetRequest, peer: VirtualPeer) => GetReply | Promise<GetReply>

export interface VirtualPeer {
  readonly contact: Contact
  readonly id: Uint8Array
  /** Its IP group. */
  group?: string
  zone?: SignedZone | undefined
  behaviour?: Behaviour
}

export class VirtualNetwork {
  readonly peers: VirtualPeer[]
  readonly asked: VirtualPeer[] = []
  readonly #byId: Map<string, VirtualPeer>
  readonly #knows: number
  readonly clock: Clock

  /** @param knows how many of the peers closest to a key a peer can tell of, and of how many it knows besides */
  constructor(count: number, clock: Clock, knows = 20) {
    this.clock = clock
    this.#knows = knows
    this.peers = Array.from({ length: count }, (_, at) => {
      const contact = { id: createHash('sha256').update(`peer ${at}`).digest(), addresses: [] }
      return { contact, id: kademliaId(contact.id) }
    })
    this.#byId = new Map(this.peers.map((peer) => [name(peer.contact), peer]))
  }

  /** Peers from the closest to the furthest from a zone's place. */
  closest(key: PublicKey, replica: Replica = 0): VirtualPeer[] {
    const target = kademliaId(encodeRecordKey(key, replica))
    return byDistance(this.peers, target)
  }

  tools(limits: Partial<LookupTools['limits']> = {}): LookupTools {
    return {
      ask: async (contact, request) => await this.#ask(contact, request),
      hedgeAfter: (_, roundTrips) => 60 * roundTrips,
      groupOf: (contact) => this.#byId.get(name(contact))?.group,
      isConnected: () => false,
      isLikelyHolder: () => false,
      accept: (bytes, key) => {
        const zone = verifyZone(bytes, key)
        checkTime(zone, this.clock.now())
        return zone
      },
      clock: this.clock,
      self: Buffer.from('self'),
      limits: { parallelism: 2, maxAsked: 20, maxCandidates: 200, maxDialsPerLookup: 200, ...limits },
    }
  }

  /** What an honest peer tells of: those it knows that are closest to the key. Each knows its own neighbourhood. */
  closer(peer: VirtualPeer, request: GetRequest): Contact[] {
    const target = kademliaId(encodeRecordKey({ bytes: request.key }, request.replica))
    const near = byDistance(this.peers, peer.id).slice(1, 1 + this.#knows)
    const spread = this.peers.filter((_, at) => (at + peer.id[0]!) % 8 === 0)
    const known = [...new Set([...near, ...spread])].filter((other) => other !== peer)
    return byDistance(known, target)
      .slice(0, 8)
      .map(({ contact }) => contact)
  }

  async #ask(contact: Contact, request: GetRequest): Promise<GetReply> {
    const peer = this.#byId.get(name(contact))
    if (!peer) throw new DhtFault('connect', 'There is no such peer.')
    this.asked.push(peer)
    if (peer.behaviour) return await peer.behaviour(request, peer)
    return this.honest(request, peer)
  }

  honest(request: GetRequest, peer: VirtualPeer): GetReply {
    const closer = this.closer(peer, request)
    const { zone } = peer
    if (!zone) return { kind: 'absent', closer }
    const { have } = request
    if (have && zone.sequence < have.sequence) return { kind: 'older', sequence: zone.sequence, closer }
    if (have && digestOf(zone.bytes).equals(have.digest)) return { kind: 'same', closer }
    return { kind: 'found', bytes: zone.bytes, closer }
  }
}

export const dead: Behaviour = () => {
  throw new DhtFault('connect', 'The peer is dead.')
}

export const silent: Behaviour = () => {
  throw new DhtFault('timeout', 'The peer says nothing.')
}

/** Never answers at all, not even by a fault. */
export const stuck: Behaviour = () => new Promise(() => undefined)

function byDistance(peers: readonly VirtualPeer[], target: Uint8Array): VirtualPeer[] {
  const far = peers.map((peer) => ({ peer, away: distance(peer.id, target) }))
  return far.sort((a, b) => Buffer.compare(a.away, b.away)).map(({ peer }) => peer)
}

function name(contact: Contact): string {
  return Buffer.from(contact.id).toString('hex')
}
