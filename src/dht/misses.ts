/** Remembers for a short while which zones were looked for in vain (RFC 9520), so that nobody is asked again at once. */
import type { LRUCache } from 'lru-cache'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { FindOptions, Lookup } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import type { DhtConfig } from './config.ts'
import type { Finder } from './finder.ts'
import type { ZoneStore } from './zone-store.ts'

export interface MissesNeeds {
  readonly finder: Pick<Finder, 'find'>
  readonly store: Pick<ZoneStore, 'get'>
  readonly clock: Clock
  readonly config: Pick<DhtConfig, 'absentFor' | 'unreachableMin' | 'unreachableMax'>
  /** Of all networks. A failure without any peer has cost nobody anything, and ends with the first peer. */
  peerCount(): number
}

interface Miss {
  readonly lookup: Lookup
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  /** The same moment by the time of day: the other clock stands still while the machine sleeps. */
  readonly time: number
  /** Seconds. */
  readonly lasts: number
}

/** An LRUCache takes the memory for all of them at once. */
const MAX_REMEMBERED = 2000

export class Misses {
  readonly #needs: MissesNeeds
  /** Those that have run out too: the next failure lasts longer. */
  readonly #misses: LRUCache<string, Miss>

  constructor(needs: MissesNeeds) {
    this.#needs = needs
    this.#misses = boundedCache(MAX_REMEMBERED)
  }

  async find(key: PublicKey, options: FindOptions): Promise<Lookup> {
    options.signal.throwIfAborted()
    const miss = this.#misses.get(key.label)
    // A zone that has come meanwhile, by a put or after a notice, ends the miss.
    if (miss && this.#holds(miss, options) && !(await this.#needs.store.get(key))) {
      return { ...miss.lookup, effort: { asked: 0, hops: 0, milliseconds: 0 } }
    }
    const lookup = await this.#needs.finder.find(key, options)
    this.#remember(key, lookup)
    return lookup
  }

  #holds({ at, time, lasts }: Miss, { maxAge = Infinity }: FindOptions): boolean {
    const { clock } = this.#needs
    const age = Math.max(clock.monotonic() - at, clock.now() - time) / 1000
    return age < lasts && age <= maxAge
  }

  #remember({ label }: PublicKey, lookup: Lookup): void {
    const { clock } = this.#needs
    const last = this.#misses.get(label)
    // All who waited for one lookup bring the same.
    if (last?.lookup === lookup) return
    const lasts = this.#lastsFor(lookup, last)
    if (lasts === 0) this.#misses.delete(label)
    else this.#misses.set(label, { lookup, lasts, at: clock.monotonic(), time: clock.now() })
  }

  /** Seconds. RFC 9520 3.2: a failure lasts longer each time, never over five minutes. */
  #lastsFor(lookup: Lookup, last: Miss | undefined): number {
    const { config, peerCount } = this.#needs
    if (lookup.kind === 'found') return 0
    if (lookup.kind === 'absent') return config.absentFor
    if (peerCount() === 0) return 0
    const failedBefore = last !== undefined && last.lookup.kind !== 'absent'
    return failedBefore ? Math.min(last.lasts * 2, config.unreachableMax) : config.unreachableMin
  }
}
