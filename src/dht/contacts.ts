/** Peers as the wire says them, and as libp2p knows them. */
import type { PeerId, PeerStore } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { AddressPolicy } from './addresses.ts'
import { withoutPeer } from './addresses.ts'
import { DhtFault } from './fault.ts'
import { type Contact, MAX_CONTACT_ADDRESSES } from './frames.ts'

/** Multicodec of /p2p (421) as a varint. */
const P2P_HEAD = [0xa5, 0x03]
const MAX_REMEMBERED = 2000
/** Milliseconds the addresses of a peer are taken from memory: reading them from the peer store costs more than an answer. */
const REMEMBERED_FOR = 60_000

/** @throws DhtFault `connect` when these octets are no peer id: there is nobody to connect to */
export function peerIdOf(contact: Contact): PeerId {
  try {
    const component = multiaddr(
      Buffer.from([...P2P_HEAD, contact.id.length, ...contact.id]),
    ).getComponents()[0]
    return peerIdFromString(component?.value ?? '')
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

/** A contact without addresses: of a peer that libp2p knows. */
export function contactOf(peer: PeerId): Contact {
  return { id: peer.toMultihash().bytes, addresses: [] }
}

/** The addresses under which a peer can be told to others. */
export class ContactBook {
  readonly #peerStore: PeerStore
  readonly #accepts: AddressPolicy
  readonly #clock: Clock
  readonly #remembered = new LRUCache<string, { contact: Contact; until: number }>({ max: MAX_REMEMBERED })

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
    const accepted = addresses.map(({ multiaddr }) => multiaddr).filter(this.#accepts)
    return accepted.slice(0, MAX_CONTACT_ADDRESSES).map((address) => multiaddr(withoutPeer(address)).bytes)
  }
}
