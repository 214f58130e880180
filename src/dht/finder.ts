/** Finds zones: the copy at home while it is fresh, otherwise the network's, never anything older than was seen. */
import type { LRUCache } from 'lru-cache'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { FindOptions, Lookup, LookupEffort } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { encodeZBase32 } from '../zone/z-base-32.ts'
import { abortable } from './abortable.ts'
import type { DhtConfig } from './config.ts'
import type { Findings } from './findings.ts'
import type { Contact } from './frames.ts'
import type { LookupGoal } from './lookup-goal.ts'
import { anotherReplica, searchReplicas } from './replicas.ts'
import type { ZoneStore } from './zone-store.ts'

export interface FinderNeeds {
  readonly store: ZoneStore
  readonly clock: Clock
  readonly config: Pick<
    DhtConfig,
    'lookupTimeout' | 'walkTimeout' | 'maxWalks' | 'confirmMin' | 'confirmMax' | 'cachedZones'
  >
  /** Looks in one of a zone's neighbourhoods; ends early when this room closes. Never rejects; an aborted one finds nothing. */
  search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings>
  /** Gives a newer zone to those that were found to hold an older one. Never rejects. */
  correct(contacts: readonly Contact[], zone: SignedZone): Promise<void>
}

/** Protocol 5, "Get": so many peers have to agree on the newest. */
const AGREEING = 3
/** Seconds a zone is fresh that one peer alone has given. */
const UNSURE = 10

/** Milliseconds: of what was used within them news are welcome. */
const IN_USE = 3_600_000
/** Peers that tell of one and the same change are asked for it at once. */
const MAX_GIVERS = 3

/** What a peer says, unasked: that there is a newer zone. It has to give it. */
export interface Change {
  readonly key: Uint8Array
  readonly sequence: bigint
  give(key: PublicKey, have: SignedZone | undefined): Promise<SignedZone | undefined>
}

interface Confirmation {
  readonly sequence: bigint
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  /** Whether enough peers agreed, and not just the first. */
  readonly sure: boolean
}

const AT_HOME: LookupEffort = { asked: 0, hops: 0, milliseconds: 0 }

export class Finder {
  readonly #needs: FinderNeeds
  readonly #flights = new Map<string, Promise<Lookup>>()
  /** Walks that go on behind answers that have been given. */
  readonly #walks = new Map<string, Promise<void>>()
  /** How many peers are being asked for the change they told of. */
  readonly #changing = new Map<string, number>()
  /** When the network last said which sequence is the newest. */
  readonly #confirmed: LRUCache<string, Confirmation>

  constructor(needs: FinderNeeds) {
    this.#needs = needs
    this.#confirmed = boundedCache(needs.config.cachedZones)
  }

