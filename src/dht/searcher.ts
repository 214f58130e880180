/** Runs lookups in this network: where they begin, whom they ask, and that they end when this room closes. */
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { KEY_OCTETS, type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { checkTime, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { encodeZBase32 } from '../zone/z-base-32.ts'
import { abortable } from './abortable.ts'
import type { Bootstrap } from './bootstrap.ts'
import type { DhtConfig } from './config.ts'
import { contactOf, pointOf } from './contacts.ts'
import { Crowding } from './crowding.ts'
import { type Findings, nothingFound } from './findings.ts'
import { FORWARD_CHOICE, Forwarder } from './forwarding.ts'
import type { Contact, GetRequest } from './frames.ts'
import type { RoutingTable } from './kad.ts'
import type { Links } from './links.ts'
import { walk } from './lookup.ts'
import type { LookupGoal, LookupTools } from './lookup-goal.ts'
import { digestOf, distance, encodeRecordKey, kademliaId, type Replica } from './record-key.ts'
import { checkScope, type Side } from './scope.ts'
import type { ZoneClient } from './zone-client.ts'

export interface SearcherNeeds {
  readonly side: Side
  readonly routingTable: RoutingTable
  readonly bootstrap: Pick<Bootstrap, 'firstPeer'>
  readonly client: Pick<ZoneClient, 'get' | 'roundTripOf' | 'isSilent'>
  readonly links: Pick<Links, 'has' | 'nearest'>
  groupOf(contact: Contact): string | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** This node's peer id as a multihash. */
  readonly self: Uint8Array
  readonly limits: LookupTools['limits'] &
    Pick<DhtConfig, 'hedgeMin' | 'requestTimeout' | 'maxForwards' | 'lookupTimeout'>
}

/** A lookup begins with so many times k peers: of the k closest one hand may have too many. */
export const START_FACTOR = 3
/** A peer is late when it takes this many times as long as the last time. */
export const HEDGE_FACTOR = 1.5
/** Times the distance of this node's k-th neighbour within which a known peer is likely to be among the k closest. */
const LIKELY_REACH = 2

const CROWD_SEEN = 'nodes crowd around the place of a zone: somebody may be hiding it'

export class Searcher implements Disposable {
  readonly #needs: SearcherNeeds
  readonly #tools: LookupTools
  readonly #crowding: Crowding
  readonly #forwarder: Forwarder
  readonly #closing = new AbortController()

  constructor(needs: SearcherNeeds) {
    const { side, client, links, clock, logger, self, limits, groupOf } = needs
    setMaxListeners(0, this.#closing.signal)
    this.#needs = needs
    this.#crowding = new Crowding({
      count: limits.maxAsked,
      randomKey,
      suspect: ({ label }) => logger.warn({ zone: label }, CROWD_SEEN),
      hear: async (goal) => await this.#search(goal, this.#closing.signal),
      clock,
      timeout: limits.lookupTimeout,
    })
    this.#tools = {
      ask: async (contact, request, signal) => await client.get(contact, request, signal),
      hedgeAfter: (contact, roundTrips) =>
        Math.max(limits.hedgeMin, HEDGE_FACTOR * roundTrips * (client.roundTripOf(contact) ?? 0)),
      groupOf,
      isConnected: (contact) => links.has(contact) && !client.isSilent(contact),
      isLikelyHolder: (contact, place) => nearness(contact, place) <= this.#likelyReach(),
      accept: (bytes, key) => {
        const zone = acceptZone(bytes, key, clock.now())
        checkScope(side, zone)
        return zone
      },
      clock,
      self,
      limits,
    }
    const nearer = (request: GetRequest) => this.#nearer(request)
    this.#forwarder = new Forwarder({ ...this.#tools, nearer, limits })
  }

  /** A node that has just started waits for its first peer, as long as the lookup may take. Never rejects. */
  async search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings> {
    const closing = this.#closing.signal
    const either = signal ? AbortSignal.any([closing, signal]) : closing
    try {
      return await this.#crowding.search(goal, async (each) => await this.#search(each, either))
    } catch (cause) {
      if (!closing.aborted && !signal?.aborted) throw cause
      return nothingFound(closing.aborted ? 'This node is closing.' : 'The lookup was ended.')
    }
  }

  /** One peer's copy, if it is a good one and newer than `have`. Never rejects. */
  async askOne(
    contact: Contact,
    key: PublicKey,
    have: SignedZone | undefined,
  ): Promise<SignedZone | undefined> {
    const { ask, accept } = this.#tools
    const copy = have && { sequence: have.sequence, digest: digestOf(have.bytes) }
    const budget = { hopsLeft: 0, messagesLeft: 0, millisecondsLeft: this.#needs.limits.requestTimeout }
    const request = { kind: 'get', key: key.bytes, replica: 0, have: copy, ...budget } as const
    try {
      const reply = await ask(contact, request, this.#closing.signal)
      return reply.kind === 'found' ? accept(reply.bytes, key) : undefined
    } catch {
      return undefined
    }
  }

  /** For a peer that asks, from peers nearer than this node, a zone that is not held here. Never rejects. */
  async forward(request: GetRequest, asker: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.#forwarder.forward(request, asker)
  }

  /**
   * Known peers that are likely to be among the k closest to a place, before anybody was asked: nodes are spread evenly, so
   * that about k of them are as near to any place as this node's own k-th neighbour is to it. None where fewer are known.
   */
  likelyClosest(key: PublicKey, replica: Replica): Contact[] {
    const { routingTable, limits } = this.#needs
    const target = kademliaId(encodeRecordKey(key, replica))
    const reach = this.#likelyReach()
    const closest = routingTable.closestPeers(target, { count: limits.maxAsked }).map(contactOf)
    return closest.filter((contact) => nearness(contact, target) <= reach)
  }

  /** -1 where fewer than k peers are known. */
  #likelyReach(): number {
    const { routingTable, limits, self } = this.#needs
    const here = kademliaId(self)
    const furthest = routingTable.closestPeers(here, { count: limits.maxAsked })[limits.maxAsked - 1]
    return furthest ? LIKELY_REACH * nearness(contactOf(furthest), here) : -1
  }

  /** Whether fewer than k of the known peers are closer to a zone's place than this node. */
  isAmongClosest(key: PublicKey, replica: Replica): boolean {
    const { routingTable, limits, self } = this.#needs
    const target = kademliaId(encodeRecordKey(key, replica))
    const furthest = routingTable.closestPeers(target, { count: limits.maxAsked })[limits.maxAsked - 1]
    if (!furthest) return true
    const away = distance(pointOf(contactOf(furthest)), target)
    return Buffer.compare(distance(kademliaId(self), target), away) < 0
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new Error('The DHT is closing.'))
  }

  async #search(goal: LookupGoal, signal: AbortSignal): Promise<Findings> {
    const began = this.#needs.clock.monotonic()
    await abortable(this.#needs.bootstrap.firstPeer(goal.timeout), signal)
    const timeout = Math.max(0, goal.timeout - (this.#needs.clock.monotonic() - began))
    const needs = { tools: this.#tools, signal, more: () => this.#known(goal) }
    return await walk({ ...goal, timeout }, this.#linked(goal), needs)
  }

  #nearer({ key, replica }: GetRequest): Contact[] {
    const { links, self } = this.#needs
    const target = kademliaId(encodeRecordKey({ bytes: key }, replica))
    return links.nearest(target, FORWARD_CHOICE, kademliaId(self))
  }

  #linked({ key, replica }: LookupGoal): Contact[] {
    return this.#needs.links.nearest(kademliaId(encodeRecordKey(key, replica)), FORWARD_CHOICE)
  }

  #known({ key, replica }: LookupGoal): Contact[] {
    const target = kademliaId(encodeRecordKey(key, replica))
    const { routingTable, limits } = this.#needs
    return routingTable.closestPeers(target, { count: START_FACTOR * limits.maxAsked }).map(contactOf)
  }
}

/** The leading 48 bits of a peer's distance to a place. */
function nearness(contact: Contact, place: Uint8Array): number {
  return distance(pointOf(contact), place).readUIntBE(0, 6)
}

/** About every other string of octets is one. */
function randomKey(): PublicKey {
  for (;;) {
    const key = publicKeyFromLabel(encodeZBase32(randomBytes(KEY_OCTETS)))
    if (key) return key
  }
}

function acceptZone(bytes: Uint8Array, key: PublicKey, now: number): SignedZone {
  const zone = verifyZone(bytes, key)
  checkTime(zone, now)
  return zone
}
