/** The routing table, read quickly: kad-dht's own way to the closest peers takes longer than all else in answering one. */
import type { PeerId } from '@libp2p/interface'
import type { KadTable, RoutingTable } from './kad.ts'

interface Entry {
  readonly peer: PeerId
  /** The first 64 bits of where it is in Kademlia's space. */
  readonly high: number
  readonly low: number
}

interface Found {
  readonly peer: PeerId
  readonly away: number
}

/** Of the 64 bits of a distance so many go, so that it is a whole number without loss: with random ids nothing is equal in the rest. */
const LOST_BITS = 11

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
    const [high, low] = headOf(id)
    const found: Found[] = []
    for (const entry of this.#read()) {
      const away = ((entry.high ^ high) >>> 0) * 2 ** (32 - LOST_BITS) + ((entry.low ^ low) >>> LOST_BITS)
      if (found.length === count && away >= (found.at(-1)?.away ?? 0)) continue
      insert(found, { peer: entry.peer, away })
      if (found.length > count) found.pop()
    }
    return found.map(({ peer }) => peer)
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
    this.#entries ??= Array.from(this.#table.kb.toIterable(), ({ peerId, kadId }) => {
      const [high, low] = headOf(kadId)
      return { peer: peerId, high, low }
    })
    return this.#entries
  }
}

/** Keeps the closest first. */
function insert(found: Found[], one: Found): void {
  let [from, to] = [0, found.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (found[middle]!.away < one.away) from = middle + 1
    else to = middle
  }
  found.splice(from, 0, one)
}

function headOf(id: Uint8Array): [high: number, low: number] {
  const octets = Buffer.from(id.buffer, id.byteOffset, id.length)
  return [octets.readUInt32BE(0), octets.readUInt32BE(4)]
}
