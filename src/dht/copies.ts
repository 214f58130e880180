/** What the peers of one lookup have given: which zone is the newest, who holds it, and what was no zone at all. */
import { ZoneFault } from '../zone/fault.ts'
import { compareZones, type SignedZone } from '../zone/signed-zone.ts'
import type { Candidate } from './candidates.ts'

export interface CopiesNeeds {
  /** The copy at home: only something newer is worth having. */
  readonly have: SignedZone | undefined
  /** @throws ZoneFault when these octets are no valid zone of the key, or not of this time */
  accept(bytes: Uint8Array): SignedZone
}

export class Copies {
  readonly #needs: CopiesNeeds
  /** A zone below this sequence is never the answer. To be known before anything is given. */
  floor: bigint | undefined
  /** What each that has a good zone has. */
  readonly #held = new Map<Candidate, SignedZone>()
  /** The newest that is newer than the copy at home. */
  newest: SignedZone | undefined
  /** How deep on the way whoever gave the newest stands; 0 when nobody has. */
  hops = 0
  /** Whether a peer holds the very copy that is at home. */
  confirmed = false
  /** Given by peers, as new as the floor and the copy at home, and with a signed expiry. */
  good = 0
  /** The same without one: the first that is given may be as old as the key. */
  bare = 0
  /** Forged, or garbage. */
  rejected = 0

  constructor(needs: CopiesNeeds) {
    this.#needs = needs
  }

  /** The peer holds the copy that is at home. */
  same(candidate: Candidate): void {
    if (!this.#needs.have) return
    this.#held.set(candidate, this.#needs.have)
    this.#confirm(candidate, this.#needs.have)
  }

  /** The peer gave these octets, its own or, `relayed`, those of somebody nearer. */
  given(candidate: Candidate, bytes: Uint8Array, relayed: boolean): void {
    const zone = this.#accepted(bytes)
    if (!zone) return
    if (!relayed) this.#held.set(candidate, zone)
    const { have } = this.#needs
    if (this.floor === undefined || zone.sequence < this.floor) return
    const order = have ? compareZones(zone, have) : 1
    if (order === 0) this.#confirm(candidate, zone)
    if (order <= 0) return
    this.#count(zone)
    if (this.newest && compareZones(zone, this.newest) <= 0) return
    this.newest = zone
    this.hops = candidate.depth
  }

  /** Its own, or what somebody nearer gave it. */
  givenBy(candidate: Candidate): SignedZone | undefined {
    return this.#held.get(candidate) ?? (candidate.state === 'relayed' ? this.newest : undefined)
  }

  isHolder(candidate: Candidate): boolean {
    const newest = this.newest ?? this.#needs.have
    const copy = this.#held.get(candidate)
    return newest !== undefined && copy !== undefined && compareZones(copy, newest) === 0
  }

  isBehind(candidate: Candidate): boolean {
    const hasOne = this.#held.has(candidate) || candidate.state === 'older'
    return hasOne && !this.isHolder(candidate)
  }

  #confirm(candidate: Candidate, zone: SignedZone): void {
    this.confirmed = true
    this.#count(zone)
    if (!this.newest) this.hops = candidate.depth
  }

  #count({ bare }: SignedZone): void {
    if (bare) this.bare++
    else this.good++
  }

  /** A zone that has merely expired is a stale holder's, not a liar's. */
  #accepted(bytes: Uint8Array): SignedZone | undefined {
    try {
      return this.#needs.accept(bytes)
    } catch (cause) {
      if (!(cause instanceof ZoneFault)) throw cause
      if (cause.reason !== 'expired') this.rejected++
      return undefined
    }
  }
}
