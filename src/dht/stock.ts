/** The zones this node holds: which are others', who brought them, and which goes when there is no room for all. */
import { randomInt } from 'node:crypto'
import { KEY_OCTETS } from '../zone/key.ts'
import { decodeZBase32 } from '../zone/z-base-32.ts'
import type { DhtConfig } from './config.ts'
import { distance, encodeRecordKey, kademliaId, type Replica } from './record-key.ts'
import type { ShelfMark } from './zone-shelf.ts'

/** Protocol 5, "IP group": the zones of one group beyond this share of the room go first. */
const GROUP_SHARE = 1 / 8
/** Milliseconds: what was asked for within them stays longer than what was not. */
const ASKED_WITHIN = 86_400_000
/** Protocol 5, "Keeping alive": a day, a quarter more or less, in milliseconds. */
const DUE = { least: 0.75 * 86_400_000, spread: 0.5 * 86_400_000 }
const REPLICAS: readonly Replica[] = [0, 1, 2]
/** The first octets of a distance; with random ids nothing is equal in them. */
const DISTANCE_OCTETS = 6

interface Entry {
  readonly mark: ShelfMark
  /** How far the nearest of its places in Kademlia's space is from this node. */
  readonly distance: number
  /** Milliseconds since the Unix epoch; -Infinity: never, since this node started. */
  asked: number
  /** Milliseconds of the monotonic clock: when somebody should have put it again. */
  due: number
}

/** A zone of others that is to be taken in. */
export interface Newcomer {
  readonly label: string
  /** The IP group it comes from; undefined when this node itself asked for it. */
  readonly group: string | undefined
  /** Whether it has no signed expiry. */
  readonly bare: boolean
}

export interface StockNeeds {
  readonly limits: Pick<DhtConfig, 'maxZones' | 'maxRevocations' | 'keep'>
  /** Where this node is in Kademlia's space. */
  readonly self: Uint8Array
}

export class Stock {
  readonly #needs: StockNeeds
  readonly #entries = new Map<string, Entry>()
  /** Of others, and not revoked. */
  readonly #foreign = new Map<string, Entry>()
  /** Revoked keys of others; those revoked since the start come last. */
  readonly #revoked = new Set<string>()
  /** Foreign zones of each IP group. */
  readonly #groups = new Map<string, number>()
  /** Labels of others' zones that stay as own ones do. */
  readonly #kept: ReadonlySet<string>

  constructor(needs: StockNeeds) {
    this.#needs = needs
    this.#kept = new Set(needs.limits.keep)
  }

  get(label: string): ShelfMark | undefined {
    return this.#entries.get(label)?.mark
  }

  has(label: string): boolean {
    return this.#entries.has(label)
  }

  /** @param now milliseconds of the monotonic clock */
  set(label: string, mark: ShelfMark, now: number): void {
    const before = this.#entries.get(label)
    this.delete(label)
    const entry = {
      mark,
      distance: before?.distance ?? this.#distanceOf(label),
      asked: before?.asked ?? -Infinity,
      // What was there at the start was put some time ago, nobody knows when; not all of it is due at once.
      due: before?.due ?? now + randomInt(DUE.least + DUE.spread),
    }
    this.#entries.set(label, entry)
    if (mark.own || this.keeps(label)) return
    if (mark.expires === Infinity) {
      this.#revoked.add(label)
      return
    }
    this.#foreign.set(label, entry)
    this.#count(mark.group, 1)
  }

  delete(label: string): void {
    const group = this.#foreign.get(label)?.mark.group
    if (this.#foreign.delete(label)) this.#count(group, -1)
    this.#revoked.delete(label)
    this.#entries.delete(label)
  }

  /** Somebody wanted the zone. */
  asked(label: string, now: number): void {
    const entry = this.#entries.get(label)
    if (entry) entry.asked = now
  }

  /** Somebody has put the zone just now. @param now milliseconds of the monotonic clock */
  heard(label: string, now: number): void {
    const entry = this.#entries.get(label)
    if (entry) entry.due = now + DUE.least + randomInt(DUE.spread)
  }

  /** Whether it was configured that this zone of others stays. */
  keeps(label: string): boolean {
    return this.#kept.has(label)
  }

  /**
   * Others' zones that nobody has put for about a day, and those that should be here and are not. What has no signed
   * expiry is its owner's to put again: it would never end.
   */
  due(now: number, count: number): string[] {
    const labels = [...this.#kept].filter((label) => (this.#entries.get(label)?.due ?? now) <= now)
    for (const [label, { due, mark }] of this.#foreign) {
      if (labels.length >= count) break
      if (due <= now && !mark.bare) labels.push(label)
    }
    return labels
  }

  /** The zones whose time was over at that moment. */
  expired(at: number): string[] {
    return [...this.#entries].filter(([, { mark }]) => mark.expires <= at).map(([label]) => label)
  }

  get revocationsFull(): boolean {
    return this.#revoked.size >= this.#needs.limits.maxRevocations
  }

  /** Whether there is a place for the newcomer, if need be that of another zone. */
  admits({ label, group, bare }: Newcomer, now: number): boolean {
    if (this.#foreign.size < this.#needs.limits.maxZones) return true
    const asked = group === undefined ? now : -Infinity
    const newcomer = {
      mark: { own: false, expires: 0, bare, group },
      distance: this.#distanceOf(label),
      asked,
      due: Infinity,
    }
    return this.#first(now, [label, newcomer]) !== label
  }

  /** What has to go next, as long as there is more than there is room for; own zones never do. */
  surplus(now: number): string | undefined {
    const { maxZones, maxRevocations } = this.#needs.limits
    if (this.#revoked.size > maxRevocations) return this.#revoked.values().next().value
    return this.#foreign.size > maxZones ? this.#first(now) : undefined
  }

  /** Protocol 5: without a signed expiry, of the largest group over its share, then what nobody asked for, then the farthest. */
  #first(now: number, newcomer?: readonly [string, Entry]): string | undefined {
    const large = this.#largestGroup(newcomer?.[1].mark.group)
    const rank = ({ mark, asked }: Entry) =>
      (mark.bare ? 4 : 0) +
      (large !== undefined && mark.group === large ? 2 : 0) +
      (asked < now - ASKED_WITHIN ? 1 : 0)
    let [first, last] = newcomer ?? []
    for (const [label, entry] of this.#foreign) {
      const order = last ? rank(entry) - rank(last) || entry.distance - last.distance : 1
      if (order > 0) [first, last] = [label, entry]
    }
    return first
  }

  /** Of the groups over their share, counting the newcomer's as one more. */
  #largestGroup(ofNewcomer: string | undefined): string | undefined {
    let largest: string | undefined
    let most = Math.max(1, Math.floor(this.#needs.limits.maxZones * GROUP_SHARE))
    for (const [group, zones] of this.#groups) {
      const count = zones + (group === ofNewcomer ? 1 : 0)
      if (count > most) [largest, most] = [group, count]
    }
    return largest
  }

  #count(group: string | undefined, change: 1 | -1): void {
    if (group === undefined) return
    const zones = (this.#groups.get(group) ?? 0) + change
    if (zones > 0) this.#groups.set(group, zones)
    else this.#groups.delete(group)
  }

  #distanceOf(label: string): number {
    const bytes = decodeZBase32(label) ?? new Uint8Array(KEY_OCTETS)
    const places = REPLICAS.map((replica) => kademliaId(encodeRecordKey({ bytes }, replica)))
    return Math.min(
      ...places.map((place) => distance(place, this.#needs.self).readUIntBE(0, DISTANCE_OCTETS)),
    )
  }
}
