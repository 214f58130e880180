/** Zones signed elsewhere that this node publishes without their keys: each from the moment it is signed for, again every few hours. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { KeyLocks } from '../zone/key-locks.ts'
import { compareZones, formatTime, isAhead, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { writeDurably } from './durable.ts'
import { isOutdone, PublisherFault } from './fault.ts'

export interface PacketsDeps {
  readonly clock: Clock
  readonly config: { readonly republishInterval: number; readonly maxPackets: number }
  readonly dataDirectory: string
  readonly directory: Pick<ZoneDirectory, 'publish' | 'watchPeers'>
  readonly logger: Logger
}

/** The packets of one key. */
export interface PacketSeries {
  readonly key: PublicKey
  /** The one that others are given now; undefined before the first is due. */
  readonly current: SignedZone | undefined
  /** Other nodes that have acknowledged it. */
  readonly storedOn: number
  /** Those that are not due yet, soonest first. */
  readonly next: readonly SignedZone[]
}

export interface Taken {
  readonly storedOn: number
  /** Milliseconds since the Unix epoch: when it is published; undefined where it has been. */
  readonly due: number | undefined
}

interface Held {
  readonly key: PublicKey
  /** By sequence. */
  zones: SignedZone[]
  /** The one that was published last, when, by the monotonic clock, and how many other nodes took it. */
  put?: { readonly zone: SignedZone; readonly at: number; readonly storedOn: number }
}

/** The directory of the packets within a node's data: `<label>.<sequence>.packet`. */
const DIRECTORY = 'packets'
const SUFFIX = '.packet'
/** Milliseconds between two rounds. */
const ROUND = 60_000
/** With so few left, whoever signs has to be told. */
const FEW = 3

export async function openPackets(deps: PacketsDeps): Promise<Packets> {
  const packets = new Packets(deps)
  await packets.load()
  return packets
}

export class Packets implements AsyncDisposable {
  readonly #deps: PacketsDeps
  readonly #folder: string
  readonly #held = new Map<string, Held>()
  readonly #locks = new KeyLocks()
  readonly #closing = new AbortController()
  #open = new DisposableStack()
  #alarm: Disposable | undefined

  constructor(deps: PacketsDeps) {
    this.#deps = deps
    this.#folder = join(deps.dataDirectory, DIRECTORY)
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for (const file of await readdir(this.#folder)) {
      if (!file.endsWith(SUFFIX)) continue
      try {
        this.#insert(verifyZone(await readFile(join(this.#folder, file))))
      } catch (err) {
        this.#deps.logger.error({ err, file }, 'a packet to be published is damaged; it is skipped')
      }
    }
    this.#open.use(this.#deps.directory.watchPeers(() => this.#round()))
    this.#open.defer(() => this.#alarm?.[Symbol.dispose]())
    this.#tick()
  }

  /**
   * Keeps a zone, on disk when this returns, and publishes it if it is due.
   * @throws ZoneFault `older` or `expired`, PublisherFault `storage`
   */
  async take(zone: SignedZone): Promise<Taken> {
    return await this.#locks.run(zone.key.label, async () => {
      this.#check(zone)
      await writeDurably(this.#file(zone), zone.bytes)
      const held = this.#insert(zone)
      if (isAhead(zone, this.#deps.clock.now())) return { storedOn: 0, due: momentOf(zone) }
      // One that is taken within the ten minutes that clocks may differ is as good as due.
      const storedOn = await this.#publish(held, zone).catch(async (fault: unknown) => {
        if (isOutdone(fault)) await this.#remove(held, zone)
        throw fault
      })
      return { storedOn, due: undefined }
    })
  }

