/** One network, the wide area or the local one: a libp2p node with an identity, a peer store and a routing table of its own. */
import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { parseMultiaddr } from './addresses.ts'
import { Bootstrap } from './bootstrap.ts'
import type { DhtConfig } from './config.ts'
import { ContactBook, contactOf, groupOfContact } from './contacts.ts'
import type { Change } from './finder.ts'
import type { Contact, Notice } from './frames.ts'
import { GuardedDatastore } from './guard.ts'
import { createHost, type Host, startHost } from './host.ts'
import { loadIdentity } from './identity.ts'
import { Keeping } from './keeping.ts'
import { Liveness } from './liveness.ts'
import type { Findings, LookupGoal } from './lookup.ts'
import { Neighbours } from './neighbours.ts'
import type { NetworkClock } from './network-clock.ts'
import { PeerStreams } from './peer-streams.ts'
import { Putter } from './putter.ts'
import type { Replica } from './record-key.ts'
import { ScopedStore, type SharedStore, type Side } from './scope.ts'
import { Searcher } from './searcher.ts'
import { ZoneClient } from './zone-client.ts'
import { serveZones } from './zone-protocol.ts'
import type { ZoneStore } from './zone-store.ts'

export interface NetworkNeeds {
  readonly side: Side
  readonly config: DhtConfig
  /** For this network alone: who this node is there, and whom it knows. */
  readonly datastore: Datastore
  /** Of both networks. */
  readonly store: SharedStore
  /** A peer of this network says that it holds a newer zone. Never rejects. @returns whether that was true */
  changed(change: Change): Promise<boolean>
  /** The time to go by; what the peers of this network say of it is heard by it. */
  readonly clock: NetworkClock
  /** Where this network is the one to keep others' zones alive. */
  readonly tending?: ZoneStore['tending'] | undefined
  /** This machine's own. */
  readonly machine: Clock
  readonly logger: Logger
}

interface NetworkParts {
  readonly side: Side
  readonly host: Host
  readonly clock: Clock
  readonly searcher: Searcher
  readonly putter: Putter
  readonly opened: AsyncDisposableStack
}

const REPLICAS: readonly Replica[] = [0, 1, 2]
/** Milliseconds within which several new peers are told as one. */
const PEERS_SETTLE = 100

/** @throws DhtFault `address` or `listen`, or what the datastore throws */
export async function openNetwork(needs: NetworkNeeds): Promise<Network> {
  const { side, config, datastore, clock, machine, logger } = needs
  await using opened = new AsyncDisposableStack()
  const store = new ScopedStore(needs.store, side)
  const neighbours = side === 'lan' ? new Neighbours() : undefined
  const identity = await loadIdentity(datastore)
  const guarded = new GuardedDatastore(datastore, { store, clock })
  const host = opened.use(await createHost({ config, datastore: guarded, identity, neighbours }))
  const { node, kad } = host
  const { routingTable } = kad
  const contacts = new ContactBook(node.peerStore, host.accepts, clock)
  const groupOf = (contact: Contact) => groupOfContact(contact, node)
  if (config.mode === 'server')
    // Others are told what this machine's clock says: each has to be a witness of its own.
    opened.use(
      await serveZones({ node, store, routingTable, contacts, groupOf, clock: machine, logger, config }),
    )
  neighbours?.watch((peer) => meet(node, peer, logger))
  await startHost(host, config)
  const addresses = bootstrapAddresses(config, node.peerId.toString())
  const bootstrap = opened.use(new Bootstrap({ node, routingTable, addresses, clock, logger }))
  const liveness = new Liveness(routingTable, logger)
  const reached = liveness.reached.bind(liveness)
  const timed = (peer: PeerId, time: number, roundTrip: number) =>
    clock.hear({ peer: peer.toString(), group: groupOf(contactOf(peer)), time, roundTrip })
  const changed = async ({ key, sequence }: Notice, contact: Contact) =>
    await needs.changed({ key, sequence, give: (zone, have) => searcher.askOne(contact, zone, have) })
  const streams = opened.use(new PeerStreams({ node, clock, config, reached, timed, changed }))
  const client = new ZoneClient(streams, kad)
  const self = node.peerId.toMultihash().bytes
  const searcher = opened.use(
    new Searcher({ side, routingTable, bootstrap, client, groupOf, clock, self, limits: config }),
  )
  const search = searcher.search.bind(searcher)
  const likelyClosest = searcher.likelyClosest.bind(searcher)
  const putter = new Putter({ store, client, clock, logger, config, search, likelyClosest })
  if (needs.tending) {
    const give = putter.give.bind(putter)
    const placesOf = (key: PublicKey) => REPLICAS.filter((replica) => searcher.isAmongClosest(key, replica))
    const keeping = new Keeping({
      store,
      stock: needs.tending,
      clock,
      logger,
      config,
      placesOf,
      search,
      give,
    })
    opened.use(keeping).start()
  }
  bootstrap.start()
  return new Network({ side, host, clock, searcher, putter, opened: opened.move() })
}

