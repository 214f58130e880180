/** The nearest of many points to a place, without an object or a comparison of buffers for each. */

/** The first 64 bits of a point in Kademlia's space, as two numbers. */
export interface Placed {
  readonly high: number
  readonly low: number
}

interface Found<Item> {
  readonly item: Item
  readonly away: number
}

/** Of the 64 bits of a distance so many go, so that it is a whole number without loss: with random ids nothing is equal in the rest. */
const LOST_BITS = 11

/** @param point 32 octets */
export function placed(point: Uint8Array): Placed {
  const octets = Buffer.from(point.buffer, point.byteOffset, point.length)
  return { high: octets.readUInt32BE(0), low: octets.readUInt32BE(4) }
}

/** Nearest first. @param within only those nearer to the place than this point */
export function nearest<Item extends Placed>(
  items: Iterable<Item>,
  place: Placed,
  { count, within }: { readonly count: number; readonly within?: Placed | undefined },
): Item[] {
  const limit = within ? away(within, place) : Infinity
  const found: Found<Item>[] = []
  for (const item of items) {
    const one = { item, away: away(item, place) }
    if (one.away >= limit || (found.length === count && one.away >= (found.at(-1)?.away ?? 0))) continue
    insert(found, one)
    if (found.length > count) found.pop()
  }
  return found.map(({ item }) => item)
}

function away(a: Placed, b: Placed): number {
  return ((a.high ^ b.high) >>> 0) * 2 ** (32 - LOST_BITS) + ((a.low ^ b.low) >>> LOST_BITS)
}

function insert<Item>(found: Found<Item>[], one: Found<Item>): void {
  let [from, to] = [0, found.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (found[middle]!.away < one.away) from = middle + 1
    else to = middle
  }
  found.splice(from, 0, one)
}
