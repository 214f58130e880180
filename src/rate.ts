/** How often something may happen: token buckets, one for each key. */
import { boundedCache } from './cache.ts'
import type { Clock } from './clock.ts'

export interface Rate {
  readonly perSecond: number
  /** What may happen at once after a time without any. */
  readonly burst: number
}

/** Buckets remembered; one that is forgotten is full again. */
const MAX_BUCKETS = 10_000

interface Bucket {
  tokens: number
  /** Milliseconds of the monotonic clock. */
  at: number
}

export class Buckets {
  readonly #buckets = boundedCache<Bucket>(MAX_BUCKETS)
  readonly #rate: Rate
  readonly #clock: Clock

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
  }

  /** Whether it may happen now; nothing is taken. */
  has(key: string): boolean {
    return this.#filled(key).tokens >= 1
  }

  /** Whether it may happen now; if so it counts as done. */
  take(key: string): boolean {
    const bucket = this.#filled(key)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  #filled(key: string): Bucket {
    const { perSecond, burst } = this.#rate
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000)
    bucket.at = now
    this.#buckets.set(key, bucket)
    return bucket
  }
}
