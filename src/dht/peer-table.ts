/** The routing table, read quickly: kad-dht's own way to the closest peers takes longer than all else in answering one. */
import type { PeerId } from '@libp2p/interface'
import type { KadTable, RoutingTable } from './kad.ts'
import { nearest, type Placed, placed } from './nearest.ts'

interface Entry extends Placed {
  readonly peer: PeerId
}

export class PeerTable implements RoutingTable {
  readonly #table: KadTable
  /** Undefined once the table has changed. */
  #entries: readonly Entry[] | undefined
  readonly #changed = () => {
    this.#entries = undefined
  }

  /** For as long as the table lives: it listens to it. */
  constructor(table: KadTable) {
    this.#table = table
    table.addEventListener('peer:add', this.#changed)
    table.addEventListener('peer:remove', this.#changed)
  }

  get size(): number {
    return this.#table.size
  }

  closestPeers(id: Uint8Array, { count }: { count: number }): PeerId[] {
    return nearest(this.#read(), placed(id), { count }).map(({ peer }) => peer)
  }

  async remove(peer: PeerId): Promise<void> {
    await this.#table.remove(peer)
  }

  addEventListener(...listening: Parameters<RoutingTable['addEventListener']>): void {
    this.#table.addEventListener(...listening)
  }

  removeEventListener(...listening: Parameters<RoutingTable['removeEventListener']>): void {
    this.#table.removeEventListener(...listening)
  }

  #read(): readonly Entry[] {
    this.#entries ??= Array.from(this.#table.kb.toIterable(), ({ peerId, kadId }) => ({
      peer: peerId,
      ...placed(kadId),
    }))
    return this.#entries
  }
}
