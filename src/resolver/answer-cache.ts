/** Ready-made replies by question. Whole answers, never loose records: what one answer said can never become part of another. */
import { LRUCache } from 'lru-cache'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { Rcode } from '../dns/message.ts'
import type { LookupEffort } from '../zone/directory.ts'
import type { Answer, Footing } from './query.ts'
import type { ReadyReply } from './reply.ts'

export interface CacheEntry extends ReadyReply {
  readonly effort: LookupEffort | undefined
  /** The zones' labels it rests on. */
  readonly zones: readonly string[]
  /** Whole milliseconds of the monotonic clock: V8 keeps small integers inside the object, fractions in one of their own. */
  readonly storedAt: number
  fadesAt: number
  /** Until when it may be given where no newer answer can be had (RFC 8767). */
  readonly staleUntil: number
  /** Until when it is given without asking first, since asking has just failed. */
  recheckAt: number
  /** From when on it is to be asked anew, if it is asked for often. */
  readonly refreshAt: number
  /** Whether an upstream server alone said so: then it may outlive a change of what this node says by itself. */
  readonly isUpstreams: boolean
  /** Whether what holds here has changed since: it has to be judged before it is given. */
  isUnjudged: boolean
  /** When it was last moved to the front of the cache. */
  touchedAt: number
  /** How often that was: in how many seconds, about, it was asked for. */
  touches: number
}

/** Whole seconds the entry has waited. */
export function ageOf({ storedAt }: CacheEntry, now: number): number {
  return Math.floor((now - storedAt) / 1000)
}

/** What an entry costs beside its octets: objects, offsets, the list it hangs in. Measured roughly, on the high side. */
const ENTRY_OVERHEAD = 600
/** Milliseconds an entry may be used without counting as used anew. */
const TOUCH_INTERVAL = 1000
/** In how many seconds of its life an answer was asked for that is worth to be asked anew before it fades. */
const POPULAR = 3
/** The last part of its life, when that is done: a tenth, or as many milliseconds as it takes to be asked for once more. */
const LAST_PART = 0.1
const LAST_MILLISECONDS = 2000
/** Milliseconds: what lives shorter is not asked anew, for that would never end. */
const MIN_REFRESHED_LIFE = 10_000
/** Of how many zones the newest sequence seen is kept, to turn away an answer that was overtaken while it was made. */
const MAX_ZONES_SEEN = 100_000

function isWhole({ rcode, unfinished }: Answer): boolean {
  return !unfinished && (rcode === Rcode.NoError || rcode === Rcode.NxDomain)
}

/** That nobody owns a name is no state of its zone, and over as soon as somebody publishes one. */
function isAbsent({ sequence }: Footing): boolean {
  return sequence < 0n
}

/** Milliseconds. What rests on a zone is kept fresh by its directory. */
function lastPart({ zones }: Answer, lifetime: number): number {
  if (zones.length > 0 || lifetime < MIN_REFRESHED_LIFE) return 0
  return Math.max(Math.trunc(lifetime * LAST_PART), LAST_MILLISECONDS)
}

export class AnswerCache {
  /** How often nothing fresh was left. */
  generation = 0
  readonly #clock: Clock
  readonly #staleFor: number
  readonly #entries: LRUCache<string, CacheEntry>
  #due: (key: string) => void = () => undefined
  readonly #keysOfZone = new Map<string, Set<string>>()
  readonly #newest = boundedCache<{ sequence: bigint }>(MAX_ZONES_SEEN)

