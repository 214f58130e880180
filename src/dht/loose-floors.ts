/** Floors of zones that are not held: which are still worth keeping. */
import { randomInt } from 'node:crypto'
import { REVOKED, TOLERANCE } from '../zone/signed-zone.ts'
import { MAX_LIFETIME } from '../zone/soa.ts'
import type { Floor } from './zone-shelf.ts'

export interface LooseFloor {
  readonly label: string
  readonly sequence: bigint
}

/** Of zones, and of revocations that had to go, apart: who keeps revoking keys must not push out the floors of zones. */
interface LooseFloors {
  readonly zones: readonly LooseFloor[]
  readonly revocations: readonly LooseFloor[]
}

export async function looseFloors(
  floors: AsyncIterable<{ label: string; floor: Floor }>,
  isHeld: (label: string) => boolean,
): Promise<LooseFloors> {
  const zones: LooseFloor[] = []
  const revocations: LooseFloor[] = []
  for await (const { label, floor } of floors) {
    if (isHeld(label)) continue
    const kind = floor.sequence === REVOKED ? revocations : zones
    kind.push({ label, sequence: floor.sequence })
  }
  return { zones, revocations }
}

/**
 * Protocol 2: a floor may go once everything below it must have expired. Of the others `limit` of each kind stay: the
 * highest of zones; of revocations those that chance leaves, or whoever makes many could choose which are forgotten.
 */
export function needlessFloors(
  { zones, revocations }: LooseFloors,
  { now, limit }: { readonly now: number; readonly limit: number },
): LooseFloor[] {
  const passed = BigInt(Math.trunc(now - MAX_LIFETIME * 1000 - TOLERANCE)) * 1000n
  const highestFirst = zones.toSorted((a, b) => Number(b.sequence - a.sequence))
  const needless = highestFirst.filter(({ sequence }, at) => sequence < passed || at >= limit)
  return [...needless, ...shuffled(revocations).slice(limit)]
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items]
  for (let at = all.length - 1; at > 0; at--) {
    const other = randomInt(at + 1)
    ;[all[at], all[other]] = [all[other] as T, all[at] as T]
  }
  return all
}
