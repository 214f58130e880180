/** The zones this node holds. Never back: not behind what it holds, not behind what it once saw, not over a restart. */
import type { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { Buckets } from '../rate.ts'
import { ZoneFault } from '../zone/fault.ts'
import { KEY_OCTETS, type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import { checkTime, compareZones, isAhead, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { encodeZBase32 } from '../zone/z-base-32.ts'
import { isKeptLonger, isServed, isUnheardOf, keptUntil } from './bare-zones.ts'
import { DhtFault } from './fault.ts'
import { type FloorKind, LooseFloors } from './loose-floors.ts'
import { Stock } from './stock.ts'
import { Sweeper } from './sweeper.ts'
import { Watchers } from './watchers.ts'
import type { PutOptions, PutOutcome, ZoneStoreNeeds } from './zone-put.ts'
import { type ShelfMark, ZoneShelf } from './zone-shelf.ts'

/** Protocol 2: the expired are deleted a day later. */
const SWEEP_DELAY = 86_400_000

/** Reads what is stored and begins to sweep it. */
export async function openZoneStore(needs: ZoneStoreNeeds): Promise<ZoneStore> {
  return await new ZoneStore(needs).load()
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
  readonly #watchers: Watchers
  readonly #looseFloors: LooseFloors
  readonly #sweeper: Sweeper

  constructor({ datastore, clock, logger, config, self }: ZoneStoreNeeds) {
    const perMinute = config.maxNewZonesPerMinute
    this.#shelf = new ZoneShelf(datastore)
    this.#stock = new Stock({ limits: config, self })
    this.#rates = new Buckets({ perSecond: perMinute / 60, burst: perMinute }, clock)
    this.#clock = clock
    this.#logger = logger
    this.#looseFloors = new LooseFloors(this.#shelf, config.maxFloors, {
      locks: this.#locks,
      isHeld: (label) => this.#stock.has(label),
    })
    this.#held = boundedCache(config.cachedZones)
    this.#watchers = new Watchers(logger)
    this.#sweeper = new Sweeper({ clock, logger, sweep: () => this.#sweep() })
  }

  async load(): Promise<this> {
    for await (const { label, mark } of this.#shelf.marks()) {
      if (mark) this.#stock.set(label, mark, this.#clock.monotonic())
      else this.#logger.warn({ zone: label }, 'a stored zone is damaged; it is skipped')
    }
    this.#sweeper.start()
    return this
  }

  /**
   * Keeps `zone` if it is newer than what is held and not below what was seen. On disk when this returns.
   * @throws ZoneFault `future` or `expired`
   */
  async put(zone: SignedZone, options: PutOptions): Promise<PutOutcome> {
    checkTime(zone, this.#clock.now())
    const outcome = await this.#locks.run(zone.key.label, () => this.#putLocked(zone, options))
    if (outcome.kind === 'new') await this.#tell(zone)
    return outcome
  }

  /**
   * The same for a zone this node has found itself, which nobody is told it keeps: held when this returns, on disk a moment
   * later, so that an answer need not wait for that.
   */
  async putFound(zone: SignedZone): Promise<PutOutcome> {
    checkTime(zone, this.#clock.now())
    const taken = Promise.withResolvers<PutOutcome>()
    const options = { own: false, held: () => taken.resolve({ kind: 'new' }) }
    this.#locks
      .run(zone.key.label, () => this.#putLocked(zone, options))
      .then(taken.resolve, (cause) => {
        this.#logger.error({ zone: zone.key.label, err: cause }, 'a zone that was found could not be stored')
        taken.reject(cause)
      })
    const outcome = await taken.promise
    if (outcome.kind === 'new') await this.#tell(zone)
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

  /** The zone held, if these are its very octets and a node may serve it now: nobody has to verify them again. */
  async holding(bytes: Uint8Array): Promise<SignedZone | undefined> {
    const key = bytes.subarray(0, KEY_OCTETS)
    if (!this.#stock.has(encodeZBase32(key))) return undefined
    const { label } = publicKeyFromBytes(key)
    // Behind whatever is being written: what is held may not be on disk yet.
    const zone = await this.#locks.run(label, () => this.#timely(publicKeyFromBytes(key)))
    // What has no signed expiry lives by being put: that is written.
    if (!zone || zone.bare || Buffer.compare(zone.bytes, bytes) !== 0) return undefined
    this.#stock.heard(zone.key.label, this.#clock.monotonic())
    return zone
  }

  /** The highest sequence ever seen; 0n for a stranger. */
  async floorOf(key: PublicKey): Promise<bigint> {
    const heard = await this.#shelf.sequenceOf(key.label)
    const held = this.#stock.get(key.label)?.own ? await this.#holding(key) : undefined
    return held && held.sequence > heard && !isAhead(held, this.#clock.now()) ? held.sequence : heard
  }

  /** Remembers that other nodes have seen `zone`: one there was no room to keep, or one of this node's own. */
  async raiseFloor(zone: SignedZone): Promise<void> {
    const { label } = zone.key
    await this.#locks.run(label, async () => {
      const floor = await this.#shelf.sequenceOf(label)
      if (floor < zone.sequence) await this.#shelf.writeFloor(zone)
      const isLoose = floor === 0n && !this.#stock.has(label)
      if (isLoose && this.#looseFloors.raised()) this.#sweeper.now(() => this.#sweepFloors())
    })
  }

  /**
   * Protocol 2: a sequence that no other node acknowledged binds nobody, once it turns out to be of the future. Where
   * nothing at all is known of the key the store may have been lost, and with it who acknowledged what.
   */
  async isBinding(zone: SignedZone): Promise<boolean> {
    if (!isAhead(zone, this.#clock.now())) return true
    const heard = await this.#shelf.sequenceOf(zone.key.label)
    return heard >= zone.sequence || (heard === 0n && !this.#stock.has(zone.key.label))
  }

  /** Which zones nobody has put for a day. */
  get tending(): Pick<Stock, 'due' | 'heard' | 'keeps'> {
    return this.#stock
  }

  /** Tells of every zone that becomes the newest held, from now until disposed. */
  watch(listener: (zone: SignedZone) => void): Disposable {
    return this.#watchers.add(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeper[Symbol.asyncDispose]()
    await this.#locks.idle()
  }

  async #tell(zone: SignedZone): Promise<void> {
    this.#watchers.tell(zone)
    await this.#removeSurplus()
  }

  async #putLocked(zone: SignedZone, options: PutOptions): Promise<PutOutcome> {
    const { own, from } = options
    const held = await this.#binding(zone.key)
    const order = held ? compareZones(zone, held) : 1
    const floor = await this.#shelf.sequenceOf(zone.key.label)
    const isBelow = order < 0 || zone.sequence < floor
    if (isBelow || (await isUnheardOf(zone, held, this.#shelf))) return { kind: 'older', newest: held }
    const mark = this.#stock.get(zone.key.label)
    this.#stock.heard(zone.key.label, this.#clock.monotonic())
    const expires = keptUntil(zone, options, this.#clock.now())
    const isKnown = order === 0 && !isKeptLonger(zone, expires, mark)
    if (isKnown && (mark?.own || !own)) return { kind: 'refreshed' }
    const refusal = mark || own ? undefined : this.#refusal(zone, floor, from)
    if (refusal) return { kind: refusal }
    const group = mark ? mark.group : from
    await this.#write(zone, { own: own || mark?.own === true, expires, bare: zone.bare, group }, options)
    if (from === undefined) this.#stock.asked(zone.key.label, this.#clock.now())
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

  /** Protocol 2: whoever held a zone or answered from it takes its revocation, however many there are and how fast. */
  #refusal(zone: SignedZone, floor: bigint, from: string | undefined): 'busy' | 'full' | undefined {
    if (this.#stock.keeps(zone.key.label) || (zone.revoked && floor > 0n)) return undefined
    if (from !== undefined && !this.#rates.take(from)) return 'busy'
    if (zone.revoked) return this.#stock.revocationsFull ? 'full' : undefined
    const newcomer = { label: zone.key.label, group: from, bare: zone.bare }
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

  async #write(zone: SignedZone, mark: ShelfMark, { unheard, held }: PutOptions): Promise<void> {
    const writing = unheard ? this.#shelf.writeZone(zone, mark) : this.#shelf.write(zone, mark)
    if (!held) await writing
    const undo = this.#hold(zone, mark)
    held?.()
    await writing.catch((cause) => {
      undo() // or the next who puts it would be told that it is stored
      throw cause
    })
  }

  /** @returns what makes all as it was */
  #hold(zone: SignedZone, mark: ShelfMark): () => void {
    const { label } = zone.key
    const [markBefore, zoneBefore] = [this.#stock.get(label), this.#held.peek(label)]
    this.#stock.set(label, mark, this.#clock.monotonic())
    this.#stock.heard(label, this.#clock.monotonic())
    this.#held.set(label, zone)
    return () => {
      this.#forget(label)
      if (markBefore) this.#stock.set(label, markBefore, this.#clock.monotonic())
      if (zoneBefore) this.#held.set(label, zoneBefore)
    }
  }

  /** If a node may serve it now. Of its own zones it knows better than a clock that may be wrong. */
  async #timely(key: PublicKey): Promise<SignedZone | undefined> {
    const zone = this.#held.get(key.label) ?? (await this.#read(key))
    if (!zone) return undefined
    const mark = this.#stock.get(key.label)
    const isSurelyOurs = this.#clock.trusted === false && mark?.own === true
    return isSurelyOurs || isServed(zone, mark, this.#clock.now()) ? zone : undefined
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

  /** What is deleted by a clock that is wrong is gone. */
  async #sweep(): Promise<void> {
    if (this.#clock.trusted === false) return
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
    this.#forget(label)
  }

  #forget(label: string): void {
    this.#stock.delete(label)
    this.#held.delete(label)
  }

  async #sweepFloors(): Promise<void> {
    if (this.#clock.trusted !== false) await this.#looseFloors.sweep(this.#clock.now(), this.#sweeper.signal)
  }
}
