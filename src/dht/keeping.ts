/**
 * Keeps others' zones alive while their owners are away: what nobody has put for a day is given to those who lack it. Of the
 * zones that this node was told to keep, all places are cared for; of others, those it is close to.
 */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'
import type { Findings } from './findings.ts'
import type { Contact } from './frames.ts'
import type { LookupGoal } from './lookup-goal.ts'
import type { Replica } from './record-key.ts'
import type { SharedStore } from './scope.ts'
import type { ZoneStore } from './zone-store.ts'

export interface KeepingNeeds {
  readonly store: Pick<SharedStore, 'get' | 'put'>
  readonly stock: ZoneStore['tending']
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<DhtConfig, 'walkTimeout'>
  /** The neighbourhoods of a zone that this node cares for. */
  placesOf(key: PublicKey): readonly Replica[]
  search(goal: LookupGoal): Promise<Findings>
  /** Puts a zone on these peers. Never rejects. */
  give(contacts: readonly Contact[], zone: SignedZone): Promise<void>
}

/** Milliseconds between two looks at what is due, and until the first: what is to be kept and is not here should be soon. */
const ROUND = 600_000
const FIRST_ROUND = 30_000
/** Zones of one round: a node with a full stock is through in a day. */
const MAX_OF_ROUND = 500
/** Zones cared for at once. */
const PARALLEL = 4

export class Keeping implements AsyncDisposable {
  readonly #needs: KeepingNeeds
  #next: Disposable | undefined
  #working: Promise<void> = Promise.resolve()
  #closed = false

  constructor(needs: KeepingNeeds) {
    this.#needs = needs
  }

  start(after = FIRST_ROUND): void {
    if (this.#closed) return
    this.#next = this.#needs.clock.after(after, () => {
      this.#working = this.#round().finally(() => this.start(ROUND))
    })
  }

  async #round(): Promise<void> {
    const { stock, clock } = this.#needs
    const due = stock.due(clock.monotonic(), MAX_OF_ROUND).values()
    const work = async () => {
      for (const label of due) {
        if (this.#closed) return
        await this.#careFor(label)
        stock.heard(label, clock.monotonic())
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
  }

  /** Never rejects. */
  async #careFor(label: string): Promise<void> {
    const { store, stock, placesOf, logger } = this.#needs
    try {
      const key = publicKeyFromLabel(label)
      if (!key) return
      for (const replica of placesOf(key)) await this.#keepIn(replica, key)
      if (stock.keeps(label) && !(await store.get(key)))
        logger.warn({ zone: label }, 'a zone to be kept was not found; it is looked for again in ten minutes')
    } catch (cause) {
      logger.error({ err: cause, zone: label }, 'a zone could not be kept alive; it is tried again in a day')
    }
  }

  /**
   * The key, sequence and hash are told to all the closest; the zone itself is sent to those who lack it. What has expired,
   * or is not for this network, is not there to be kept, unless others have a newer one.
   */
  async #keepIn(replica: Replica, key: PublicKey): Promise<void> {
    const { search, give, store, stock, config } = this.#needs
    const have = await store.get(key)
    if (!have && !stock.keeps(key.label)) return
    const goal = {
      key,
      replica,
      have,
      floor: have?.sequence ?? 0n,
      until: 'closest',
      timeout: config.walkTimeout,
    } as const
    const { verdict, closest, holders } = await search(goal)
    const newest = verdict.kind === 'found' ? verdict.zone : have
    if (!newest || newest.bare) return
    if (newest !== have && (await store.put(newest, { own: false })).kind === 'older') return
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