  /** @param staleFor seconds that an answer may still be given after its TTL is over */
  constructor(clock: Clock, { maxOctets, staleFor }: { maxOctets: number; staleFor: number }) {
    this.#clock = clock
    this.#staleFor = staleFor * 1000
    this.#entries = new LRUCache<string, CacheEntry>({
      maxSize: maxOctets,
      sizeCalculation: ({ image }, key) => image.length + key.length + ENTRY_OVERHEAD,
      dispose: ({ zones }, key) => this.#unlink(zones, key),
    })
  }

  /** Octets that the answers in memory take. */
  get octets(): number {
    return this.#entries.calculatedSize
  }

  /** @param due told of answers that are asked for often and fade soon, once a second each */
  whenDue(due: (key: string) => void): void {
    this.#due = due
  }

  /** @param key of `Scan` @param now whole milliseconds of the monotonic clock */
  get(key: string, now: number): CacheEntry | undefined {
    const entry = this.#entries.peek(key)
    if (!entry || now >= entry.fadesAt) return undefined
    this.#touch(key, entry, now)
    return entry
  }

  /** What was remembered and is not fresh any more, but better than nothing. @param now whole milliseconds of the monotonic clock */
  getStale(key: string, now: number): CacheEntry | undefined {
    const entry = this.#entries.get(key)
    return entry && now < entry.staleUntil ? entry : undefined
  }

  // Moving an entry to the front of the list costs as much as finding it, and once in a while is as good as every time.
  #touch(key: string, entry: CacheEntry, now: number): void {
    if (now - entry.touchedAt < TOUCH_INTERVAL) return
    entry.touchedAt = now
    entry.touches++
    this.#entries.get(key)
    if (entry.touches >= POPULAR && now >= entry.refreshAt) this.#due(key)
  }

  /** Remembers an answer for the shortest of its TTLs, unless it is a failure, unfinished, or one of its zones has moved on since. */
  remember(key: string, ready: ReadyReply, answer: Answer): void {
    if (!isWhole(answer) || answer.zones.some((zone) => this.#isOvertaken(zone))) return
    const lifetime = Math.min(ready.ttl * 1000, this.#toExpiry(answer))
    // What may not be kept has still overtaken what was.
    if (lifetime <= 0) this.#entries.delete(key)
    else this.#keep(key, ready, { answer, lifetime })
  }

  #keep(key: string, ready: ReadyReply, { answer, lifetime }: { answer: Answer; lifetime: number }): void {
    const zones = answer.zones.map((zone) => zone.key.label)
    const storedAt = Math.trunc(this.#clock.monotonic())
    const staleFor = answer.zones.some(isAbsent) ? 0 : this.#staleFor
    const fadesAt = storedAt + Math.trunc(lifetime)
    this.#entries.set(key, {
      ...ready,
      effort: answer.effort,
      zones,
      storedAt,
      fadesAt,
      staleUntil: storedAt + Math.trunc(Math.min(lifetime + staleFor, this.#toExpiry(answer))),
      recheckAt: storedAt,
      isUpstreams: answer.origin === 'upstream' && !answer.isMixed && zones.length === 0 && staleFor > 0,
      isUnjudged: false,
      refreshAt: fadesAt - lastPart(answer, lifetime),
      touchedAt: storedAt,
      touches: 0,
    })
    for (const label of zones) this.#link(label, key)
  }

  /** Forgets what rests on an older state of this zone. */
  changed({ key, sequence }: Footing): void {
    this.#newest.set(key.label, { sequence })
    for (const entry of [...(this.#keysOfZone.get(key.label) ?? [])]) this.#entries.delete(entry)
  }

  /** Whom we ask has changed. An answer that was asked for before that is not to be remembered after it. */
  forgetAll(): void {
    this.generation++
    this.#entries.clear()
  }

  /** What this node says by itself has changed: likewise, but what an upstream server alone said stays, as stale. */
  forgetFresh(): void {
    this.generation++
    const now = Math.trunc(this.#clock.monotonic())
    for (const [key, entry] of [...this.#entries.entries()]) {
      if (!entry.isUpstreams) this.#entries.delete(key)
      entry.fadesAt = Math.min(entry.fadesAt, now)
      entry.isUnjudged = true
    }
  }

  /** What was remembered does not hold any more. */
  forget(key: string): void {
    this.#entries.delete(key)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Milliseconds. A zone's signed expiry bounds an answer whatever the TTLs say, and stale or not. */
  #toExpiry({ zones }: Answer): number {
    const now = this.#clock.now()
    return Math.min(...zones.map(({ expires }) => expires - now))
  }

  #isOvertaken({ key, sequence }: Footing): boolean {
    return sequence < (this.#newest.get(key.label)?.sequence ?? -1n)
  }

  #link(label: string, key: string): void {
    const keys = this.#keysOfZone.get(label) ?? new Set()
    this.#keysOfZone.set(label, keys.add(key))
  }

  #unlink(zones: readonly string[], key: string): void {
    for (const label of zones) {
      const keys = this.#keysOfZone.get(label)
      keys?.delete(key)
      if (keys?.size === 0) this.#keysOfZone.delete(label)
    }
  }
}
