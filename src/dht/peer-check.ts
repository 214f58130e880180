/** Asks the peers of the routing table, one after the other and slowly, whether they are still there. */
import type { PeerId } from '@libp2p/interface'
import { type Clock, timeLimit } from '../clock.ts'
import type { DhtConfig } from './config.ts'
import { isDialRefused } from './dial-budget.ts'
import type { RoutingTable } from './kad.ts'
import type { Liveness } from './liveness.ts'

export interface PeerCheckNeeds {
  /** Where this node is in Kademlia's space. */
  readonly self: Uint8Array
  readonly routingTable: Pick<RoutingTable, 'size' | 'closestPeers'>
  readonly liveness: Pick<Liveness, 'longestUnheard' | 'reached' | 'postpone'>
  readonly clock: Clock
  readonly config: Pick<DhtConfig, 'checkInterval' | 'dialTimeout'>
  /** Rejects when the peer does not answer. */
  ping(peer: PeerId, signal: AbortSignal): Promise<unknown>
  /** Whether this node has a connection to anybody: while it has none, a silent peer proves nothing. */
  isConnected(): boolean
  /** The peer answered. Never rejects. */
  alive(peer: PeerId): Promise<void>
}

export class PeerCheck implements AsyncDisposable {
  readonly #needs: PeerCheckNeeds
  readonly #closing = new AbortController()
  #next: Disposable | undefined
  #checking: Promise<void> = Promise.resolve()

  constructor(needs: PeerCheckNeeds) {
    this.#needs = needs
  }

  /** One check at a time: the pause to the next begins when the last has ended. */
  start(): void {
    if (this.#closing.signal.aborted) return
    this.#next = this.#needs.clock.after(this.#needs.config.checkInterval, () => {
      this.#checking = this.#check().finally(() => this.start())
    })
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    const { self, routingTable, liveness, clock, config, ping, isConnected, alive } = this.#needs
    const peer = liveness.longestUnheard(routingTable.closestPeers(self, { count: routingTable.size }))
    if (!peer) return
    using limit = timeLimit(clock, config.dialTimeout, this.#closing.signal)
    try {
      await ping(peer, limit.signal)
    } catch (cause) {
      if (isDialRefused(cause)) liveness.postpone(peer)
      else if (isConnected() && !this.#closing.signal.aborted) liveness.reached(peer, false)
      return
    }
    liveness.reached(peer, true)
    await alive(peer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#next?.[Symbol.dispose]()
    await this.#checking
  }
}
