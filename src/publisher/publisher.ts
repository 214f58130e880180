/** The zones this node signs: makes their keys, signs their records, and sees that the network holds them. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ResourceRecord } from '../dns/message.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import { newSecretKey, publicKeyOf } from '../zone/signature.ts'
import {
  compareZones,
  contentOf,
  REVOKED,
  type SignedZone,
  signZone,
  TOLERANCE,
} from '../zone/signed-zone.ts'
import { DEFAULT_SOA } from '../zone/soa.ts'
import { PublisherFault } from './fault.ts'
import { type OwnKey, OwnZones } from './own-zones.ts'
import { type Tended, tend } from './tending.ts'

export interface PublisherConfig {
  /** Seconds a signed zone lives. */
  readonly zoneLifetime: number
  /** Seconds after which readers look for a newer zone. */
  readonly zoneRefresh: number
  /** Seconds an answer lasts that says no. */
  readonly zoneMinimum: number
  /** Seconds between two puts of a zone that has not changed. */
  readonly republishInterval: number
}

export interface PublisherDeps {
  readonly clock: Clock
  readonly config: PublisherConfig
  readonly dataDirectory: string
  readonly directory: ZoneDirectory
  readonly logger: Logger
}

export interface Published {
  readonly zone: SignedZone
  /** Other nodes that acknowledged it; 0 means it is kept here and sent when a node appears. */
  readonly storedOn: number
}

export interface Publisher extends AsyncDisposable {
  /** Makes a key and signs its first, empty zone. Both are on disk when this returns; the network has it a little later. */
  create(): Promise<SignedZone>
  /**
   * Signs `records` (no SOA among them) as the zone's whole content, keeps and publishes it.
   * @throws PublisherFault, or ZoneFault `size` / `content` when they make no zone; then nothing has changed
   */
  replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published>
  list(): readonly SignedZone[]
  get(key: PublicKey): SignedZone | undefined
}

