/** The zones this node signs: makes their keys, signs their records, and sees that the network holds them. */
import { join } from 'node:path'
import type { ResourceRecord } from '../dns/message.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import { compareZones, REVOKED, type SignedZone, wholeContentOf } from '../zone/signed-zone.ts'
import type { PublisherDeps } from './config.ts'
import { isOutdone, PublisherFault } from './fault.ts'
import { newKey } from './key-file.ts'
import type { OwnKey } from './key-text.ts'
import { newestOf } from './loading.ts'
import { type OwnZone, OwnZones, ZONES } from './own-zones.ts'
import type { NewZone, Published, PublishedStatus, Publisher } from './published.ts'
import { signAbove } from './signing.ts'
import { statusOf } from './status.ts'
import { ENOUGH, shareLived, type Tended, tend } from './tending.ts'

/** Of its life a zone has lived, and milliseconds others have been asked in vain, when it is signed anew unheard. */
const UNHEARD = { share: 0.75, patience: 3_600_000 }

/** @throws PublisherFault `damaged` */
export async function openPublisher(deps: PublisherDeps): Promise<Publisher> {
  const publisher = new FilePublisher(deps)
  await publisher.load()
  return publisher
}

class FilePublisher implements Publisher, Tended {
  readonly #deps: PublisherDeps
  readonly #files: OwnZones
  readonly #zones = new Map<string, OwnZone>()
  readonly #locks = new KeyLocks()
  /** Zones whose next put has not begun: one is enough, however many nodes appear meanwhile. */
  readonly #toPut = new Set<string>()
  readonly #closing = new AbortController()
  readonly counted = { puts: 0, acknowledgements: 0 }
  readonly #listeners = new Set<(key: PublicKey) => void>()
  #open = new DisposableStack()

  constructor(deps: PublisherDeps) {
    this.#deps = deps
    this.#files = new OwnZones(join(deps.dataDirectory, ZONES), deps.passphrase)
  }

  async load(): Promise<void> {
    await this.takeUp()
    this.#open.use(this.#deps.directory.watch((zone) => this.#adopt(zone)))
    this.#open.use(tend(this, this.#deps))
  }

  async takeUp(): Promise<readonly PublicKey[]> {
    const needs = { ...this.#deps, files: this.#files, signal: this.#closing.signal }
    const keys = await this.#files.readKeys()
    const taken = keys
      .filter(({ key }) => !this.#zones.has(key.label))
      .map(async (own) => {
        const zone = await newestOf(own.key, needs)
        if (zone) this.#hold(own, zone)
        return zone ? [own.key] : []
      })
    return (await Promise.all(taken)).flat()
  }

  async create({ content = () => [], scope = 'any' }: NewZone = {}): Promise<SignedZone> {
    const own = newKey()
    const zone = signAbove(own, { above: 0n, records: content(own.key), scope }, this.#deps)
    // The zone first: a crash between the two leaves a zone without a key, which harms nobody.
    await this.#files.writeZone(zone)
    await this.#files.writeKey(own)
    this.#hold(own, zone)
    void this.put(own.key)
    return zone
  }

  #hold(own: OwnKey, zone: SignedZone): void {
    const fresh = { storedOn: 0, acknowledgedBy: [], lastPut: undefined }
    this.#zones.set(own.key.label, { ...own, zone, ...fresh })
  }

  async forget(key: PublicKey): Promise<string> {
    return await this.#locks.run(key.label, async () => {
      const own = this.#own(key)
      const directory = await this.#files.putAway(own.key)
      this.#zones.delete(key.label)
      return directory
    })
  }

  async replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published> {
    return await this.change(key, () => records)
  }

  async change(key: PublicKey, change: Parameters<Publisher['change']>[1]): Promise<Published> {
    const { directory } = this.#deps
    const enough = Promise.withResolvers<Published>()
    const whole = this.#locks.run(key.label, async () => {
      const own = this.#own(key)
      const lookup = await directory.find(key, { signal: this.#closing.signal, maxAge: 0 })
      if (lookup.kind === 'found') this.#adopt(lookup.zone)
      const zone = await this.#signNext(own, change(own.zone))
      return await this.#handOn(own, zone, enough.resolve).catch((cause: unknown) => this.#later(own, cause))
    })
    return await Promise.race([enough.promise, whole])
  }