  async find(key: PublicKey, { signal, maxAge = Infinity }: FindOptions): Promise<Lookup> {
    signal.throwIfAborted()
    const copy = await this.#needs.store.get(key)
    if (copy && this.#isFresh(copy, maxAge)) return this.#found(copy, AT_HOME)
    return await abortable(this.#flight(key, copy), signal)
  }

  /** When every lookup begun so far has ended. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#flights.values(), ...this.#walks.values()])
  }

  /** The network is known to hold nothing newer. @param sure false when one peer alone says so */
  confirm({ key, sequence }: SignedZone, sure = true): void {
    this.#confirmed.set(key.label, { sequence, sure, at: this.#needs.clock.monotonic() })
  }

  /**
   * Protocol 5, "Fresh": a zone in use is replaced as soon as a holder says so and gives the newer one; what it rests on is
   * that copy's signature and nothing else. Never rejects. @returns false when it was asked, and gave no such zone
   */
  async changed({ key: octets, sequence, give }: Change): Promise<boolean> {
    const label = encodeZBase32(octets)
    const givers = this.#changing.get(label) ?? 0
    if (!this.#isNews(label, sequence) || givers >= MAX_GIVERS) return true
    this.#changing.set(label, givers + 1)
    try {
      const key = publicKeyFromBytes(octets)
      const zone = await give(key, await this.#needs.store.get(key))
      if (!this.#isNews(label, sequence)) return true // another has given it meanwhile
      if (!zone || zone.sequence < sequence) return false
      if (await this.#adopt(zone)) this.#walkOn(zone)
      return true
    } catch {
      return false
    } finally {
      const left = (this.#changing.get(label) ?? 1) - 1
      if (left > 0) this.#changing.set(label, left)
      else this.#changing.delete(label)
    }
  }

  #isNews(label: string, sequence: bigint): boolean {
    const known = this.#confirmed.peek(label)
    return (
      known !== undefined && known.sequence < sequence && this.#needs.clock.monotonic() - known.at <= IN_USE
    )
  }

  #isFresh(zone: SignedZone, maxAge: number): boolean {
    return zone.revoked || (this.#ageOf(zone) <= maxAge && this.#freshFor(zone) > 0)
  }

  /** Seconds. Protocol 5, "Fresh": a zone is confirmed after clamp(REFRESH, 60 s, 1 h). A revocation is final. */
  #freshFor(zone: SignedZone): number {
    const { confirmMin, confirmMax } = this.#needs.config
    if (zone.revoked) return confirmMax
    const isSure = this.#confirmed.get(zone.key.label)?.sure === true
    const life = isSure ? Math.min(Math.max(zone.soa.refresh, confirmMin), confirmMax) : UNSURE
    return Math.max(0, life - this.#ageOf(zone))
  }

  /** Seconds. */
  #ageOf(zone: SignedZone): number {
    if (zone.revoked) return 0
    const confirmed = this.#confirmed.get(zone.key.label)
    if (confirmed?.sequence !== zone.sequence) return Infinity
    return (this.#needs.clock.monotonic() - confirmed.at) / 1000
  }

  /** Everybody who looks for a key while a lookup for it is under way waits for the same one. */
  async #flight(key: PublicKey, copy: SignedZone | undefined): Promise<Lookup> {
    const known = this.#flights.get(key.label)
    if (known) return await known
    const flight = this.#look(key, copy).finally(() => this.#flights.delete(key.label))
    this.#flights.set(key.label, flight)
    return await flight
  }

  async #look(key: PublicKey, copy: SignedZone | undefined): Promise<Lookup> {
    const { store, config } = this.#needs
    const reading = store.floorOf(key) // while peers are asked: no answer of theirs is here sooner
    const goal = { key, have: copy, floor: reading, until: 'first', timeout: config.lookupTimeout } as const
    const { verdict, effort } = await searchReplicas(goal, this.#needs)
    const floor = await reading
    const found = verdict.kind === 'found' ? await this.#adopt(verdict.zone) : undefined
    const same = verdict.kind === 'same' ? copy : undefined
    if (same) this.confirm(same, false)
    const heard = found ?? same
    if (heard && !heard.revoked) this.#walkOn(heard)
    const newest = (await store.get(key)) ?? found
    if (newest) return this.#found(newest, effort)
    if (verdict.kind === 'bogus') return { ...verdict, effort }
    if (verdict.kind === 'absent' && floor === 0n) return { kind: 'absent', effort }
    return { kind: 'unreachable', cause: causeOf(verdict, floor), effort }
  }

  /**
   * Protocol 5, "Get": the first answer was given; the walk goes on to the closest peers. What is newer is taken, those
   * who hold what is older are told. While too many go on already, the zone stays unsure and is looked for again soon.
   */
  #walkOn(zone: SignedZone): void {
    const { label } = zone.key
    if (this.#walks.has(label) || this.#walks.size >= this.#needs.config.maxWalks) return
    // In a turn of its own: the answer is not to wait until the first of these requests are written.
    const walk = new Promise(setImmediate)
      .then(() => this.#hearAll(zone))
      .finally(() => this.#walks.delete(label))
    this.#walks.set(label, walk)
  }

  async #hearAll(zone: SignedZone): Promise<void> {
    const { newest, findings } = await this.#hear(zone, { replica: 0, until: 'closest' })
    const { hands, holders, behind, fewPeers } = findings
    if (hands >= AGREEING || (holders.length > 0 && behind.length === 0)) this.confirm(newest)
    if (!fewPeers) await this.#hear(newest, { replica: anotherReplica(), until: 'second' })
  }

  /** One neighbourhood's word on a zone that is known. @returns the newest known then */
  async #hear(have: SignedZone, where: Pick<LookupGoal, 'replica' | 'until'>) {
    const { search, correct, config } = this.#needs
    const { key, sequence: floor } = have
    const findings = await search({ key, have, floor, timeout: config.walkTimeout, ...where })
    const { verdict } = findings
    const newest = (verdict.kind === 'found' ? await this.#adopt(verdict.zone) : undefined) ?? have
    await correct(findings.behind, newest)
    return { newest, findings }
  }

  /** The zone, kept or at least not to be undercut again; undefined when its time ran out just now. */
  async #adopt(zone: SignedZone): Promise<SignedZone | undefined> {
    try {
      const { kind } = await this.#needs.store.putFound(zone)
      if (kind === 'full') await this.#needs.store.raiseFloor(zone)
      if (kind !== 'older') this.confirm(zone, false)
      return zone
    } catch (cause) {
      if (cause instanceof ZoneFault) return undefined
      throw cause
    }
  }

  #found(zone: SignedZone, effort: LookupEffort): Lookup {
    return { kind: 'found', zone, age: this.#ageOf(zone), freshFor: this.#freshFor(zone), effort }
  }
}

/** Protocol 5, "absent": only where no floor exists; what was there once is not said to be nowhere. */
function causeOf(verdict: Findings['verdict'], floor: bigint): string {
  if (verdict.kind === 'unreachable') return verdict.cause
  return `Nobody holds a zone as new as one seen before (sequence ${floor}).`
}
