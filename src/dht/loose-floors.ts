/** Floors of zones that are not held: which are still worth keeping, and that they stay within their limit. */
import { randomInt } from 'node:crypto'
import type { KeyLocks } from '../zone/key-locks.ts'
import { REVOKED, TOLERANCE } from '../zone/signed-zone.ts'
import { MAX_LIFETIME } from '../zone/soa.ts'
import type { ZoneShelf } from './zone-shelf.ts'

interface LooseFloor {
  readonly label: string
  readonly sequence: bigint
}

/** Of zones, and of revocations that had to go, apart: who keeps revoking keys must not push out the floors of zones. */
export type FloorKind = 'zones' | 'revocations'
type FloorLists = Readonly<Record<FloorKind, LooseFloor[]>>

export interface LooseFloorsNeeds {
  /** Of the zones' labels. */
  readonly locks: KeyLocks
  /** Whether the zone itself is held. */
  isHeld(label: string): boolean
}

/** Between two sweeps there may be so many more than the limit says, for each it allows. */
const SLACK = 1 / 8

export class LooseFloors {
  readonly #shelf: ZoneShelf
  readonly #limit: number
  readonly #needs: LooseFloorsNeeds
  /** How many there is still room for, until the next sweep counts them all. */
  #room: Record<FloorKind, number>

  constructor(shelf: ZoneShelf, limit: number, needs: LooseFloorsNeeds) {
    this.#shelf = shelf
    this.#limit = limit
    this.#needs = needs
    this.#room = { zones: limit, revocations: limit }
  }

  /** The zone has gone: its floor stays while there is room. */
  async left(label: string, kind: FloorKind): Promise<void> {
    if (this.#room[kind] > 0) this.#room[kind]--
    else await this.#shelf.removeFloor(label)
  }

  /** One more, of a zone there was no room for. @returns whether a sweep is due before its time */
  raised(): boolean {
    this.#room.zones--
    if (this.#room.zones >= -this.#limit * SLACK) return false
    this.#room.zones = 0
    return true
  }

  /** Removes what is needless or too many, until `signal` aborts. */
  async sweep(now: number, signal: AbortSignal): Promise<void> {
    for (const floor of await this.#needless(now)) {
      if (signal.aborted) return
      await this.#remove(floor)
    }
  }

  /** Unless its zone came, or it rose, meanwhile. */
  async #remove({ label, sequence }: LooseFloor): Promise<void> {
    await this.#needs.locks.run(label, async () => {
      const floor = await this.#shelf.readFloor(label)
      if (!this.#needs.isHeld(label) && floor?.sequence === sequence) await this.#shelf.removeFloor(label)
    })
  }

  /** Counts all there are; gives back those to be removed. */
  async #needless(now: number): Promise<LooseFloor[]> {
    const lists: FloorLists = { zones: [], revocations: [] }
    for await (const { label, floor } of this.#shelf.floors()) {
      if (this.#needs.isHeld(label)) continue
      lists[floor.sequence === REVOKED ? 'revocations' : 'zones'].push({ label, sequence: floor.sequence })
    }
    const { zones, revocations } = needlessFloors(lists, { now, limit: this.#limit })
    this.#room = {
      zones: this.#limit - lists.zones.length + zones.length,
      revocations: this.#limit - lists.revocations.length + revocations.length,
    }
    return [...zones, ...revocations]
  }
}

/**
 * Protocol 2: a floor may go once everything below it must have expired. Of the others `limit` of each kind stay: the
 * highest of zones; of revocations those that chance leaves, or whoever makes many could choose which are forgotten.
 */
function needlessFloors(
  { zones, revocations }: FloorLists,
  { now, limit }: { readonly now: number; readonly limit: number },
): FloorLists {
  const passed = BigInt(Math.trunc(now - MAX_LIFETIME * 1000 - TOLERANCE)) * 1000n
  const highestFirst = zones.toSorted((a, b) => Number(b.sequence - a.sequence))
  return {
    zones: highestFirst.filter(({ sequence }, at) => sequence < passed || at >= limit),
    revocations: shuffled(revocations).slice(limit),
  }
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
