/** Keeps connections, and a stream on each, open where they serve: to the own neighbourhood, and to a few peers of every part of the space. */
import type { PeerId } from '@libp2p/interface'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { DhtConfig } from './config.ts'
import { contactOf, pointOf } from './contacts.ts'
import type { RoutingTable } from './kad.ts'
import type { PeerStreams } from './peer-streams.ts'
import { kademliaId } from './record-key.ts'

export interface LinkKeepingNeeds {
  readonly routingTable: Pick<RoutingTable, 'closestPeers' | 'size'>
  /** Streams to peers: where one is open, asking takes one round trip. */
  readonly streams: Pick<PeerStreams, 'has' | 'open'>
  readonly clock: Clock
  readonly logger: Logger
  /** This node's own peer id as a multihash. */
  readonly self: Uint8Array
  readonly config: Pick<DhtConfig, 'maxAsked' | 'linksPerBucket'>
}

/** Milliseconds between two looks at what is lacking. */
const ROUND = 10_000
/** Peers dialled in one round, one after the other: a table of a thousand is no reason to dial them all at once. */
const MAX_OF_ROUND = 5
/** The space in 64 parts, as kad-dht's buckets divide it: by the first six bits. */
const PART_SHIFT = 2

export class LinkKeeping implements Disposable {
  readonly #needs: LinkKeepingNeeds
  /** Whoever was tried waits until all others that lack a stream were: some open none, or end it at once. */
  readonly #tried = new Set<string>()
  #next: Disposable | undefined
  #closed = false

  constructor(needs: LinkKeepingNeeds) {
    this.#needs = needs
  }

  start(): void {
    if (this.#closed) return
    this.#next = this.#needs.clock.after(ROUND, () => void this.#round().finally(() => this.start()))
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#next?.[Symbol.dispose]()
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const { streams, logger } = this.#needs
    for (const peer of this.#untried().slice(0, MAX_OF_ROUND)) {
      if (this.#closed) return
      this.#tried.add(peer.toString())
      try {
        await streams.open(contactOf(peer))
      } catch (cause) {
        logger.debug({ err: cause, peer: peer.toString() }, 'a peer to be kept in touch with was not reached')
      }
    }
  }

  #untried(): PeerId[] {
    const lacking = this.lacking()
    const untried = lacking.filter((peer) => !this.#tried.has(peer.toString()))
    if (untried.length > 0) return untried
    this.#tried.clear()
    return lacking
  }

  /** Peers worth a connection that have none: neighbours first, then where parts of the space have too few. */
  lacking(): PeerId[] {
    const { routingTable, streams, self, config } = this.#needs
    const all = routingTable.closestPeers(kademliaId(self), { count: routingTable.size })
    const known = all.map((peer) => ({ peer, connected: streams.has(contactOf(peer)), part: partOf(peer) }))
    const ofPart = new Map<number, number>()
    const count = (part: number) => ofPart.set(part, (ofPart.get(part) ?? 0) + 1)
    for (const { connected, part } of known) if (connected) count(part)
    const wanted = known.filter(({ connected, part }, rank) => {
      if (connected || (rank >= config.maxAsked && (ofPart.get(part) ?? 0) >= config.linksPerBucket))
        return false
      count(part)
      return true
    })
    return wanted.map(({ peer }) => peer)
  }
}

function partOf(peer: PeerId): number {
  return pointOf(contactOf(peer))[0]! >> PART_SHIFT
}
