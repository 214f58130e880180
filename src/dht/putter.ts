/** Hands a zone of this node's own to the network: finds the peers closest to it and puts it there. */
import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import { checkTime, compareZones, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'
import type { Contact, PutRequest } from './frames.ts'
import type { Findings, LookupGoal } from './lookup.ts'
import type { Replica } from './record-key.ts'
import type { SharedStore } from './scope.ts'
import type { ZoneClient } from './zone-client.ts'

export interface PutterNeeds {
  readonly store: Pick<SharedStore, 'put'>
  readonly client: Pick<ZoneClient, 'put'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<DhtConfig, 'publishTimeout'>
  /** Looks in one of a zone's neighbourhoods; never rejects. */
  search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings>
}

interface Put {
  readonly zone: SignedZone
  readonly replica: Replica
  readonly signal: AbortSignal
}

/** One zone put in all its neighbourhoods. */
interface Round extends Omit<Put, 'replica'> {
  /** Whether it is stored there, by peer id. */
  readonly puts: Map<string, Promise<boolean>>
}

const OTHERS = [1, 2] as const

/** Peers asked, and then puts under way, at once for one place of a zone: all of the closest are to be heard. */
const PARALLEL = 10
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
   * Puts a zone in its three neighbourhoods.
   * @returns how many other nodes acknowledged the zone
   * @throws ZoneFault `older` when one of them holds a newer one, which this node then holds too
   */
  async put(zone: SignedZone, signal: AbortSignal): Promise<number> {
    const late = new AbortController()
    using _deadline = this.#needs.clock.after(this.#needs.config.publishTimeout, () => late.abort())
    const either = AbortSignal.any([signal, late.signal])
    setMaxListeners(0, either)
    const round = { zone, signal: either, puts: new Map<string, Promise<boolean>>() }
    const fewPeers = await this.#putNear(0, round)
    if (!fewPeers) await Promise.all(OTHERS.map((replica) => this.#putNear(replica, round)))
    signal.throwIfAborted()
    const stored = await Promise.all(round.puts.values())
    return stored.filter(Boolean).length
  }

  /** On the closest to one place, but for those that another place has it put on. @returns whether these are all there are */
  async #putNear(replica: Replica, round: Round): Promise<boolean> {
    const { search, config } = this.#needs
    const { zone, signal } = round
    const timeout = config.publishTimeout * WALK_SHARE
    const copy = { have: zone, floor: zone.sequence }
    const goal = {
      key: zone.key,
      replica,
      ...copy,
      until: 'closest',
      parallelism: PARALLEL,
      timeout,
    } as const
    const { verdict, closest, fewPeers } = await search(goal, signal)
    if (verdict.kind === 'found') await this.#giveWay(verdict.zone)
    await this.#putOnAll(closest, replica, round)
    return fewPeers
  }

  /** Gives a newer zone to peers that were found to hold an older one; what fails is not missed. Never rejects. */
  async correct(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    await this.give(contacts.slice(0, MAX_CORRECTIONS), zone)
  }

  /** Puts a zone on these peers; what fails is not missed. Never rejects. */
  async give(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    const late = new AbortController()
    using _deadline = this.#needs.clock.after(this.#needs.config.publishTimeout, () => late.abort())
    const puts = contacts.map((each) => this.#putOn(each, { zone, replica: 0, signal: late.signal }))
    await Promise.allSettled(puts)
  }

  async #putOnAll(contacts: readonly Contact[], replica: Replica, round: Round): Promise<void> {
    const waiting = contacts.values()
    const work = async () => {
      for (const contact of waiting) {
        const name = Buffer.from(contact.id).toString('hex')
        const put = round.puts.get(name) ?? this.#putOn(contact, { ...round, replica })
        round.puts.set(name, put)
        await put
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
  }

  async #putOn(contact: Contact, { zone, replica, signal }: Put): Promise<boolean> {
    const request: PutRequest = {
      kind: 'put',
      replica,
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
