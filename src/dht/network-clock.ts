/** The time of day this node goes by: the machine's own, unless most peers agree that it is wrong. */

import type { Logger } from 'pino'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { TOLERANCE } from '../zone/signed-zone.ts'

/** What is told of the clock to people. */
export interface ClockState {
  /** Seconds that peers are ahead of this machine's clock; null while too few were heard, or they do not agree. */
  readonly offsetSeconds: number | null
  /** Whether the machine's clock is held to be right. */
  readonly trusted: boolean
}

/** The time a peer said with a reply. */
export interface PeerTime {
  readonly peer: string
  /** Whose hand it is likely to be in; a peer without one stands for itself. */
  readonly group: string | undefined
  /** Milliseconds since the Unix epoch. */
  readonly time: number
  /** Milliseconds the reply took, there and back. */
  readonly roundTrip: number
}

interface Heard {
  readonly group: string | undefined
  /** What the time of day was, by this peer, when the monotonic clock began: the machine's may be set meanwhile. */
  readonly origin: number
}

/** Peers whose time is remembered. */
const MAX_HEARD = 256
/** So many groups have to be heard before they can say anything of this machine's clock. */
const MIN_VOICES = 3
/** Milliseconds by which what a peer says may change without being worth another judgement. */
const JITTER = 1000
/** Before this release there was no node: a clock that says so is wrong, whoever's it is. */
const EARLIEST = Date.UTC(2026, 10, 1)
/** The last moment a Date knows. */
const LATEST = 8_640_000_000_000_000

export class NetworkClock implements Clock {
  readonly #machine: Clock
  readonly #logger: Logger
  readonly #heard = boundedCache<Heard>(MAX_HEARD)
  /** The same as a peer's `origin`, by this machine: it changes when the clock is set, or the machine has slept. */
  #origin: number
  /** What the peers agree on. */
  #agreed: number | undefined
  /** Whether the clock was moved since peers were last heard. */
  #moved = false
  #wrong = false

  constructor(machine: Clock, logger: Logger) {
    this.#machine = machine
    this.#logger = logger
    this.#origin = this.#originNow()
  }

  now(): number {
    this.#judge()
    return this.#machine.now() + (this.#wrong ? this.#offset() : 0)
  }

  monotonic(): number {
    return this.#machine.monotonic()
  }

  after(milliseconds: number, run: () => void): Disposable {
    return this.#machine.after(milliseconds, run)
  }

  /** Whether the machine's clock is held to be right: what is deleted by it is gone. */
  get trusted(): boolean {
    this.#judge()
    if (this.#agreed !== undefined) return !this.#wrong
    return !this.#moved && this.#machine.now() >= EARLIEST
  }

  state(): ClockState {
    const { trusted } = this
    return { trusted, offsetSeconds: this.#agreed === undefined ? null : Math.round(this.#offset() / 1000) }
  }

  /** A peer has said its time. */
  hear({ peer, group, time, roundTrip }: PeerTime): void {
    this.#judge()
    if (time < EARLIEST || time > LATEST) return
    const origin = time + roundTrip / 2 - this.#machine.monotonic()
    const known = this.#heard.get(peer)
    if (known && known.group === group && Math.abs(known.origin - origin) < JITTER) return
    this.#heard.set(peer, { group, origin })
    this.#agreed = agreedBy(voicesOf(this.#heard.values()), this.#originNow())
    if (this.#agreed !== undefined) this.#moved = false
    this.#judge()
  }

  /** Milliseconds that peers are ahead. */
  #offset(): number {
    return this.#agreed === undefined ? 0 : this.#agreed - this.#originNow()
  }

  #originNow(): number {
    return this.#machine.now() - this.#machine.monotonic()
  }

  #judge(): void {
    const origin = this.#originNow()
    if (Math.abs(origin - this.#origin) > TOLERANCE) this.#forget(origin)
    // Once wrong, a clock is right again at half of that, or one at the edge would go to and fro.
    const wrong = Math.abs(this.#offset()) > (this.#wrong ? TOLERANCE / 2 : TOLERANCE)
    if (wrong === this.#wrong) return
    this.#wrong = wrong
    this.#tell()
  }

  /**
   * The clock was set, or the machine has slept and the monotonic clock with it: nobody can say which. What peers said
   * was measured by the monotonic clock and is worth nothing now.
   */
  #forget(origin: number): void {
    this.#origin = origin
    this.#moved = true
    this.#heard.clear()
    this.#agreed = undefined
  }

  #tell(): void {
    const offsetSeconds = Math.round(this.#offset() / 1000)
    if (this.#wrong) {
      const side = offsetSeconds > 0 ? 'behind' : 'ahead of'
      const seconds = Math.abs(offsetSeconds)
      this.#logger.warn(
        { offsetSeconds },
        `this machine's clock is ${seconds} seconds ${side} what most other nodes say; their time is gone by until it is set right`,
      )
    } else if (this.#agreed === undefined) {
      this.#logger.warn(
        "this machine's clock was moved; it is gone by until other nodes have said what time it is",
      )
    } else {
      this.#logger.info({ offsetSeconds }, "this machine's clock agrees with other nodes again")
    }
  }
}

/** One voice for each group, the median of its peers': many nodes in one hand are to count as one. */
function voicesOf(heard: Iterable<Heard>): number[] {
  const groups = new Map<unknown, number[]>()
  for (const each of heard) {
    const group = each.group ?? each // without a group, one of its own
    const origins = groups.get(group)
    if (origins) origins.push(each.origin)
    else groups.set(group, [each.origin])
  }
  return Array.from(groups.values(), (origins) => middleOf(origins, origins[0] ?? 0))
}

/** The median, where more than half are within the tolerance of it: fewer than half lying cannot move it past the honest. */
function agreedBy(voices: readonly number[], own: number): number | undefined {
  if (voices.length < MIN_VOICES) return undefined
  const median = middleOf(voices, own)
  const near = voices.filter((voice) => Math.abs(voice - median) <= TOLERANCE)
  return near.length * 2 > voices.length ? median : undefined
}

/** Of two in the middle the one nearer to `own`. */
function middleOf(values: readonly number[], own: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const lower = sorted[(sorted.length - 1) >> 1] ?? own
  const upper = sorted[sorted.length >> 1] ?? own
  return Math.abs(lower - own) <= Math.abs(upper - own) ? lower : upper
}
