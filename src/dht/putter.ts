/** Hands a zone of this node's own to the network: finds the peers closest to it and puts it there. */
import { randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { checkTime, compareZones, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { nameOf } from './candidates.ts'
import type { DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'
import type { Findings } from './findings.ts'
import type { Contact, GetRequest, PutRequest } from './frames.ts'
import type { LookupGoal } from './lookup-goal.ts'
import { digestOf, type Replica } from './record-key.ts'
import type { SharedStore } from './scope.ts'
import type { ZoneClient } from './zone-client.ts'

export interface PutterNeeds {
  readonly store: Pick<SharedStore, 'put'>
  readonly client: Pick<ZoneClient, 'get' | 'put'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<DhtConfig, 'publishTimeout'>
  /** Looks in one of a zone's neighbourhoods; never rejects. */
  search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings>
  /** Peers that are likely to be among the closest to a place, as far as is known before any is asked. */
  likelyClosest(key: PublicKey, replica: Replica): Contact[]
}

interface Put {
  readonly zone: SignedZone
  readonly replica: Replica
  readonly signal: AbortSignal
}

/** One zone put in all its neighbourhoods. */
interface Round extends Omit<Put, 'replica'> {
  /** Whether it is stored there, by the peer's name. */
  readonly puts: Map<string, Promise<boolean>>
  /** Names of the peers that have answered for the first place. */
  readonly heard: Set<string>
  /** Who has acknowledged it. */
  readonly holders: Contact[]
  readonly acknowledged: ((by: Contact) => void) | undefined
}

const OTHERS = [1, 2] as const

/** Peers asked at once for one place of a zone: all of the closest are to be heard. */
const PARALLEL_GETS = 10
/** Puts under way at once for one place of a zone. */
const PARALLEL_PUTS = 20
/** Peers one lookup corrects: they may be liars, who would have us do their work for ever. */
const MAX_CORRECTIONS = 5
/** Milliseconds by which the first puts go ahead of asking who is closest. */
const HEAD_START = 50
/** Peers asked at the end what they hold. */
const READ_BACK = 3
/** The share of the time that finding the closest peers may take. */
const WALK_SHARE = 0.5

export class Putter {
  readonly #needs: PutterNeeds

  constructor(needs: PutterNeeds) {
    this.#needs = needs
  }

  /**
   * Puts a zone in its three neighbourhoods; on peers that are likely to be among the closest at once, while it is still
   * being asked who is.
   * @param acknowledged called for each other node that acknowledged the zone, at once
   * @returns how many did
   * @throws ZoneFault `older` when one of them holds a newer one, which this node then holds too
   */
  async put(zone: SignedZone, signal: AbortSignal, acknowledged?: Round['acknowledged']): Promise<number> {
    const late = new AbortController()
    using _deadline = this.#needs.clock.after(this.#needs.config.publishTimeout, () => late.abort())
    const either = AbortSignal.any([signal, late.signal])
    setMaxListeners(0, either)
    const round: Round = {
      zone,
      signal: either,
      puts: new Map(),
      heard: new Set(),
      holders: [],
      acknowledged,
    }
    const likely = this.#needs.likelyClosest(zone.key, 0)
    const early = this.#putOnAll(likely, 0, round)
    const [fewPeers] = await Promise.all([this.#afterHeadStart(early, round), early])
    if (!fewPeers) await Promise.all(OTHERS.map((replica) => this.#putNear(replica, round)))
    await this.#readBack(round)
    signal.throwIfAborted()
    return round.holders.length
  }

  /** Those who are likely to hold it acknowledge it before everybody is asked who else is close. */
  async #afterHeadStart(early: Promise<void>, round: Round): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _alarm = this.#needs.clock.after(HEAD_START, resolve)
    await Promise.race([early, promise])
    return await this.#putNear(0, round)
  }

  /** On the closest to one place, but for those that another place has it put on. @returns whether these are all there are */
  async #putNear(replica: Replica, round: Round): Promise<boolean> {
    const { search, config } = this.#needs
    const { zone, signal, heard } = round
    const timeout = config.publishTimeout * WALK_SHARE
    const copy = { have: zone, floor: zone.sequence }
    const goal = {
      key: zone.key,
      replica,
      ...copy,
      until: 'closest',
      parallelism: PARALLEL_GETS,
      timeout,
      heard: new Set(heard),
    } as const
    const { verdict, closest, fewPeers } = await search(goal, signal)
    if (verdict.kind === 'found') await this.#giveWay(verdict.zone)
    for (const contact of closest) heard.add(nameOf(contact))
    await this.#putOnAll(closest, replica, round)
    return fewPeers
  }

  /**
   * Gives a newer zone to peers that were found to hold an older one; what fails is not missed. What has no signed expiry
   * is its owner's to hand on (protocol 2). Never rejects.
   */
  async correct(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    if (!zone.bare) await this.give(contacts.slice(0, MAX_CORRECTIONS), zone)
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
        const put = round.puts.get(nameOf(contact)) ?? this.#putInRound(contact, replica, round)
        round.puts.set(nameOf(contact), put)
        await put
      }
    }
    await Promise.all(Array.from({ length: PARALLEL_PUTS }, work))
  }

  async #putInRound(contact: Contact, replica: Replica, round: Round): Promise<boolean> {
    const isStored = await this.#putOn(contact, { ...round, replica })
    if (isStored) {
      round.holders.push(contact)
      round.acknowledged?.(contact)
    }
    return isStored
  }

  /** Asks some of those who took it, by chance, whether another device has put a newer one meanwhile. */
  async #readBack({ zone, signal, holders }: Round): Promise<void> {
    const asked = Array.from({ length: Math.min(READ_BACK, holders.length) }, () => randomInt(holders.length))
    await Promise.all(
      Array.from(new Set(asked), async (at) => await this.#compareWith(holders[at]!, zone, signal)),
    )
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

  /** Whether a peer holds a newer zone; one that does not answer says nothing. @throws ZoneFault `older` when it does */
  async #compareWith(contact: Contact, zone: SignedZone, signal: AbortSignal): Promise<void> {
    const request: GetRequest = {
      kind: 'get',
      replica: 0,
      key: zone.key.bytes,
      have: { sequence: zone.sequence, digest: digestOf(zone.bytes) },
      hopsLeft: 0,
      messagesLeft: 0,
      millisecondsLeft: this.#needs.config.publishTimeout,
    }
    try {
      const reply = await this.#needs.client.get(contact, request, signal)
      if (reply.kind === 'found') await this.#compare(reply.bytes, zone)
    } catch (cause) {
      if (cause instanceof ZoneFault && cause.reason === 'older') throw cause
      this.#needs.logger.debug({ zone: zone.key.label, err: cause }, 'a peer did not say what it holds')
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
    await this.#needs.store.put(newer, { own: false }) // the store knows whose it is
    throw new ZoneFault(
      'older',
      `Zone ${newer.key.label} is superseded by sequence ${newer.sequence}, signed by another device.`,
    )
  }
}
