/** Whether peers stand closer together around a place than chance puts them, as Sybils do that hide a zone. It knows no libp2p. */
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { PublicKey } from '../zone/key.ts'
import { pointOf } from './contacts.ts'
import type { Findings } from './findings.ts'
import type { Contact } from './frames.ts'
import type { LookupGoal } from './lookup-goal.ts'
import { distance, encodeRecordKey, kademliaId } from './record-key.ts'

export interface CrowdingNeeds {
  /** Kademlia's k. */
  readonly count: number
  /** A key nobody has chosen: what stands around its place is there by chance. */
  randomKey(): PublicKey
  /** The neighbourhood of this key is crowded; told once for each key. */
  suspect(key: PublicKey): void
  /** Hears random places for all who need them: whoever was first to need them may have gone. */
  readonly hear: Walk
  readonly clock: Clock
  /** Milliseconds one of these may take. */
  readonly timeout: number
}

/** Looks in one neighbourhood, without any judgement. */
type Walk = (goal: LookupGoal) => Promise<Findings>

/** What an answer says instead of "absent". */
export const CROWDED = 'The neighbourhood of this name looks crowded by hostile nodes.'

/** Protocol 5, "Crowded": an honest neighbourhood is as dense by chance less often than this; a lookup hears three. */
const MAX_CHANCE = 1e-4
/** Places to compare with: with fewer, random ones are heard first. */
const MIN_PLACES = 4
/** Peers asked at a time there: somebody is waiting. */
const PARALLEL = 8
/** Places remembered; one for each key, so that nobody can fill them by one name. */
const MAX_PLACES = 64
/** Milliseconds a place is compared with: networks grow and shrink. */
const REMEMBERED_FOR = 3_600_000
/** Milliseconds from one hearing of random places to the next: where half the nodes are dead there may be none to compare with. */
const PAUSE = 10_000
const MAX_SUSPECTED = 1000

interface Place {
  readonly away: number
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

export class Crowding {
  readonly #needs: CrowdingNeeds
  /** How far from its place the k-th closest stood, as a share of the space, by the key's label. */
  readonly #places = boundedCache<Place>(MAX_PLACES)
  readonly #suspected = boundedCache<true>(MAX_SUSPECTED)
  #hearing: Promise<unknown> | undefined
  /** Milliseconds of the monotonic clock. */
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(needs: CrowdingNeeds) {
    this.#needs = needs
  }

  /** Looks in one neighbourhood by `walk`; where that is crowded, its word that nobody holds the zone counts for nothing. */
  async search(goal: LookupGoal, walk: Walk): Promise<Findings> {
    // The first neighbourhood was of no quick use: it may soon be asked how dense others are.
    if (goal.replica !== 0 && goal.until === 'first') void this.#hearPlaces(goal, goal.timeout)
    const findings = await walk(goal)
    const { verdict, closest, effort, fewPeers, outOfDials } = findings
    if (fewPeers || closest.length === 0) return findings
    const lacks = verdict.kind === 'absent' || verdict.kind === 'unreachable'
    if (lacks) await this.#hearPlaces(goal, goal.timeout - effort.milliseconds)
    const crowded = this.#isCrowded(goal, closest)
    // Where peers were left unasked these stand further apart than all do: good to judge by, not to compare with. And
    // a crowd, remembered, would make the next look usual.
    if (!outOfDials && !crowded) this.#remember(goal, closest)
    if (!crowded) return findings
    this.#tell(goal.key)
    return lacks ? { ...findings, verdict: { kind: 'unreachable', cause: CROWDED } } : findings
  }

  #tell(key: PublicKey): void {
    if (!this.#suspected.has(key.label)) this.#needs.suspect(key)
    this.#suspected.set(key.label, true)
  }

  #isCrowded(goal: LookupGoal, closest: readonly Contact[]): boolean {
    const others = this.#placesBesides(goal.key)
    if (others.length === 0) return false
    const away = Math.max(...sharesOf(goal, closest))
    return chanceOf({ away, peers: closest.length }, others, this.#needs.count) < MAX_CHANCE
  }

  /** A walk that has heard all of the k closest says how dense the network is; one place of a key is enough. */
  #remember(goal: Pick<LookupGoal, 'key' | 'replica'>, closest: readonly Contact[]): void {
    if (goal.replica !== 0 || closest.length < this.#needs.count) return
    const away = Math.max(...sharesOf(goal, closest))
    this.#places.set(goal.key.label, { away, at: this.#needs.clock.monotonic() })
  }

  #placesBesides({ label }: PublicKey): number[] {
    const since = this.#needs.clock.monotonic() - REMEMBERED_FOR
    const others = [...this.#places.entries()].filter(([other, { at }]) => other !== label && at > since)
    return others.map(([, { away }]) => away)
  }

  /** Never rejects. All who need it wait for the same one, each as long as its own lookup may take. */
  async #hearPlaces({ key: besides }: LookupGoal, milliseconds: number): Promise<void> {
    const missing = MIN_PLACES - this.#placesBesides(besides).length
    if (missing <= 0 || milliseconds <= 0) return
    this.#hearing ??= this.#beginHearing(missing)
    const late = Promise.withResolvers<void>()
    using _deadline = this.#needs.clock.after(milliseconds, late.resolve)
    await Promise.race([this.#hearing, late.promise])
  }

  /** Undefined so soon after the last. */
  #beginHearing(count: number): Promise<unknown> | undefined {
    const now = this.#needs.clock.monotonic()
    if (now - this.#heardAt < PAUSE) return undefined
    this.#heardAt = now
    const hearing = Array.from({ length: count }, async () => await this.#hearPlace())
    return Promise.allSettled(hearing).finally(() => {
      this.#hearing = undefined
    })
  }

  async #hearPlace(): Promise<void> {
    const { randomKey, hear, timeout } = this.#needs
    const goal = { key: randomKey(), replica: 0, floor: 0n, until: 'closest', parallelism: PARALLEL } as const
    const { closest, outOfDials } = await hear({ ...goal, timeout })
    if (!outOfDials) this.#remember(goal, closest)
  }
}

/**
 * How likely so many peers stand within `away` of a place by chance, where `count` stood within each of the `others`. As
 * points of one density their distances are of gamma distributions, and the quotient of two is of a beta distribution
 * with whole parameters, which is a sum over a binomial one.
 */
export function chanceOf(
  { away, peers }: { readonly away: number; readonly peers: number },
  others: readonly number[],
  count: number,
): number {
  const share = away / (away + others.reduce((sum, each) => sum + each, 0))
  return chanceOfAtLeast(peers, { tries: peers + count * others.length - 1, share })
}

/** Of the binomial distribution. */
function chanceOfAtLeast(wanted: number, { tries, share }: { tries: number; share: number }): number {
  if (share <= 0) return 0
  if (share >= 1) return 1
  let log = wanted * Math.log(share) + (tries - wanted) * Math.log1p(-share)
  for (let at = 1; at <= wanted; at++) log += Math.log((tries - wanted + at) / at)
  let term = Math.exp(log)
  let sum = 0
  for (let hits = wanted; hits <= tries; hits++) {
    sum += term
    term *= ((tries - hits) / (hits + 1)) * (share / (1 - share))
  }
  return Math.min(1, sum)
}

/** How far each stands from the goal's place, as a share of the space. */
function sharesOf(
  { key, replica }: Pick<LookupGoal, 'key' | 'replica'>,
  contacts: readonly Contact[],
): number[] {
  const place = kademliaId(encodeRecordKey(key, replica))
  return contacts.map((contact) => distance(pointOf(contact), place).readUIntBE(0, 6) / 2 ** 48)
}
