/** One node of the simulation that looks for zones and puts them: the Finder and Putter of the product on a virtual network. */
import { MemoryDatastore } from 'datastore-core'
import { pino } from 'pino'
import { Crowding } from '../../src/dht/crowding.ts'
import { Finder } from '../../src/dht/finder.ts'
import type { Findings } from '../../src/dht/findings.ts'
import { nothingFound } from '../../src/dht/findings.ts'
import { FORWARD_CHOICE } from '../../src/dht/forwarding.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal, LookupTools } from '../../src/dht/lookup-goal.ts'
import { Putter } from '../../src/dht/putter.ts'
import { START_FACTOR } from '../../src/dht/searcher.ts'
import { openZoneStore, type ZoneStore } from '../../src/dht/zone-store.ts'
import type { Lookup } from '../../src/zone/directory.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { checkTime, type SignedZone, verifyZone } from '../../src/zone/signed-zone.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { SimNetwork, type SimPeer, zoneOfBytes } from './network.ts'
import { Random } from './random.ts'

const logger = pino({ level: 'silent' })

export class Seeker implements AsyncDisposable {
  readonly peer: SimPeer
  readonly store: ZoneStore
  readonly finder: Finder
  readonly putter: Putter
  /** The network's counts when the last lookup had its answer, and the walk behind it had not begun. */
  atAnswer = { messages: 0, dials: 0 }
  /** Whether connected peers are asked to look further. */
  forwarding = true
  readonly #network: SimNetwork
  readonly #crowding: Crowding
  /** Keys of which it says that their neighbourhood is crowded. */
  readonly suspected = new Set<string>()
  readonly #closing = new AbortController()
  readonly #tools: LookupTools

  static async open(network: SimNetwork, peer: SimPeer): Promise<Seeker> {
    const { clock, options } = network
    const datastore = new MemoryDatastore()
    return new Seeker(
      network,
      peer,
      await openZoneStore({ datastore, clock, logger, config: options.config, self: peer.point }),
    )
  }

  private constructor(network: SimNetwork, peer: SimPeer, store: ZoneStore) {
    const { clock, options } = network
    const { config } = options
    this.#network = network
    this.peer = peer
    this.store = store
    this.#tools = {
      ask: async (contact, request) => await network.ask(peer, contact, request),
      hedgeAfter: (contact, roundTrips) => network.hedgeAfter(peer, contact, roundTrips),
      isConnected: (contact) => this.forwarding && network.isConnected(peer, contact),
      isLikelyHolder: () => false, // among thousands hardly any peer that is connected is one
      groupOf: (contact) => network.peerOf(contact)?.group,
      accept: (bytes, key) => this.#accept(bytes, key),
      clock,
      self: peer.contact.id,
      limits: config,
    }
    const random = new Random(`${options.seed} places ${peer.rank}`)
    this.#crowding = new Crowding({
      count: config.maxAsked,
      randomKey: () => new TestOwner(() => clock.now(), random.octets(32)).key,
      suspect: ({ label }) => this.suspected.add(label),
      hear: async (goal) => await this.#walk(goal, this.#closing.signal),
      clock,
      timeout: config.lookupTimeout,
    })
    const search = this.search.bind(this)
    const client = {
      get: async (...[contact, request]: Parameters<LookupGet>) => await network.ask(peer, contact, request),
      put: async (...[contact, request]: Parameters<LookupPut>) => await network.put(peer, contact, request),
    }
    // Nobody is put on before being asked: what a put costs here is what it costs who knows nothing of the place.
    const likelyClosest = () => []
    this.putter = new Putter({ store, client, clock, logger, config, search, likelyClosest })
    const correct: Putter['correct'] = (contacts, zone) => this.putter.correct(contacts, zone)
    this.finder = new Finder({ store, clock, config, search, correct })
  }

  async find(key: PublicKey): Promise<Lookup> {
    return await this.finder.find(key, { signal: this.#closing.signal })
  }

  async put(zone: SignedZone): Promise<number> {
    zoneOfBytes.set(zone.bytes, zone)
    return await this.putter.put(zone, this.#closing.signal)
  }

  async search(goal: LookupGoal, end: AbortSignal = this.#closing.signal): Promise<Findings> {
    return await this.#crowding.search(goal, async (each) => await this.#walk(each, end))
  }

  async #walk(goal: LookupGoal, end: AbortSignal): Promise<Findings> {
    const target = SimNetwork.placeOf(goal.key, goal.replica)
    const known = this.#network.known(this.peer, target, START_FACTOR * this.#tools.limits.maxAsked)
    const start = [...known, ...this.#network.linked(this.peer, target, FORWARD_CHOICE)]
    try {
      const findings = await walk(goal, start, { tools: this.#tools, signal: end })
      const { messages, dials } = this.#network
      if (goal.until === 'first') this.atAnswer = { messages, dials }
      return findings
    } catch (cause) {
      if (!end.aborted) throw cause
      return nothingFound('The lookup was ended.')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort() // what goes on behind an answer would hold the whole network in memory
    await this.store[Symbol.asyncDispose]()
  }

  #accept(bytes: Uint8Array, key: PublicKey): SignedZone {
    const known = zoneOfBytes.get(bytes)
    const zone = known && Buffer.compare(known.key.bytes, key.bytes) === 0 ? known : verifyZone(bytes, key)
    checkTime(zone, this.#network.clock.now())
    return zone
  }
}

type LookupGet = ConstructorParameters<typeof Putter>[0]['client']['get']
type LookupPut = ConstructorParameters<typeof Putter>[0]['client']['put']