  /** Signs above everything seen of this key, and has it on disk before anybody hears of it. */
  async #signNext(own: OwnZone, records: readonly ResourceRecord[]): Promise<SignedZone> {
    const floor = await this.#deps.directory.floorOf(own.key)
    if (own.zone.revoked || floor === REVOKED) {
      throw new PublisherFault(
        'revoked',
        `The key of zone ${own.key.label} was revoked; nothing it signs counts any more.`,
      )
    }
    const last = own.zone
    const isBinding = await this.#deps.directory.isBinding(last)
    const above = isBinding && last.sequence > floor ? last.sequence : floor
    const zone = signAbove(own, { above, records, scope: last.soa.scope }, this.#deps)
    await this.#files.writeZone(zone)
    // Adopted meanwhile from another device; its file is written in its turn, over this one.
    if (own.zone !== last && compareZones(own.zone, zone) > 0)
      throw new ZoneFault('older', `Another device has just signed zone ${own.key.label}.`)
    Object.assign(own, { zone, storedOn: 0, acknowledgedBy: [], superseded: undefined, lastPut: undefined })
    this.#tell(own)
    return zone
  }

  /**
   * Publishes a zone; where the clock it was signed by was ahead, as the nodes that refused it have said meanwhile, it is
   * signed anew: a sequence that nobody acknowledged binds nobody.
   */
  async #handOn(own: OwnZone, zone: SignedZone, enough?: (published: Published) => void): Promise<Published> {
    if (await this.#deps.directory.isBinding(zone)) {
      const storedOn = await this.#publish(own, zone, enough)
      if (storedOn > 0 || (await this.#deps.directory.isBinding(zone))) return { zone, storedOn }
    }
    this.#deps.logger.warn(
      { zone: zone.key.label },
      'a zone was signed by a clock that was ahead, and nobody took it: it is signed anew',
    )
    const anew = await this.#signNext(own, wholeContentOf(zone))
    return { zone: anew, storedOn: await this.#publish(own, anew, enough) }
  }

  async #publish(own: OwnZone, zone: SignedZone, enough?: (published: Published) => void): Promise<number> {
    const acknowledgedBy: string[] = []
    const acknowledged = (storedOn: number, by: string) => {
      acknowledgedBy.push(by)
      this.counted.acknowledgements++
      if (own.zone === zone && storedOn > own.storedOn) Object.assign(own, { storedOn, acknowledgedBy })
      this.#tell(own)
      if (storedOn >= ENOUGH) enough?.({ zone, storedOn })
    }
    const { storedOn } = await this.#deps.directory.publish(zone, this.#closing.signal, acknowledged)
    this.counted.puts++
    Object.assign(own, { storedOn, acknowledgedBy, lastPut: this.#deps.clock.monotonic() })
    this.#tell(own)
    return storedOn
  }

  /** What is signed and in its file is not undone because it cannot be handed on now: the next round puts it again. */
  #later({ key, zone }: OwnZone, err: unknown): Published {
    if (this.#closing.signal.aborted || isOutdone(err)) throw err
    this.#deps.logger.error({ err, zone: key.label }, 'a new zone could not be put; it will be tried again')
    return { zone, storedOn: 0 }
  }

  list(): readonly SignedZone[] {
    return Array.from(this.#zones.values(), ({ zone }) => zone)
  }

  get(key: PublicKey): SignedZone | undefined {
    return this.#zones.get(key.label)?.zone
  }

  statusOf(key: PublicKey): PublishedStatus | undefined {
    const own = this.#zones.get(key.label)
    return own && statusOf(own, this.#deps)
  }

  watch(listener: (key: PublicKey) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  #tell({ key }: OwnZone): void {
    for (const listener of this.#listeners) listener(key)
  }

  async isBackedUp(key: PublicKey): Promise<boolean> {
    return (await this.#files.backedUpAt(key)) !== undefined
  }

  owned(): Iterable<OwnZone> {
    return this.#zones.values()
  }

  /** Puts a zone as it is; what fails is tried again later. */
  async put(key: PublicKey): Promise<void> {
    if (this.#toPut.has(key.label)) return
    this.#toPut.add(key.label)
    await this.#inBackground(key, (own) => {
      this.#toPut.delete(key.label)
      return this.#handOn(own, own.zone)
    })
  }

  /** Signs the newest content there is anew, for another life. */
  async renew(key: PublicKey): Promise<void> {
    const due = this.#own(key).zone.sequence
    await this.#inBackground(key, async (own) => {
      if (own.zone.sequence !== due) return // signed or adopted while this waited: the next round judges that one
      const heard = await this.#hearNewest(own)
      if (own.zone.sequence !== due || !this.#mayRenew(own, heard)) return
      const zone = await this.#signNext(own, wholeContentOf(own.zone))
      await this.#publish(own, zone)
    })
  }

  /** Asks others for a newer zone, which is adopted. @returns whether there was anybody to ask */
  async #hearNewest(own: OwnZone): Promise<boolean> {
    const { clock, directory } = this.#deps
    if (own.zone.expires <= clock.now()) {
      const lookup = await directory.find(own.key, { signal: this.#closing.signal, maxAge: 0 })
      if (lookup.kind === 'found') this.#adopt(lookup.zone)
      return lookup.effort.asked > 0
    }
    try {
      // A put hears every one of the closest nodes.
      return (await this.#publish(own, own.zone)) > 0
    } catch (cause) {
      if (!isOutdone(cause)) throw cause
      return true // by a zone that was adopted, or by one that is gone and has left its floor
    }
  }

  /** A device that comes back after a while must not sign what it has over what another signed, before it could hear of that. */
  #mayRenew(own: OwnZone, heard: boolean): boolean {
    const { clock } = this.#deps
    if (heard) own.unheardSince = undefined
    else own.unheardSince ??= clock.monotonic()
    if (own.unheardSince === undefined) return true
    const waited = clock.monotonic() - own.unheardSince
    return waited >= UNHEARD.patience && shareLived(own.zone, clock.now()) >= UNHEARD.share
  }

  async #inBackground(key: PublicKey, task: (own: OwnZone) => Promise<unknown>): Promise<void> {
    const own = this.#own(key)
    let before: SignedZone | undefined
    try {
      await this.#locks.run(key.label, () => {
        before = own.zone
        return this.#zones.get(key.label) === own ? task(own) : Promise.resolve() // forgotten while it waited
      })
    } catch (error) {
      const wasAdopted = isOutdone(error) && own.zone !== before
      if (!wasAdopted && !this.#closing.signal.aborted)
        this.#deps.logger.warn(
          { err: error, zone: key.label },
          'a zone could not be put; it will be tried again',
        )
    }
  }

  /** The same key on another device: what it signed later is this zone's content now. */
  #adopt(zone: SignedZone): void {
    const own = this.#zones.get(zone.key.label)
    if (!own || compareZones(zone, own.zone) <= 0) return
    const superseded = own.superseded ?? own.zone.sequence
    Object.assign(own, {
      zone,
      storedOn: 1,
      acknowledgedBy: [],
      superseded,
      lastPut: this.#deps.clock.monotonic(),
    })
    this.#tell(own)
    this.#deps.logger.warn(
      { zone: zone.key.label },
      'a newer zone of our own key was found and adopted: another device signs it too',
    )
    // Content at once, for a renewal that is under way; the file in its turn, so that two never write it.
    this.#locks
      .run(zone.key.label, () => this.#files.writeZone(own.zone))
      .catch((error) => this.#deps.logger.error({ err: error }, 'an adopted zone could not be written'))
  }

  #own(key: PublicKey): OwnZone {
    const own = this.#zones.get(key.label)
    if (!own) throw new PublisherFault('unknown-zone', `This node holds no key for zone ${key.label}.`)
    return own
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open.dispose()
    this.#closing.abort()
    await this.#locks.idle()
  }
}
