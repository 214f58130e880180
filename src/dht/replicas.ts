/** A zone's three neighbourhoods: who does not find it in the first looks in the other two. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Findings, Verdict } from './findings.ts'
import type { LookupGoal } from './lookup-goal.ts'
import type { Replica } from './record-key.ts'

export interface ReplicaTools {
  /** Looks in one neighbourhood. Never rejects; an aborted one finds nothing. */
  search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings>
  readonly clock: Clock
}

/** The share of its time a lookup has before the other neighbourhoods are asked beside the first. */
const HEAD_START = 1 / 3
const OTHERS = [1, 2] as const

/** The neighbourhood beside the first that a lookup also hears: by chance, so that nobody can sit where it will be. */
export function anotherReplica(): Replica {
  return OTHERS[randomInt(OTHERS.length)] ?? 1
}

/**
 * Ends with the first neighbourhood that has a good copy; otherwise it has heard all three. The peers it names are those
 * of the neighbourhood that decided.
 */
export async function searchReplicas(
  goal: Omit<LookupGoal, 'replica'>,
  { search, clock }: ReplicaTools,
): Promise<Findings> {
  const began = clock.monotonic()
  const first = search({ ...goal, replica: 0 })
  const early = await within(goal.timeout * HEAD_START, first, clock)
  if (early && (hasCopy(early) || early.fewPeers)) return early
  const ended = new AbortController()
  const timeout = Math.max(0, goal.timeout - (clock.monotonic() - began))
  const others = OTHERS.map((replica) => search({ ...goal, replica, timeout }, ended.signal))
  try {
    return await firstWithCopy([first, ...others])
  } finally {
    ended.abort()
  }
}

/** What came of it by then. */
async function within<T>(milliseconds: number, work: Promise<T>, clock: Clock): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  using _alarm = clock.after(milliseconds, () => resolve(undefined))
  return await Promise.race([work, promise])
}

async function firstWithCopy(searches: readonly Promise<Findings>[]): Promise<Findings> {
  const good = Promise.withResolvers<Findings>()
  for (const search of searches) search.then((found) => hasCopy(found) && good.resolve(found), good.reject)
  return await Promise.race([good.promise, Promise.all(searches).then(together)])
}

function hasCopy({ verdict }: Findings): boolean {
  return verdict.kind === 'found' || verdict.kind === 'same'
}

/** Of neighbourhoods that have no copy. Absent is what is absent in each. */
function together(all: readonly Findings[]): Findings {
  const [first] = all as [Findings]
  const asked = all.reduce((sum, { effort }) => sum + effort.asked, 0)
  const milliseconds = Math.max(...all.map(({ effort }) => effort.milliseconds))
  return { ...first, verdict: verdictOf(all), effort: { ...first.effort, asked, milliseconds } }
}

function verdictOf(all: readonly Findings[]): Verdict {
  const verdicts = all.map(({ verdict }) => verdict)
  const good = verdicts.find(({ kind }) => kind === 'found' || kind === 'same')
  if (good) return good
  const rejected = verdicts.reduce(
    (sum, verdict) => sum + (verdict.kind === 'bogus' ? verdict.rejected : 0),
    0,
  )
  if (rejected > 0) return { kind: 'bogus', rejected }
  return verdicts.find(({ kind }) => kind === 'unreachable') ?? { kind: 'absent' }
}