  list(): PacketSeries[] {
    return Array.from(this.#held.values(), (held) => {
      const { current, next } = this.#divided(held)
      const storedOn = held.put && held.put.zone === current ? held.put.storedOn : 0
      return { key: held.key, current, next, storedOn }
    })
  }

  /** Publishes none of this key any more; what others have they keep until it expires. @returns how many were here */
  async forget(key: PublicKey): Promise<number> {
    return await this.#locks.run(key.label, async () => {
      const held = this.#held.get(key.label)
      const zones = [...(held?.zones ?? [])]
      for (const zone of zones) if (held) await this.#remove(held, zone)
      return zones.length
    })
  }

  #check(zone: SignedZone): void {
    const { clock, config } = this.#deps
    if (zone.expires <= clock.now())
      throw new ZoneFault('expired', `Zone ${zone.key.label} has expired; sign it anew.`)
    const held = this.#held.get(zone.key.label)
    const current = held && this.#divided(held).current
    if (current && compareZones(zone, current) < 0)
      throw new ZoneFault('older', `A newer zone ${zone.key.label} than this one is published already.`)
    const count = [...this.#held.values()].reduce((sum, { zones }) => sum + zones.length, 0)
    const isHere = held?.zones.some((each) => compareZones(each, zone) === 0)
    if (!isHere && count >= config.maxPackets)
      throw new PublisherFault(
        'storage',
        `There are ${count} packets here, as many as names.max_packets allows; nothing has changed.`,
      )
  }

  #insert(zone: SignedZone): Held {
    const { key } = zone
    const held = this.#held.get(key.label) ?? { key, zones: [] }
    const others = held.zones.filter((each) => compareZones(each, zone) !== 0)
    held.zones = [...others, zone].sort(compareZones)
    this.#held.set(key.label, held)
    return held
  }

  #divided({ zones }: Held): Pick<PacketSeries, 'current' | 'next'> {
    const now = this.#deps.clock.now()
    const isDue = (zone: SignedZone) => zone.revoked || momentOf(zone) <= now
    return { current: zones.findLast(isDue), next: zones.filter((zone) => !isDue(zone)) }
  }

  #tick(): void {
    this.#round()
    this.#alarm = this.#deps.clock.after(ROUND, () => this.#tick())
  }

  #round(): void {
    for (const held of this.#held.values()) {
      this.#locks
        .run(held.key.label, async () => await this.#careFor(held))
        .catch((err: unknown) => {
          if (!this.#closing.signal.aborted)
            this.#deps.logger.warn(
              { err, zone: held.key.label },
              'a packet was not published; it is tried again',
            )
        })
    }
  }

  async #careFor(held: Held): Promise<void> {
    const { clock, logger } = this.#deps
    const { current, next } = this.#divided(held)
    if (!current) return
    const passed = held.zones.filter((zone) => compareZones(zone, current) < 0)
    for (const zone of passed) await this.#remove(held, zone)
    if (current.expires <= clock.now()) {
      logger.error({ zone: held.key.label }, 'the last packet of a zone has expired: its names are gone')
      return await this.#remove(held, current)
    }
    if (passed.length > 0 && next.length <= FEW) this.#tellFew(current, next)
    if (!this.#isToPut(held, current)) return
    try {
      await this.#publish(held, current)
    } catch (fault) {
      if (!isOutdone(fault)) throw fault
      logger.warn({ zone: held.key.label, err: fault }, 'a packet was not published: there is a newer zone')
      await this.#remove(held, current)
    }
  }

  #isToPut({ put }: Held, current: SignedZone): boolean {
    if (put?.zone !== current || put.storedOn === 0) return true
    return this.#deps.clock.monotonic() >= put.at + this.#deps.config.republishInterval * 1000
  }

  #tellFew(current: SignedZone, next: readonly SignedZone[]): void {
    const ends = formatTime((next.at(-1) ?? current).expires)
    this.#deps.logger.warn(
      { zone: current.key.label, left: next.length, ends },
      'few packets of a zone are left: sign more with kadns sign --series',
    )
  }

  async #publish(held: Held, zone: SignedZone): Promise<number> {
    const { directory, clock } = this.#deps
    const { storedOn } = await directory.publish(zone, this.#closing.signal)
    held.put = { zone, storedOn, at: clock.monotonic() }
    return storedOn
  }

  async #remove(held: Held, zone: SignedZone): Promise<void> {
    await rm(this.#file(zone), { force: true })
    held.zones = held.zones.filter((each) => each !== zone)
    if (held.zones.length === 0) this.#held.delete(held.key.label)
  }

  #file({ key, sequence }: SignedZone): string {
    return join(this.#folder, `${key.label}.${sequence}${SUFFIX}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open.dispose()
    this.#closing.abort()
    await this.#locks.idle()
  }
}

/** Milliseconds since the Unix epoch. */
function momentOf({ sequence }: SignedZone): number {
  return Number(sequence / 1000n)
}
