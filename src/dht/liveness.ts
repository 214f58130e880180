/** Takes peers that cannot be reached out of the routing table: kad-dht itself does so only when a bucket is full. */
import type { PeerId } from '@libp2p/interface'
import type { Logger } from 'pino'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { RoutingTable } from './kad.ts'

/** One failure may be the network's; two are the peer's. */
const FAILURES = 2
const MAX_REMEMBERED = 2000

export interface LivenessNeeds {
  readonly routingTable: Pick<RoutingTable, 'remove'>
  readonly clock: Clock
  readonly logger: Logger
  /** A peer is given up. */
  lost(peer: PeerId): void
}

interface Signs {
  readonly failures: number
  /** Milliseconds of the monotonic clock. */
  readonly heard: number
}

const NEVER: Signs = { failures: 0, heard: Number.NEGATIVE_INFINITY }

export class Liveness {
  readonly #signs = boundedCache<Signs>(MAX_REMEMBERED)
  readonly #needs: LivenessNeeds

  constructor(needs: LivenessNeeds) {
    this.#needs = needs
  }

  reached(peer: PeerId, alive: boolean): void {
    const name = peer.toString()
    const { failures, heard } = this.#signs.get(name) ?? NEVER
    const signs = alive
      ? { failures: 0, heard: this.#needs.clock.monotonic() }
      : { failures: failures + 1, heard }
    this.#signs.set(name, signs)
    if (signs.failures >= FAILURES) this.#remove(peer)
  }

  /** It could not be asked, which says nothing of it: its turn comes again behind all others. */
  postpone(peer: PeerId): void {
    const { failures } = this.#signs.get(peer.toString()) ?? NEVER
    this.#signs.set(peer.toString(), { failures, heard: this.#needs.clock.monotonic() })
  }

  /** The one that nothing was heard of for the longest time; who never was heard of stands first. */
  longestUnheard(peers: readonly PeerId[]): PeerId | undefined {
    const heardOf = (peer: PeerId) => (this.#signs.peek(peer.toString()) ?? NEVER).heard
    const [first, ...others] = peers
    return others.reduce((oldest, peer) => (heardOf(peer) < heardOf(oldest!) ? peer : oldest), first)
  }

  #remove(peer: PeerId): void {
    const { routingTable, logger, lost } = this.#needs
    this.#signs.delete(peer.toString())
    lost(peer)
    routingTable.remove(peer).then(
      () => logger.debug({ peer: peer.toString() }, 'a dead peer is forgotten'),
      (cause: unknown) => logger.debug({ err: cause }, 'a dead peer could not be removed'),
    )
  }
}
