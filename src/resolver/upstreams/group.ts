/** Several servers as one: who is asked first, when the next is asked beside it, and who rests. */
import { type Clock, timeLimit } from '../../clock.ts'
import { ExtendedError, type Message, Rcode } from '../../dns/message.ts'
import type { UpstreamConfig } from '../config.ts'
import { ResolveFault } from '../fault.ts'
import type { Upstream } from '../layers/forward.ts'
import type { Query } from '../query.ts'

type Mode = UpstreamConfig['mode']

/** YXDOMAIN: the name a DNAME makes is too long (RFC 6672 2.2), and is so wherever one asks. */
const USABLE = new Set<number>([Rcode.NoError, Rcode.NxDomain, Rcode.YxDomain])

/** ms the first of a race is alone: twice what it usually takes, within these. */
const HEDGE_MIN = 30
const HEDGE_MAX = 200
/** Every so many questions two servers race from the start, so that each is measured again. */
const MEASURE_EVERY = 32
/** What a new round-trip time counts for in the smoothed one (RFC 6298 2.3). */
const SMOOTHING = 1 / 8
/** ms a server that failed stands behind the others; twice as long each time. */
const REST_MIN = 1000
const REST_MAX = 60_000

/** A server, and how it has been of late. */
class Member {
  readonly #upstream: Upstream
  readonly #clock: Clock
  #failures = 0
  #restUntil = 0
  /** Smoothed ms to an answer; 0 until there was one, so that everybody is tried. */
  #usual = 0

  constructor(upstream: Upstream, clock: Clock) {
    this.#upstream = upstream
    this.#clock = clock
  }

  get usual(): number {
    return this.#usual
  }

  isResting(): boolean {
    return this.#clock.monotonic() < this.#restUntil
  }

  async exchange(query: Query): Promise<Message> {
    const start = this.#clock.monotonic()
    try {
      const reply = await this.#upstream.exchange(query)
      const took = this.#clock.monotonic() - start
      this.#usual = this.#usual === 0 ? took : this.#usual + (took - this.#usual) * SMOOTHING
      this.#failures = 0
      this.#restUntil = 0
      return reply
    } catch (fault) {
      if (!query.signal.aborted) this.#fail()
      throw fault
    }
  }

  /** What fails while it rests fails for the reason it rests for. */
  #fail(): void {
    if (this.isResting()) return
    const rest = Math.min(REST_MAX, REST_MIN * 2 ** this.#failures)
    this.#failures++
    this.#restUntil = this.#clock.monotonic() + rest
  }
}

/** The first usable reply of any. Rejects with a ResolveFault when none has one. */
export function groupOf(upstreams: readonly Upstream[], mode: Mode, clock: Clock): Upstream {
  const members = upstreams.map((upstream) => new Member(upstream, clock))
  let asked = 0
  return {
    exchange(query) {
      const line = inLine(members, mode)
      const together = mode === 'parallel' ? line.length : 1
      if (mode !== 'race') return firstUsable(query, { line, together })
      if (asked++ % MEASURE_EVERY === 0) return firstUsable(query, { line, together: 2 })
      const hedge = Math.min(HEDGE_MAX, Math.max(HEDGE_MIN, 2 * (line[0]?.usual || HEDGE_MAX)))
      return firstUsable(query, { line, together, hedge: (run) => clock.after(hedge, run) })
    },
    close: () => {
      for (const upstream of upstreams) upstream.close?.()
    },
  }
}

/** The quickest first in a race, else as configured; those that rest last, for they may be all there is. */
function inLine(members: readonly Member[], mode: Mode): Member[] {
  return members.toSorted(
    (a, b) => Number(a.isResting()) - Number(b.isResting()) || (mode === 'race' ? a.usual - b.usual : 0),
  )
}

interface Start {
  readonly line: Member[]
  /** How many are asked at once. */
  readonly together: number
  /** Calls when one more is to be asked, though nobody failed. */
  readonly hedge?: (run: () => void) => Disposable
}

/** Whoever fails is followed by the next in line. */
function firstUsable(query: Query, { line, together, hedge }: Start): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  let underWay = 0
  const next = () => {
    const member = query.signal.aborted ? undefined : line.shift()
    if (!member) return
    underWay++
    member.exchange(query).then(
      (reply) =>
        USABLE.has(reply.rcode) ? resolve(reply) : failed(`upstream answered with code ${reply.rcode}`),
      () => failed('no upstream server answered'),
    )
  }
  const failed = (reason: string) => {
    underWay--
    next()
    if (underWay === 0) reject(new ResolveFault(ExtendedError.NetworkError, reason))
  }
  for (let at = 0; at < together; at++) next()
  if (underWay === 0) return Promise.reject(query.signal.reason)
  const alarm = hedge?.(() => underWay < 2 && next())
  return promise.finally(() => alarm?.[Symbol.dispose]())
}

/** `second` is asked when all of `first` have failed, or have not answered after `patience` ms. */
export function withFallback(
  first: Upstream,
  second: Upstream,
  deps: { clock: Clock; patience: number },
): Upstream {
  return {
    async exchange(query) {
      using limit = timeLimit(deps.clock, deps.patience, query.signal)
      try {
        return await first.exchange({ ...query, signal: limit.signal })
      } catch (fault) {
        if (query.signal.aborted) throw fault
        return await second.exchange(query)
      }
    },
    close: () => {
      first.close?.()
      second.close?.()
    },
  }
}
