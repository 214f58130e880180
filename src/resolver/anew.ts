/** What happens to a question that no fresh answer is remembered for: it is asked, and where that fails the stale answer is given (RFC 8767). */
import { type Clock, timeLimit } from '../clock.ts'
import { decodeMessage } from '../dns/codec.ts'
import { ExtendedError, Rcode } from '../dns/message.ts'
import type { AnswerCache, CacheEntry } from './answer-cache.ts'
import type { DnsConfig } from './config.ts'
import { staleWord } from './fault.ts'
import { type Answer, emptyAnswer, type Query, type Resolve } from './query.ts'
import { makeReady, octetsOf, type ReadyReply, redated } from './reply.ts'

export interface AnewDeps {
  readonly clock: Clock
  readonly config: DnsConfig
  readonly cache: AnswerCache
  readonly resolve: Resolve
  /** Says of an answer from before what is left of it by what holds now: the same answer, or another. */
  readonly judge: (answer: Answer) => Resolve
}

export interface Asked extends Omit<Query, 'signal'> {
  /** What its answer is remembered under. */
  readonly key: string
}

/** An answer as it is sent, and as the layers gave it unless it is a stale one. */
export interface Made {
  readonly ready: ReadyReply
  readonly answer?: Answer
}

/** Milliseconds a client that a stale answer could be given to waits for a fresh one (RFC 8767 5). */
const STALE_WAIT = 1800
/** Milliseconds in which nobody is asked again after that failed (RFC 8767 5). */
const FAILURE_RECHECK = 30_000
/** Seconds that a client may keep a stale answer (RFC 8767 4). */
const STALE_TTL = 30

/**
 * @returns what the client is told, and `over` when nothing goes on behind it any more. Only bugs reject.
 * @param parent aborts when the asker has gone away
 */
export function answerAnew(
  deps: AnewDeps,
  asked: Asked,
  parent?: AbortSignal,
): { made: Promise<Made>; over: Promise<unknown> } {
  const over = askLayers(deps, asked, parent)
  const hasStale = asked.recursionDesired && deps.cache.getStale(asked.key, nowOf(deps)) !== undefined
  return { over, made: hasStale ? freshOrStale(deps, asked, { fresh: over, parent }) : over }
}

/** The stale answer, when nobody may be asked now, or asking failed so lately that it is not tried again yet. */
export function staleAtOnce(
  { cache }: AnewDeps,
  { key, recursionDesired }: Pick<Asked, 'key' | 'recursionDesired'>,
  { now, mayAsk }: { now: number; mayAsk: boolean },
): ReadyReply | undefined {
  const stale = recursionDesired ? cache.getStale(key, now) : undefined
  if (!stale || stale.isUnjudged) return undefined
  return !mayAsk || now < stale.recheckAt ? asStale(stale, now) : undefined
}

async function freshOrStale(
  deps: AnewDeps,
  asked: Asked,
  { fresh, parent }: { fresh: Promise<Made>; parent: AbortSignal | undefined },
): Promise<Made> {
  const late = Promise.withResolvers<Made>()
  using _alarm = deps.clock.after(STALE_WAIT, () =>
    late.resolve(staleInstead(deps, asked).then((stale) => stale ?? fresh)),
  )
  const made = await Promise.race([fresh, late.promise])
  const hasFailed = made.ready.rcode === Rcode.ServFail && !parent?.aborted
  return hasFailed ? ((await staleInstead(deps, asked)) ?? made) : made
}

/** Looked up when it is needed: meanwhile a zone it rests on may have moved on, and it is gone. */
async function staleInstead(deps: AnewDeps, asked: Asked): Promise<Made | undefined> {
  const now = nowOf(deps)
  const stale = deps.cache.getStale(asked.key, now)
  if (!stale || (stale.isUnjudged && !(await stillHolds(deps, asked, stale)))) return undefined
  stale.recheckAt = now + FAILURE_RECHECK
  return { ready: asStale(stale, now) }
}

async function stillHolds(deps: AnewDeps, { key, ...query }: Asked, entry: CacheEntry): Promise<boolean> {
  const { rcode, answers, authority } = decodeMessage(octetsOf(entry), { trailing: 'refuse' })
  const before: Answer = { rcode, records: answers, authority, origin: 'stale', zones: [] }
  const { generation } = deps.cache
  const after = await deps.judge(before)({ ...query, signal: new AbortController().signal })
  if (deps.cache.generation !== generation) return false
  entry.isUnjudged = after !== before
  if (entry.isUnjudged) deps.cache.forget(key)
  return !entry.isUnjudged
}

function asStale(entry: CacheEntry, now: number): ReadyReply {
  const left = Math.floor((entry.staleUntil - now) / 1000)
  return redated(entry, { ttl: Math.min(STALE_TTL, left), error: staleWord(entry.rcode) })
}

/** Asks the layers, and remembers what they say. Only bugs reject. */
export async function askLayers(deps: AnewDeps, asked: Asked, parent?: AbortSignal): Promise<Made> {
  const { key, ...query } = asked
  const { generation } = deps.cache
  using limit = timeLimit(deps.clock, deps.config.answerTimeout, parent)
  const answer = await deps.resolve({ ...query, signal: limit.signal })
  return {
    answer,
    ready: readyOf(answer, asked, deps.cache.generation === generation ? deps.cache : undefined),
  }
}

/** @param cache unset when the answer is out of date already */
function readyOf(answer: Answer, { key, question }: Asked, cache: AnswerCache | undefined): ReadyReply {
  try {
    const reply = makeReady(answer, question)
    cache?.remember(key, reply, answer)
    return reply
  } catch {
    // More records than a message holds: nobody can be told all of them.
    const error = { code: ExtendedError.Other, text: 'the answer does not fit a DNS message' }
    return makeReady(emptyAnswer(Rcode.ServFail, 'failure', error), question)
  }
}

function nowOf({ clock }: AnewDeps): number {
  return Math.trunc(clock.monotonic())
}
