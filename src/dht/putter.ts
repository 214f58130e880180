/** Hands a zone of this node's own to the network: finds the peers closest to it and puts it there. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import { checkTime, compareZones, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'
import type { Contact, PutRequest } from './frames.ts'
import type { Findings, LookupGoal } from './lookup.ts'
import type { SharedStore } from './scope.ts'
import type { ZoneClient } from './zone-client.ts'

export interface PutterNeeds {
  readonly store: Pick<SharedStore, 'put'>
  readonly client: Pick<ZoneClient, 'put'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<DhtConfig, 'publishTimeout'>
  /** Looks in the network; ends early when this room closes. */
  search(goal: LookupGoal): Promise<Findings>
}

/** Puts under way at once for one zone. */
const PARALLEL_PUTS = 10
/** Peers one lookup corrects: they may be liars, who would have us do their work for ever. */
const MAX_CORRECTIONS = 5
/** The share of the time that finding the closest peers may take. */
const WALK_SHARE = 0.5

export class Putter {
  readonly #needs: PutterNeeds

  constructor(needs: PutterNeeds) {
    this.#needs = needs
  }

  /**
   * @returns how many other nodes acknowledged the zone
   * @throws ZoneFault `older` when one of them holds a newer one, which this node then holds too
   */
  async put(zone: SignedZone, signal: AbortSignal): Promise<number> {
    const { search, clock, config } = this.#needs
    const late = new AbortController()
    using _deadline = clock.after(config.publishTimeout, () => late.abort())
    const timeout = config.publishTimeout * WALK_SHARE
    const goal = {
      key: zone.key,
      replica: 0,
      have: zone,
      floor: zone.sequence,
      until: 'closest',
      timeout,
    } as const
    const { verdict, closest } = await search(goal)
    signal.throwIfAborted()
    if (verdict.kind === 'found') await this.#giveWay(verdict.zone)
    return await this.#putOnAll(closest, zone, AbortSignal.any([signal, late.signal]))
  }

  /** Gives a newer zone to peers that were found to hold an older one; what fails is not missed. Never rejects. */
  async correct(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    const late = new AbortController()
    using _deadline = this.#needs.clock.after(this.#needs.config.publishTimeout, () => late.abort())
    const puts = contacts.slice(0, MAX_CORRECTIONS).map((each) => this.#putOn(each, zone, late.signal))
    await Promise.allSettled(puts)
  }

  async #putOnAll(contacts: readonly Contact[], zone: SignedZone, signal: AbortSignal): Promise<number> {
    const waiting = contacts.values()
    let storedOn = 0
    const work = async () => {
      for (const contact of waiting) if (await this.#putOn(contact, zone, signal)) storedOn++
    }
    await Promise.all(Array.from({ length: PARALLEL_PUTS }, work))
    return storedOn
  }

  async #putOn(contact: Contact, zone: SignedZone, signal: AbortSignal): Promise<boolean> {
    const request: PutRequest = {
      kind: 'put',
      replica: 0,
      bytes: zone.bytes,
      hopsLeft: 0,
      messagesLeft: 0,
      millisecondsLeft: this.#needs.config.publishTimeout,
    }
    try {
      const reply = await this.#needs.client.put(contact, request, signal)
      if (reply.kind === 'newer') await this.#compare(reply.bytes, zone)
      if (reply.kind === 'refused')
        this.#needs.logger.info({ zone: zone.key.label, reply }, 'a peer refused a zone')
      return reply.kind === 'stored'
    } catch (cause) {
      if (cause instanceof ZoneFault && cause.reason === 'older') throw cause
      this.#needs.logger.debug({ zone: zone.key.label, err: cause }, 'a peer did not take a zone')
      return false
    }
  }

  /** A peer may say that it holds a newer zone; its bytes have to prove it. */
  async #compare(bytes: Uint8Array, zone: SignedZone): Promise<void> {
    const theirs = verifyZone(bytes, zone.key)
    checkTime(theirs, this.#needs.clock.now())
    if (compareZones(theirs, zone) > 0) await this.#giveWay(theirs)
    throw new DhtFault('frame', 'A peer called a zone newer that is not.')
  }

  /** Protocol 2: a node that finds a newer zone of its own key adopts it and tells the owner. */
  async #giveWay(newer: SignedZone): Promise<never> {
    await this.#needs.store.put(newer, { own: true })
    throw new ZoneFault(
      'older',
      `The network holds a newer zone ${newer.key.label}, signed by another device.`,
    )
  }
}
