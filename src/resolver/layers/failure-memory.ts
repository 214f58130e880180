/** A question that could not be answered is not asked again at once (RFC 9520): a broken name costs its servers, and whoever asks, little. */
import { boundedCache } from '../../cache.ts'
import type { Clock } from '../../clock.ts'
import { DnsFault } from '../../dns/fault.ts'
import { ExtendedError } from '../../dns/message.ts'
import { fold } from '../../dns/name.ts'
import { ResolveFault } from '../fault.ts'
import { hasLeft, type Layer, type Query } from '../query.ts'

interface Failure {
  /** Milliseconds of the monotonic clock. */
  readonly until: number
  /** For how long it is remembered. */
  readonly span: number
  readonly text: string
}

/** Milliseconds a first failure is remembered; twice as long each time after (RFC 9520 3.2). */
const FIRST_SPAN = 1000
const MAX_SPAN = 60_000
/** Milliseconds after which a failure is a first one again. */
const RESPITE = 60_000
const MAX_FAILURES = 10_000

/** @param generation another one when what failed before may succeed now */
export const failureMemory =
  (clock: Clock, generation: () => number): Layer =>
  (next) => {
    const failures = boundedCache<Failure>(MAX_FAILURES)
    return async (query) => {
      if (!query.recursionDesired) return next(query) // it asks nobody
      const key = `${keyOf(query)}/${generation()}`
      const last = failures.get(key)
      if (last && clock.monotonic() < last.until) throw new ResolveFault(ExtendedError.CachedError, last.text)
      try {
        const answer = await next(query)
        failures.delete(key)
        return answer
      } catch (fault) {
        if (isFailure(fault, query))
          failures.set(key, failureAfter(last, textOf(fault, query), clock.monotonic()))
        throw fault
      }
    }
  }

function failureAfter(last: Failure | undefined, text: string, now: number): Failure {
  const isRepeated = last !== undefined && now < last.until + RESPITE
  const span = isRepeated ? Math.min(last.span * 2, MAX_SPAN) : FIRST_SPAN
  return { until: now + span, span, text }
}

/** Not when its asker went away before there was an answer, nor when there is nobody to ask. */
function isFailure(fault: unknown, query: Query): boolean {
  const asksNobody = fault instanceof ResolveFault && fault.code === ExtendedError.NotReady
  return !asksNobody && !hasLeft(query)
}

function textOf(fault: unknown, { signal }: Query): string {
  if (fault instanceof ResolveFault || fault instanceof DnsFault) return fault.message
  return signal.aborted ? 'no answer in time' : 'internal fault'
}

// With CD a server may answer what it cannot validate; what else is asked for changes nothing.
function keyOf({ question: { name, type }, checkingDisabled }: Query): string {
  return `${fold(name)}/${type}/${Number(checkingDisabled)}`
}