/** All nodes of a network may have one and the same list, so it may name this node too. */
function bootstrapAddresses({ bootstrap }: DhtConfig, self: string): Multiaddr[] {
  const addresses = bootstrap.map((text) => parseMultiaddr(text, 'bootstrap'))
  return addresses.filter((address) => !address.toString().endsWith(`/p2p/${self}`))
}

/** Connects to a machine that mDNS announced; it is announced again every few seconds. */
function meet(node: Libp2p, { id, multiaddrs }: PeerInfo, logger: Logger): void {
  if (node.getConnections(id).length > 0) return
  node
    .dial(multiaddrs.map((address) => address.encapsulate(`/p2p/${id}`)))
    .catch((cause: unknown) => logger.debug({ err: cause }, 'a neighbour could not be reached'))
}

export class Network implements AsyncDisposable {
  readonly #parts: NetworkParts

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  get side(): Side {
    return this.#parts.side
  }

  get peerId(): string {
    return this.#parts.host.node.peerId.toString()
  }

  /** Multiaddrs others can join by, each ending in /p2p/ and the peer id. */
  addresses(): readonly string[] {
    const suffix = `/p2p/${this.peerId}`
    const all = this.#parts.host.node.getMultiaddrs().map(String)
    return all.map((address) => (address.endsWith(suffix) ? address : address + suffix))
  }

  /** Nodes in the routing table. */
  peerCount(): number {
    return this.#parts.host.kad.routingTable.size
  }

  async search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings> {
    return await this.#parts.searcher.search(goal, signal)
  }

  /**
   * @param acknowledged called for each other node that acknowledged the zone, at once
   * @returns how many did
   * @throws ZoneFault `older` when one of them holds a newer one, which this node then holds too
   */
  async put(zone: SignedZone, signal: AbortSignal, acknowledged?: () => void): Promise<number> {
    return await this.#parts.putter.put(zone, signal, acknowledged)
  }

  /** Gives a newer zone to peers of this network that hold an older one. Never rejects. */
  async correct(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    await this.#parts.putter.correct(contacts, zone)
  }

  /** Tells when a node to publish to appears, from now until disposed. */
  watchPeers(listener: () => void): Disposable {
    const { clock, host } = this.#parts
    const { routingTable } = host.kad
    let pending: Disposable | undefined
    const onPeer = () => {
      pending ??= clock.after(PEERS_SETTLE, () => {
        pending = undefined
        listener()
      })
    }
    routingTable.addEventListener('peer:add', onPeer)
    return {
      [Symbol.dispose]: () => {
        routingTable.removeEventListener('peer:add', onPeer)
        pending?.[Symbol.dispose]()
      },
    }
  }

  /** Ends all searches; none can be begun any more. */
  endSearches(): void {
    this.#parts.searcher[Symbol.dispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.opened.disposeAsync()
  }
}
