/** What the wide area and the local network found of one zone, as one: the newest of both wins. */
import { compareZones, type SignedZone } from '../zone/signed-zone.ts'
import type { Findings, Verdict } from './findings.ts'

/** @param all at least one, the wide area's first; @param have the copy at home, if any */
export function mergeFindings(all: readonly Findings[], have: SignedZone | undefined): Findings {
  if (all.length === 1) return all[0]!
  const newest = all.map((each) => newestOf(each, have)).reduce(newer, undefined)
  const upToDate = (each: Findings) => isNewest(newestOf(each, have), newest)
  return {
    verdict: verdictOf(all),
    effort: {
      asked: all.reduce((sum, { effort }) => sum + effort.asked, 0),
      hops: Math.max(...all.map(({ effort }) => effort.hops)),
      milliseconds: Math.max(...all.map(({ effort }) => effort.milliseconds)),
    },
    closest: all.flatMap(({ closest }) => closest),
    holders: all.flatMap((each) => (upToDate(each) ? each.holders : [])),
    behind: all.flatMap((each) => (upToDate(each) ? each.behind : [...each.holders, ...each.behind])),
    hands: all.reduce((sum, each) => sum + (upToDate(each) ? each.hands : 0), 0),
    fewPeers: all.every(({ fewPeers }) => fewPeers),
    outOfDials: all.some(({ outOfDials }) => outOfDials),
  }
}

/** What a network's holders hold: what it found, or the copy at home. */
function newestOf({ verdict, holders }: Findings, have: SignedZone | undefined): SignedZone | undefined {
  if (verdict.kind === 'found') return verdict.zone
  return verdict.kind === 'same' || holders.length > 0 ? have : undefined
}

function newer(one: SignedZone | undefined, other: SignedZone | undefined): SignedZone | undefined {
  if (!one || !other) return one ?? other
  return compareZones(one, other) >= 0 ? one : other
}

/** A network without holders has none that are behind either. */
function isNewest(zone: SignedZone | undefined, newest: SignedZone | undefined): boolean {
  return zone === undefined || newest === undefined || compareZones(zone, newest) === 0
}

function verdictOf(all: readonly Findings[]): Verdict {
  const verdicts = all.map(({ verdict }) => verdict)
  const found = verdicts.flatMap((verdict) => (verdict.kind === 'found' ? [verdict.zone] : []))
  const zone = found.reduce(newer, undefined)
  if (zone) return { kind: 'found', zone }
  if (verdicts.some(({ kind }) => kind === 'same')) return { kind: 'same' }
  const [wide, ...local] = all
  if (wide?.verdict.kind === 'absent' && local.every(lacks)) return { kind: 'absent' }
  const rejected = verdicts.reduce((sum, each) => sum + (each.kind === 'bogus' ? each.rejected : 0), 0)
  if (rejected > 0) return { kind: 'bogus', rejected }
  return { kind: 'unreachable', cause: causeOf(verdicts) }
}

/** Protocol 5, "absent": a home has few machines, so there it is enough that all that were asked answered and none has it. */
function lacks({ verdict, effort, closest, holders, behind }: Findings): boolean {
  if (verdict.kind === 'absent') return true
  const answered = closest.length > 0 && closest.length === effort.asked
  return verdict.kind === 'unreachable' && answered && holders.length === 0 && behind.length === 0
}

function causeOf(verdicts: readonly Verdict[]): string {
  const causes = verdicts.flatMap((verdict) => (verdict.kind === 'unreachable' ? [verdict.cause] : []))
  return [...new Set(causes)].join(' ')
}
