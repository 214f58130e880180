/** Peers as the wire says them, and as libp2p knows them. */
import type { Libp2p, PeerId, PeerStore } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { AddressPolicy } from './addresses.ts'
import { withoutPeer } from './addresses.ts'
import { DhtFault } from './fault.ts'
import { type Contact, MAX_CONTACT_ADDRESSES } from './frames.ts'
import { ipGroupOfAddress } from './ip-group.ts'
import { kademliaId } from './record-key.ts'

/** Multicodec of /p2p (421) as a varint. */
const P2P_HEAD = [0xa5, 0x03]
const MAX_REMEMBERED = 2000
/** Milliseconds the addresses of a peer are taken from memory: reading them from the peer store costs more than an answer. */
const REMEMBERED_FOR = 60_000

/** Reading a peer id takes longer than a peer's answer; each is asked for many times. */
const peerIds = boundedCache<PeerId>(MAX_REMEMBERED)

/** @throws DhtFault `connect` when these octets are no peer id: there is nobody to connect to */
export function peerIdOf({ id }: Contact): PeerId {
  const name = Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex')
  const known = peerIds.get(name)
  if (known) return known
  try {
    const component = multiaddr(Buffer.from([...P2P_HEAD, id.length, ...id])).getComponents()[0]
    const peer = peerIdFromString(component?.value ?? '')
    peerIds.set(name, peer)
    return peer
  } catch (cause) {
    throw new DhtFault('connect', 'A peer is named by something that is no peer id.', { cause })
  }
}

/** Where to dial a contact, its peer id appended; what is no multiaddr is left out. */
export function dialAddresses(contact: Contact, peer: PeerId): Multiaddr[] {
  return contact.addresses.flatMap((octets) => {
    try {
      return [multiaddr(withoutPeer(multiaddr(octets))).encapsulate(`/p2p/${peer}`)]
    } catch {
      return []
    }
  })
}

const contacts = new WeakMap<PeerId, Contact>()
const points = new WeakMap<Contact['id'], Uint8Array>()

/** A contact without addresses: of a peer that libp2p knows. */
export function contactOf(peer: PeerId): Contact {
  const known = contacts.get(peer)
  if (known) return known
  const contact = { id: peer.toMultihash().bytes, addresses: [] }
  contacts.set(peer, contact)
  return contact
}

/** Where a peer is in Kademlia's space. Every lookup asks it of every peer of the table. */
export function pointOf({ id }: Pick<Contact, 'id'>): Uint8Array {
  const known = points.get(id)
  if (known) return known
  const point = kademliaId(id)
  points.set(id, point)
  return point
}

/** The IP group of a contact: by its connection, which cannot lie, else by the first address it is said to have. */
export function groupOfContact(contact: Contact, node: Pick<Libp2p, 'getConnections'>): string | undefined {
  try {
    const [live] = node.getConnections(peerIdOf(contact))
    if (live) return ipGroupOfAddress(live.remoteAddr)
    const [octets] = contact.addresses
    return octets && ipGroupOfAddress(multiaddr(octets))
  } catch {
    return undefined // nobody can be connected to by such an id or address
  }
}

/** The addresses under which a peer can be told to others. */
export class ContactBook {
  readonly #peerStore: PeerStore
  readonly #accepts: AddressPolicy
  readonly #clock: Clock
  readonly #remembered = boundedCache<{ contact: Contact; until: number }>(MAX_REMEMBERED)

  constructor(peerStore: PeerStore, accepts: AddressPolicy, clock: Clock) {
    this.#peerStore = peerStore
    this.#accepts = accepts
    this.#clock = clock
  }

  /** The contact, or undefined for a peer without an address that others may dial. */
  async find(peer: PeerId): Promise<Contact | undefined> {
    const known = this.#remembered.get(peer.toString())
    const contact = known && known.until > this.#clock.monotonic() ? known.contact : await this.#read(peer)
    return contact.addresses.length > 0 ? contact : undefined
  }

  async #read(peer: PeerId): Promise<Contact> {
    const contact = { ...contactOf(peer), addresses: await this.#addressesOf(peer) }
    // A peer that has not said where it listens will do so in a moment.
    if (contact.addresses.length > 0) {
      this.#remembered.set(peer.toString(), { contact, until: this.#clock.monotonic() + REMEMBERED_FOR })
    }
    return contact
  }

  async #addressesOf(peer: PeerId): Promise<Uint8Array[]> {
    if (!(await this.#peerStore.has(peer))) return []
    const { addresses } = await this.#peerStore.get(peer)
    // What a peer has signed comes first: the others are what anybody said of it, in an order anybody can choose.
    const trusted = addresses.toSorted((a, b) => Number(b.isCertified) - Number(a.isCertified))
    const accepted = trusted.map(({ multiaddr }) => multiaddr).filter(this.#accepts)
    return accepted.slice(0, MAX_CONTACT_ADDRESSES).map((address) => multiaddr(withoutPeer(address)).bytes)
  }
}
