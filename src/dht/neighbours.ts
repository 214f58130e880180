/** The machines of this local network: which addresses are in a subnet of one's own, and which mDNS has announced. */
import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { PeerDiscovery, PeerInfo } from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import type { Multiaddr } from '@multiformats/multiaddr'
import { boundedCache } from '../cache.ts'
import { isInLocalSubnet, withoutPeer } from './addresses.ts'
import { MAX_CONTACT_ADDRESSES } from './frames.ts'

/** Addresses that mDNS announced and that are remembered. */
const MAX_ANNOUNCED = 1000

export class Neighbours {
  readonly #announced = boundedCache<true>(MAX_ANNOUNCED)
  readonly #subnets: () => readonly string[]
  #listener: (peer: PeerInfo) => void = () => undefined

  /** @param subnets those of this machine now: it may move */
  constructor(subnets: () => readonly string[] = ownSubnets) {
    this.#subnets = subnets
  }

  /** Of neighbours, and of nobody else, connections are taken and addresses kept and told. */
  isNear(address: Multiaddr): boolean {
    return isInLocalSubnet(address, this.#subnets())
  }

  /** Nothing else is dialled: a peer could name any machine of the house. */
  isAnnounced(address: Multiaddr): boolean {
    return this.#announced.has(withoutPeer(address)) && this.isNear(address)
  }

  /** Tells of each announcement that leads into a subnet of one's own; there is one listener. */
  watch(listener: (peer: PeerInfo) => void): void {
    this.#listener = listener
  }

  hear({ id, multiaddrs }: PeerInfo): void {
    const near = multiaddrs.slice(0, MAX_CONTACT_ADDRESSES).filter((address) => this.isNear(address))
    for (const address of near) this.#announced.set(withoutPeer(address), true)
    if (near.length > 0) this.#listener({ id, multiaddrs: near })
  }

  /** For libp2p, which starts and stops it. Whoever is heard is remembered here before libp2p knows of it. */
  discovery(network: string): (components: MulticastDNSComponents) => PeerDiscovery {
    const discover = mdns({ serviceTag: serviceTag(network) })
    return (components) => {
      const discovery = discover(components)
      discovery.addEventListener('peer', ({ detail }) => this.hear(detail))
      return discovery
    }
  }
}

/** A name of our own, so that other programs on libp2p are not dialled; one for each network. RFC 6335 5.1: at most 15 characters. */
function serviceTag(network: string): string {
  const digest = createHash('sha256').update(network).digest('hex').slice(0, 8)
  return network === '' ? '_kadns._udp.local' : `_kadns-${digest}._udp.local`
}

function ownSubnets(): string[] {
  const entries = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return entries.flatMap(({ internal, cidr }) => (internal || cidr === null ? [] : [cidr]))
}
