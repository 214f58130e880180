/** The zones this node holds. Never back: not behind what it holds, not behind what it once saw, not over a restart. */
import type { Datastore } from 'interface-datastore'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import { KEY_OCTETS, type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import { checkTime, compareZones, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { encodeZBase32 } from '../zone/z-base-32.ts'
import type { DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'
import { type FloorKind, type LooseFloor, LooseFloors } from './loose-floors.ts'
import { Buckets } from './rate.ts'
import { Stock } from './stock.ts'
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
  /** Its IP group brings new zones too fast. */
  | { readonly kind: 'busy' }

export interface PutOptions {
  /** Whether this node signs it. */
  readonly own: boolean
  /** The IP group it comes from; none when this node asked for it itself. */
  readonly from?: string | undefined
}

export interface ZoneStoreNeeds {
  readonly datastore: Datastore
  readonly clock: Clock
  readonly logger: Logger
  readonly config: StoreLimits
  /** Where this node is in Kademlia's space. */
  readonly self: Uint8Array
}

type StoreLimits = Pick<
  DhtConfig,
  'maxZones' | 'maxRevocations' | 'maxFloors' | 'cachedZones' | 'maxNewZonesPerMinute'
>

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
  readonly #stock: Stock
  /** Of new zones, for each IP group. */
  readonly #rates: Buckets
  readonly #held: LRUCache<string, SignedZone>
  readonly #locks = new KeyLocks()
  readonly #listeners = new Set<(zone: SignedZone) => void>()
  readonly #looseFloors: LooseFloors
  #nextSweep: Disposable | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor({ datastore, clock, logger, config, self }: ZoneStoreNeeds) {
    const perMinute = config.maxNewZonesPerMinute
    this.#shelf = new ZoneShelf(datastore)
    this.#stock = new Stock({ limits: config, self })
    this.#rates = new Buckets({ perSecond: perMinute / 60, burst: perMinute }, clock)
    this.#clock = clock
    this.#logger = logger
    this.#looseFloors = new LooseFloors(this.#shelf, config.maxFloors)
    this.#held = new LRUCache({ max: config.cachedZones })
  }

  async load(): Promise<void> {
    for await (const { label, mark } of this.#shelf.marks()) {
      if (mark) this.#stock.set(label, mark)
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
      await this.#removeSurplus()
    }
    return outcome
  }

  /** The zone held for `key`, if a node may serve it now. */
  get(key: PublicKey): Promise<SignedZone | undefined> {
    this.#stock.asked(key.label, this.#clock.now())
    return this.#timely(key)
  }

  /** The same for a key as it came over the wire: 32 octets, of which only those of a zone that is held are looked at. */
  async getByOctets(octets: Uint8Array): Promise<SignedZone | undefined> {
    const label = encodeZBase32(octets)
    const key = this.#held.get(label)?.key
    if (key) return await this.get(key)
    return this.#stock.has(label) ? await this.get(publicKeyFromBytes(octets)) : undefined
  }

  /** Whether a node may serve these very octets as they are held: nobody has to verify them again. */
  async holds(bytes: Uint8Array): Promise<boolean> {
    const key = bytes.subarray(0, KEY_OCTETS)
    if (!this.#stock.has(encodeZBase32(key))) return false
    const zone = await this.#timely(publicKeyFromBytes(key))
    return zone !== undefined && Buffer.compare(zone.bytes, bytes) === 0
  }

  /** The highest sequence ever seen; 0n for a stranger. */
  async floorOf(key: PublicKey): Promise<bigint> {
    return (await this.#shelf.readFloor(key.label))?.sequence ?? 0n
  }

  /** Remembers that `zone` was seen, though there was no room to keep it. */
  async raiseFloor(zone: SignedZone): Promise<void> {
    await this.#locks.run(zone.key.label, async () => {
      const floor = await this.floorOf(zone.key)
      if (floor < zone.sequence) await this.#shelf.writeFloor(zone)
      if (floor === 0n && this.#looseFloors.raised()) this.#sweepNow(() => this.#sweepFloors())
    })
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

  async #putLocked(zone: SignedZone, { own, from }: PutOptions): Promise<PutOutcome> {
    const held = this.#held.get(zone.key.label) ?? (await this.#read(zone.key))
    const order = held ? compareZones(zone, held) : 1
    const floor = await this.floorOf(zone.key)
    if (order < 0 || zone.sequence < floor) return { kind: 'older', newest: held }
    const mark = this.#stock.get(zone.key.label)
    if (order === 0 && (mark?.own || !own)) return { kind: 'refreshed' }
    const refusal = mark || own ? undefined : this.#refusal(zone, floor, from)
    if (refusal) return { kind: refusal }
    const group = mark ? mark.group : from
    await this.#write(zone, { own: own || mark?.own === true, expires: zone.expires, group })
    if (from === undefined) this.#stock.asked(zone.key.label, this.#clock.now())
    return { kind: order === 0 ? 'refreshed' : 'new' }
  }

  /** Protocol 2: whoever held a zone or answered from it takes its revocation, however many there are and how fast. */
  #refusal(zone: SignedZone, floor: bigint, from: string | undefined): 'busy' | 'full' | undefined {
    if (zone.revoked && floor > 0n) return undefined
    if (from !== undefined && !this.#rates.take(from)) return 'busy'
    if (zone.revoked) return this.#stock.revocationsFull ? 'full' : undefined
    const newcomer = { label: zone.key.label, group: from }
    return this.#stock.admits(newcomer, this.#clock.now()) ? undefined : 'full'
  }

  /** What there is no room for. The floors stay, within the limit for floors: nothing older of these keys is served. */
  async #removeSurplus(): Promise<void> {
    try {
      const surplus = () => this.#stock.surplus(this.#clock.now())
      for (let label = surplus(); label; label = surplus()) {
        const last = label
        await this.#locks.run(last, async () => {
          if (surplus() === last) await this.#displace(last)
        })
      }
    } catch (cause) {
      this.#logger.error({ err: cause }, 'a zone there is no room for could not be removed')
    }
  }

  async #displace(label: string): Promise<void> {
    const kind: FloorKind = this.#stock.get(label)?.expires === Infinity ? 'revocations' : 'zones'
    await this.#remove(label)
    await this.#looseFloors.left(label, kind)
  }

  async #write(zone: SignedZone, mark: ShelfMark): Promise<void> {
    await this.#shelf.write(zone, mark)
    this.#stock.set(zone.key.label, mark)
    this.#held.set(zone.key.label, zone)
  }

  async #timely(key: PublicKey): Promise<SignedZone | undefined> {
    const zone = this.#held.get(key.label) ?? (await this.#read(key))
    return zone && isTimely(zone, this.#clock.now()) ? zone : undefined
  }

  /** A damaged entry is as good as none; its floor still holds. */
  async #read(key: PublicKey): Promise<SignedZone | undefined> {
    if (!this.#stock.has(key.label)) return undefined
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
      this.#sweepNow(() => this.#sweep())
      void this.#sweeping.then(() => this.#sweepLater())
    })
  }

  #sweepNow(sweep: () => Promise<void>): void {
    this.#sweeping = this.#sweeping
      .then(sweep)
      .catch((cause: unknown) => this.#logger.error({ err: cause }, 'sweeping the zone store failed'))
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now()
    for (const label of this.#stock.expired(now - SWEEP_DELAY))
      await this.#locks.run(label, () => this.#removeExpired(label, now))
    await this.#sweepFloors()
  }

  async #removeExpired(label: string, now: number): Promise<void> {
    const mark = this.#stock.get(label)
    if (mark && mark.expires + SWEEP_DELAY <= now) await this.#remove(label)
  }

  async #remove(label: string): Promise<void> {
    await this.#shelf.removeZone(label)
    this.#stock.delete(label)
    this.#held.delete(label)
  }

  async #sweepFloors(): Promise<void> {
    const isHeld = (label: string) => this.#stock.has(label)
    for (const floor of await this.#looseFloors.count(isHeld, this.#clock.now())) {
      if (this.#closed) return
      await this.#removeFloor(floor)
    }
  }

  /** Unless its zone came, or it rose, meanwhile. */
  async #removeFloor({ label, sequence }: LooseFloor): Promise<void> {
    await this.#locks.run(label, async () => {
      const floor = await this.#shelf.readFloor(label)
      if (!this.#stock.has(label) && floor?.sequence === sequence) await this.#shelf.removeFloor(label)
    })
  }
}

function isTimely(zone: SignedZone, now: number): boolean {
  try {
    checkTime(zone, now)
    return true
  } catch {
    return false
  }
}
