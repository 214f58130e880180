/** The zones this node holds. Never back: not behind what it holds, not behind what it once saw, not over a restart. */
import type { Datastore } from 'interface-datastore'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import {
  checkTime,
  compareZones,
  isAhead,
  isTimely,
  type SignedZone,
  verifyZone,
} from '../zone/signed-zone.ts'
import { encodeZBase32 } from '../zone/z-base-32.ts'
import type { DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'
import { type LooseFloor, looseFloors, needlessFloors } from './loose-floors.ts'
import { type ShelfMark, ZoneShelf } from './zone-shelf.ts'

export type PutOutcome =
  /** It is the newest known now, on disk, and the watchers have been told. */
  | { readonly kind: 'new' }
  /** The very bytes held already. */
  | { readonly kind: 'refreshed' }
  /** Below what is held, or was once seen (then there is nothing to show). */
  | { readonly kind: 'older'; readonly newest: SignedZone | undefined }
  /** There is no room for another zone of others. */
  | { readonly kind: 'full' }

export interface ZoneStoreNeeds {
  readonly datastore: Datastore
  readonly clock: Clock
  readonly logger: Logger
  readonly config: StoreLimits
}

export interface PutOptions {
  /** Whether this node signs the zone. */
  readonly own: boolean
  /** It comes from this node's own publisher, and no other node has seen it yet. */
  readonly unheard?: boolean
}

type StoreLimits = Pick<DhtConfig, 'maxZones' | 'maxRevocations' | 'maxFloors' | 'cachedZones'>

/** Milliseconds between two sweeps. */
const SWEEP_INTERVAL = 3_600_000
/** Protocol 2: the expired are deleted a day later. */
const SWEEP_DELAY = 86_400_000

/** Reads what is stored and begins to sweep it. */
export async function openZoneStore(needs: ZoneStoreNeeds): Promise<ZoneStore> {
  const store = new ZoneStore(needs)
  await store.load()
  return store
}

export class ZoneStore implements AsyncDisposable {
  readonly #shelf: ZoneShelf
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #limits: StoreLimits
  readonly #marks = new Map<string, ShelfMark>()
  readonly #held: LRUCache<string, SignedZone>
  readonly #locks = new KeyLocks()
  readonly #listeners = new Set<(zone: SignedZone) => void>()
  #foreign = 0
  /** Revoked keys of others; those revoked since the start come last. */
  readonly #revoked = new Set<string>()
  /** Floors that may still be left behind by revocations that have to go, until the next sweep counts them all. */
  #looseFloors: number
  #nextSweep: Disposable | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor({ datastore, clock, logger, config }: ZoneStoreNeeds) {
    this.#shelf = new ZoneShelf(datastore)
    this.#clock = clock
    this.#logger = logger
    this.#limits = config
    this.#looseFloors = config.maxFloors
    this.#held = new LRUCache({ max: config.cachedZones })
  }

  async load(): Promise<void> {
    for await (const { label, mark } of this.#shelf.marks()) {
      if (mark) this.#mark(label, mark)
      else this.#logger.warn({ zone: label }, 'a stored zone is damaged; it is skipped')
    }
    this.#sweepLater()
  }

  /**
   * Keeps `zone` if it is newer than what is held and not below what was seen. On disk when this returns.
   * @throws ZoneFault `future` or `expired`
   */
  async put(zone: SignedZone, options: PutOptions): Promise<PutOutcome> {
    checkTime(zone, this.#clock.now())
    const outcome = await this.#locks.run(zone.key.label, () => this.#putLocked(zone, options))
    if (outcome.kind === 'new') {
      this.#tell(zone)
      if (zone.revoked) await this.#removeSurplus()
    }
    return outcome
  }

  /** The zone held for `key`, if a node may serve it now. Of its own zones it knows better than a clock that may be wrong. */
  async get(key: PublicKey): Promise<SignedZone | undefined> {
    const zone = this.#held.get(key.label) ?? (await this.#read(key))
    const isSurelyOurs = this.#clock.trusted === false && this.#marks.get(key.label)?.own === true
    return zone && (isSurelyOurs || isTimely(zone, this.#clock.now())) ? zone : undefined
  }

  /** The same for a key as it came over the wire: 32 octets, of which only those of a zone that is held are looked at. */
  async getByOctets(octets: Uint8Array): Promise<SignedZone | undefined> {
    const label = encodeZBase32(octets)
    const key = this.#held.get(label)?.key
    if (key) return await this.get(key)
    return this.#marks.has(label) ? await this.get(publicKeyFromBytes(octets)) : undefined
  }

  /** The highest sequence ever seen; 0n for a stranger. */
  async floorOf(key: PublicKey): Promise<bigint> {
    const heard = await this.#shelf.sequenceOf(key.label)
    const held = this.#marks.get(key.label)?.own ? await this.#holding(key) : undefined
    return held && held.sequence > heard && !isAhead(held, this.#clock.now()) ? held.sequence : heard
  }

  /** Remembers that other nodes have seen `zone`: one there was no room to keep, or one of this node's own. */
  async raiseFloor(zone: SignedZone): Promise<void> {
    await this.#locks.run(zone.key.label, async () => {
      if ((await this.#shelf.sequenceOf(zone.key.label)) < zone.sequence) await this.#shelf.writeFloor(zone)
    })
  }

  /**
   * Protocol 2: a sequence that no other node acknowledged binds nobody, once it turns out to be of the future. Where
   * nothing at all is known of the key the store may have been lost, and with it who acknowledged what.
   */
  async isBinding(zone: SignedZone): Promise<boolean> {
    if (!isAhead(zone, this.#clock.now())) return true
    const heard = await this.#shelf.sequenceOf(zone.key.label)
    return heard >= zone.sequence || (heard === 0n && !this.#marks.has(zone.key.label))
  }

  /** Tells of every zone that becomes the newest held, from now until disposed. */
  watch(listener: (zone: SignedZone) => void): Disposable {
    const entry = (zone: SignedZone) => listener(zone)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => this.#listeners.delete(entry) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#nextSweep?.[Symbol.dispose]()
    await this.#sweeping
    await this.#locks.idle()
  }

  async #putLocked(zone: SignedZone, { own, unheard = false }: PutOptions): Promise<PutOutcome> {
    const held = await this.#binding(zone.key)
    const order = held ? compareZones(zone, held) : 1
    if (order < 0 || zone.sequence < (await this.#shelf.sequenceOf(zone.key.label)))
      return { kind: 'older', newest: held }
    const mark = this.#marks.get(zone.key.label)
    if (order === 0 && (mark?.own || !own)) return { kind: 'refreshed' }
    if (!mark && !own && !(await this.#hasRoom(zone))) return { kind: 'full' }
    await this.#write(zone, { own: own || mark?.own === true, expires: zone.expires }, unheard)
    return { kind: order === 0 ? 'refreshed' : 'new' }
  }

  /** What is held, unless it binds nobody. */
  async #binding(key: PublicKey): Promise<SignedZone | undefined> {
    const held = await this.#holding(key)
    return held && (await this.isBinding(held)) ? held : undefined
  }

  async #holding(key: PublicKey): Promise<SignedZone | undefined> {
    return this.#held.get(key.label) ?? (await this.#read(key))
  }

  /** Protocol 2: whoever held a zone or answered from it takes its revocation; those of strangers have a limit. */
  async #hasRoom(zone: SignedZone): Promise<boolean> {
    if (!zone.revoked) return this.#foreign < this.#limits.maxZones
    return this.#revoked.size < this.#limits.maxRevocations || (await this.floorOf(zone.key)) > 0n
  }

  /** The first revocations beyond the limit. Their floors stay, within the limit for floors: nothing of these keys is served. */
  async #removeSurplus(): Promise<void> {
    try {
      for (const label of this.#revoked) {
        if (this.#revoked.size <= this.#limits.maxRevocations) return
        await this.#locks.run(label, () => this.#removeRevocation(label))
      }
    } catch (cause) {
      this.#logger.error({ err: cause }, 'a revocation beyond the limit could not be removed')
    }
  }

  async #removeRevocation(label: string): Promise<void> {
    if (!this.#revoked.has(label)) return // become this node's own meanwhile
    await this.#remove(label)
    if (this.#looseFloors > 0) this.#looseFloors--
    else await this.#shelf.removeFloor(label)
  }

  async #write(zone: SignedZone, mark: ShelfMark, unheard: boolean): Promise<void> {
    if (unheard) await this.#shelf.writeZone(zone, mark)
    else await this.#shelf.write(zone, mark)
    this.#mark(zone.key.label, mark)
    this.#held.set(zone.key.label, zone)
  }

  /** A damaged entry is as good as none; its floor still holds. */
  async #read(key: PublicKey): Promise<SignedZone | undefined> {
    if (!this.#marks.has(key.label)) return undefined
    try {
      const bytes = await this.#shelf.readZone(key.label)
      if (!bytes) return undefined
      const zone = verifyZone(bytes, key)
      this.#held.set(key.label, zone)
      return zone
    } catch (cause) {
      if (!(cause instanceof ZoneFault) && !(cause instanceof DhtFault)) throw cause
      this.#logger.warn({ zone: key.label, err: cause }, 'a stored zone is damaged; it is skipped')
      return undefined
    }
  }

  #mark(label: string, mark: ShelfMark): void {
    this.#unmark(label)
    this.#marks.set(label, mark)
    if (mark.own) return
    if (mark.expires === Infinity) this.#revoked.add(label)
    else this.#foreign++
  }

  #unmark(label: string): void {
    const mark = this.#marks.get(label)
    if (mark && !mark.own && !this.#revoked.delete(label)) this.#foreign--
    this.#marks.delete(label)
  }

  #tell(zone: SignedZone): void {
    for (const listener of this.#listeners) {
      try {
        listener(zone)
      } catch (cause) {
        this.#logger.error({ err: cause }, 'a listener for new zones failed')
      }
    }
  }

  #sweepLater(): void {
    if (this.#closed) return
    this.#nextSweep = this.#clock.after(SWEEP_INTERVAL, () => {
      this.#sweeping = this.#sweep()
        .catch((cause: unknown) => this.#logger.error({ err: cause }, 'sweeping the zone store failed'))
        .finally(() => this.#sweepLater())
    })
  }

  /** What is deleted by a clock that is wrong is gone. */
  async #sweep(): Promise<void> {
    if (this.#clock.trusted === false) return
    const now = this.#clock.now()
    const expired = [...this.#marks].filter(([, { expires }]) => expires + SWEEP_DELAY <= now)
    for (const [label] of expired) await this.#locks.run(label, () => this.#removeExpired(label, now))
    await this.#sweepFloors(now)
  }

  async #removeExpired(label: string, now: number): Promise<void> {
    const mark = this.#marks.get(label)
    if (mark && mark.expires + SWEEP_DELAY <= now) await this.#remove(label)
  }

  async #remove(label: string): Promise<void> {
    await this.#shelf.removeZone(label)
    this.#unmark(label)
    this.#held.delete(label)
  }

  async #sweepFloors(now: number): Promise<void> {
    const { maxFloors } = this.#limits
    const loose = await looseFloors(this.#shelf.floors(), (label) => this.#marks.has(label))
    for (const floor of needlessFloors(loose, { now, limit: maxFloors })) {
      if (this.#closed) return
      await this.#removeFloor(floor)
    }
    this.#looseFloors = Math.max(0, maxFloors - loose.revocations.length)
  }

  /** Unless its zone came, or it rose, meanwhile. */
  async #removeFloor({ label, sequence }: LooseFloor): Promise<void> {
    await this.#locks.run(label, async () => {
      const floor = await this.#shelf.readFloor(label)
      if (!this.#marks.has(label) && floor?.sequence === sequence) await this.#shelf.removeFloor(label)
    })
  }
}
