/** Takes peers that cannot be reached out of the routing table: kad-dht itself does so only when a bucket is full. */
import type { PeerId } from '@libp2p/interface'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { RoutingTable } from './kad.ts'

/** One failure may be the network's; two are the peer's. */
const FAILURES = 2
const MAX_REMEMBERED = 2000

export class Liveness {
  readonly #failures = new LRUCache<string, number>({ max: MAX_REMEMBERED })
  readonly #routingTable: RoutingTable
  readonly #logger: Logger

  constructor(routingTable: RoutingTable, logger: Logger) {
    this.#routingTable = routingTable
    this.#logger = logger
  }

  reached(peer: PeerId, alive: boolean): void {
    const name = peer.toString()
    const failures = alive ? 0 : (this.#failures.get(name) ?? 0) + 1
    this.#failures.set(name, failures)
    if (failures >= FAILURES) this.#remove(peer)
  }

  #remove(peer: PeerId): void {
    this.#failures.delete(peer.toString())
    this.#routingTable.remove(peer).then(
      () => this.#logger.debug({ peer: peer.toString() }, 'a dead peer is forgotten'),
      (cause: unknown) => this.#logger.debug({ err: cause }, 'a dead peer could not be removed'),
    )
  }
}