/** What is kept of one own zone. */
export interface OwnZone extends OwnKey {
  zone: SignedZone
  /** Other nodes that acknowledged the zone as it is now. */
  storedOn: number
  /** Milliseconds of the monotonic clock; undefined until the first put has ended. */
  lastPut: number | undefined
}

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
  #open = new DisposableStack()

  constructor(deps: PublisherDeps) {
    this.#deps = deps
    this.#files = new OwnZones(join(deps.dataDirectory, 'zones'))
  }

  async load(): Promise<void> {
    const keys = await this.#files.readKeys()
    await Promise.all(
      keys.map(async (own) => {
        const zone = await this.#newestOf(own)
        if (zone) this.#zones.set(own.key.label, { ...own, zone, storedOn: 0, lastPut: undefined })
      }),
    )
    this.#open.use(this.#deps.directory.watch((zone) => this.#adopt(zone)))
    this.#open.use(tend(this, this.#deps))
  }

  /**
   * What this key signed last, here or elsewhere: the file may be from a backup, or the key from another device. A key of
   * which no zone is known signs nothing by itself: an empty zone would wipe out what the network may still hold.
   */
  async #newestOf({ key }: OwnKey): Promise<SignedZone | undefined> {
    const { directory, logger } = this.#deps
    const kept = await this.#files.readZone(key)
    const lookup = await directory.find(key, { signal: this.#closing.signal })
    const found = lookup.kind === 'found' ? lookup.zone : undefined
    if (found && (!kept || compareZones(found, kept) > 0)) {
      await this.#files.writeZone(found)
      logger.warn(
        { zone: key.label },
        'the network holds a newer zone of our own key than its file; it was adopted',
      )
      return found
    }
    if (!kept)
      logger.error(
        { zone: key.label },
        'a key has no zone file, and no node that holds its zone was reached: it is left alone until the next start',
      )
    return kept
  }

  async create(): Promise<SignedZone> {
    const secret = newSecretKey()
    const own = { key: publicKeyOf(secret), secret }
    // The zone first: a crash between the two leaves a zone without a key, which harms nobody.
    const zone = this.#sign(own, { above: 0n, records: [] })
    await this.#files.writeZone(zone)
    await this.#files.writeKey(own)
    this.#zones.set(own.key.label, { ...own, zone, storedOn: 0, lastPut: undefined })
    void this.put(own.key)
    return zone
  }

  async replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published> {
    return this.#locks.run(key.label, async () => {
      const own = this.#own(key)
      const zone = await this.#signNext(own, records)
      const storedOn = await this.#publish(own, zone).catch((cause: unknown) => this.#later(key, cause))
      return { zone, storedOn }
    })
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
    const above = floor > own.zone.sequence ? floor : own.zone.sequence
    const zone = this.#sign(own, { above, records })
    await this.#files.writeZone(zone)
    // Adopted meanwhile from another device; its file is written in its turn, over this one.
    if (compareZones(own.zone, zone) > 0)
      throw new ZoneFault('older', `Another device has just signed zone ${own.key.label}.`)
    Object.assign(own, { zone, storedOn: 0, lastPut: undefined })
    return zone
  }

  #sign(
    { key, secret }: OwnKey,
    { above, records }: { above: bigint; records: readonly ResourceRecord[] },
  ): SignedZone {
    const now = this.#deps.clock.now()
    const microseconds = BigInt(Math.trunc(now)) * 1000n
    const sequence = microseconds > above ? microseconds : above + 1n
    if (sequence > microseconds + BigInt(TOLERANCE) * 1000n) throw clockFault(key, { now, above })
    const { zoneLifetime: expire, zoneRefresh: refresh, zoneMinimum: minimum } = this.#deps.config
    return signZone(secret, { sequence, soa: { ...DEFAULT_SOA, expire, refresh, minimum }, records })
  }

  async #publish(own: OwnZone, zone: SignedZone): Promise<number> {
    const { storedOn } = await this.#deps.directory.publish(zone, this.#closing.signal)
    Object.assign(own, { storedOn, lastPut: this.#deps.clock.monotonic() })
    return storedOn
  }

  /** What is signed and in its file is not undone because it cannot be handed on now: the next round puts it again. */
  #later(key: PublicKey, cause: unknown): number {
    if (this.#closing.signal.aborted || isOutdone(cause)) throw cause
    this.#deps.logger.error(
      { err: cause, zone: key.label },
      'a new zone could not be put; it will be tried again',
    )
    return 0
  }

  list(): readonly SignedZone[] {
    return Array.from(this.#zones.values(), ({ zone }) => zone)
  }

  get(key: PublicKey): SignedZone | undefined {
    return this.#zones.get(key.label)?.zone
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
      return this.#publish(own, own.zone)
    })
  }

  /**
   * Signs the newest content there is anew, for another life. The zone is put as it is first: that hears every one of the
   * closest nodes, and ends in a newer one's adoption where another device has signed since.
   */
  async renew(key: PublicKey, { alone }: { readonly alone: boolean }): Promise<void> {
    const due = this.#own(key).zone.sequence
    await this.#inBackground(key, async (own) => {
      if (own.zone.sequence !== due) return // signed or adopted while this waited: the next round judges that one
      const confirmations = await this.#publish(own, own.zone)
      if (confirmations === 0 && !alone) return
      const zone = await this.#signNext(own, contentOf(own.zone))
      await this.#publish(own, zone)
    })
  }

  async #inBackground(key: PublicKey, task: (own: OwnZone) => Promise<unknown>): Promise<void> {
    try {
      await this.#locks.run(key.label, () => task(this.#own(key)))
    } catch (error) {
      if (!isOutdone(error) && !this.#closing.signal.aborted)
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
    Object.assign(own, { zone, storedOn: 1, lastPut: this.#deps.clock.monotonic() })
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

/** Another device's zone is newer; it was adopted, and that was told. */
function isOutdone(cause: unknown): boolean {
  return cause instanceof ZoneFault && cause.reason === 'older'
}

function clockFault(key: PublicKey, { now, above }: { now: number; above: bigint }): PublisherFault {
  const seen = new Date(Number(above / 1000n)).toISOString()
  return new PublisherFault(
    'clock',
    `Zone ${key.label} was last signed at ${seen}, over ten minutes after what this clock says: ${new Date(now).toISOString()}.`,
  )
}
