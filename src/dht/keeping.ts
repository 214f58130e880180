/** Keeps others' zones alive while their owners are away: what nobody has put for a day is given to those who lack it. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'
import type { Findings } from './findings.ts'
import type { Contact } from './frames.ts'
import type { LookupGoal } from './lookup.ts'
import type { Replica } from './record-key.ts'
import type { SharedStore } from './scope.ts'
import type { ZoneStore } from './zone-store.ts'

export interface KeepingNeeds {
  readonly store: Pick<SharedStore, 'get' | 'put'>
  readonly stock: ZoneStore['tending']
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<DhtConfig, 'walkTimeout'>
  /** The neighbourhoods of a zone in which this node is among the closest. */
  placesOf(key: PublicKey): readonly Replica[]
  search(goal: LookupGoal): Promise<Findings>
  /** Puts a zone on these peers. Never rejects. */
  give(contacts: readonly Contact[], zone: SignedZone): Promise<void>
}

/** Milliseconds between two looks at what is due. */
const ROUND = 600_000
/** Zones of one round, one after the other: a node with a full stock is through in a day. */
const MAX_OF_ROUND = 500

export class Keeping implements AsyncDisposable {
  readonly #needs: KeepingNeeds
  #next: Disposable | undefined
  #working: Promise<void> = Promise.resolve()
  #closed = false

  constructor(needs: KeepingNeeds) {
    this.#needs = needs
  }

  start(): void {
    if (this.#closed) return
    this.#next = this.#needs.clock.after(ROUND, () => {
      this.#working = this.#round().finally(() => this.start())
    })
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const { stock, clock, logger } = this.#needs
    for (const label of stock.due(clock.monotonic(), MAX_OF_ROUND)) {
      if (this.#closed) return
      try {
        const key = publicKeyFromLabel(label)
        if (key) await this.#keep(key)
      } catch (cause) {
        logger.error(
          { err: cause, zone: label },
          'a zone could not be kept alive; it is tried again in a day',
        )
      }
      stock.heard(label, clock.monotonic())
    }
  }

  /** What has expired, or is not for this network, is not there to be kept. */
  async #keep(key: PublicKey): Promise<void> {
    for (const replica of this.#needs.placesOf(key)) {
      const zone = await this.#needs.store.get(key)
      if (zone) await this.#keepIn(replica, zone)
    }
  }

  /** The key, sequence and hash are told to all the closest; the zone itself is sent to those who lack it. */
  async #keepIn(replica: Replica, have: SignedZone): Promise<void> {
    const { search, give, store, config } = this.#needs
    const { key, sequence: floor } = have
    const { verdict, closest, holders } = await search({
      key,
      replica,
      have,
      floor,
      until: 'closest',
      timeout: config.walkTimeout,
    })
    const newest = verdict.kind === 'found' ? verdict.zone : have
    if (newest !== have) await store.put(newest, { own: false })
    await give(
      closest.filter((contact) => !holders.includes(contact)),
      newest,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#next?.[Symbol.dispose]()
    await this.#working
  }
}
