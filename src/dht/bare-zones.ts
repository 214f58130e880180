/** Zones without a signed expiry (protocol 2, "Without SOA"): how long one is kept, and whose is not taken at all. */
import { isTimely, type SignedZone } from '../zone/signed-zone.ts'
import type { PutOptions } from './zone-put.ts'
import type { ShelfMark, ZoneShelf } from './zone-shelf.ts'

/** Milliseconds one is kept from when it was last put, and from when this node found it itself. */
const LIFE = { put: 48 * 3_600_000, found: 3_600_000 }
/** How much longer it is kept, at least, for that to be written. */
const STEP = 600_000

/** Until when a zone is kept that is put now, in milliseconds since the Unix epoch. */
export function keptUntil(zone: SignedZone, { own, from, held }: PutOptions, now: number): number {
  const isFound = from === undefined && held !== undefined && !own
  return zone.bare ? now + LIFE[isFound ? 'found' : 'put'] : zone.expires
}

/** Whether a zone that is put once more is to be kept longer than it was. */
export function isKeptLonger(zone: SignedZone, until: number, mark: ShelfMark | undefined): boolean {
  return zone.bare && until > (mark?.expires ?? 0) + STEP
}

/** Whether a node may serve what it holds, at `now`. */
export function isServed(zone: SignedZone, mark: ShelfMark | undefined, now: number): boolean {
  return isTimely(zone, now) && (!zone.bare || (mark?.expires ?? 0) > now)
}

/** Whose key has signed an expiry is not heard without one: what it once said so may be years old. */
export async function isUnheardOf(
  zone: SignedZone,
  held: SignedZone | undefined,
  shelf: Pick<ZoneShelf, 'readFloor'>,
): Promise<boolean> {
  if (!zone.bare) return false
  return held ? !held.bare : (await shelf.readFloor(zone.key.label))?.bare === false
}
