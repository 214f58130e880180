/** One network, the wide area or the local one: a libp2p node with an identity, a peer store and a routing table of its own. */
import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface'
import type { Datastore } from 'interface-datastore'
import type { Logger } from 'pino'
import { type Clock, timeLimit } from '../clock.ts'
import type { NodeLookup } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'
import { ContactBook, contactOf, groupOfContact } from './contacts.ts'
import type { Change } from './finder.ts'
import type { Findings } from './findings.ts'
import type { Contact, Notice } from './frames.ts'
import { capGroupsOf } from './group-caps.ts'
import { GuardedDatastore } from './guard.ts'
import { createHost, type Host, startHost } from './host.ts'
import { loadIdentity } from './identity.ts'
import { openJoining } from './joining.ts'
import type { RoutingTable } from './kad.ts'
import { Keeping } from './keeping.ts'
import { LinkKeeping } from './link-keeping.ts'
import { Links } from './links.ts'
import type { LookupGoal } from './lookup-goal.ts'
import { chooseName, findNode, nodeLabel } from './named-nodes.ts'
import { Neighbours } from './neighbours.ts'
import type { NetworkClock } from './network-clock.ts'
import { PeerShelf } from './peer-shelf.ts'
import { PeerStreams } from './peer-streams.ts'
import { PeerTable } from './peer-table.ts'
import { Putter } from './putter.ts'
import { type Reach, reachOf } from './reach.ts'
import { kademliaId, type Replica } from './record-key.ts'
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
  readonly config: DhtConfig
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
  const peers = await PeerShelf.open(datastore, { limit: config.maxPeers, logger })
  const guarded = new GuardedDatastore(peers, { store, clock })
  const host = opened.use(
    await createHost({ config, datastore: guarded, identity, clock: machine, neighbours }),
  )
  const { node, kad } = host
  const routingTable = new PeerTable(kad.routingTable)
  peers.kept = () => [node.peerId, ...node.getPeers(), ...allOf(routingTable, node.peerId)]
  const contacts = new ContactBook(node.peerStore, host.accepts, clock)
  const groupOf = (contact: Contact) => groupOfContact(contact, node)
  capGroupsOf({ table: kad.routingTable, groupOf })
  const links = opened.use(new Links(node))
  if (config.mode !== 'client') {
    const forward: Searcher['forward'] = async (...asked) => await searcher.forward(...asked)
    // Others are told what this machine's clock says: each has to be a witness of its own.
    const own = { node, store, routingTable, contacts, groupOf, forward, clock: machine, logger, config }
    opened.use(await serveZones(own))
  }
  neighbours?.watch((peer) => meet(node, peer, logger))
  if (side === 'wan' && config.named === 'on') await chooseName(host)
  await startHost(host, config)
  const joins = { side, host, contacts, config, datastore, clock, logger }
  const joining = opened.use(await openJoining(joins))
  const { bootstrap, liveness } = joining
  const reached = liveness.reached.bind(liveness)
  const timed = (peer: PeerId, time: number, roundTrip: number) =>
    clock.hear({ peer: peer.toString(), group: groupOf(contactOf(peer)), time, roundTrip })
  const changed = async ({ key, sequence }: Notice, contact: Contact) =>
    await needs.changed({ key, sequence, give: (zone, have) => searcher.askOne(contact, zone, have) })
  const streams = opened.use(new PeerStreams({ node, clock, config, reached, timed, changed }))
  const client = new ZoneClient(streams, host)
  const self = node.peerId.toMultihash().bytes
  const looks = { side, routingTable, bootstrap, client, links, groupOf, clock, logger, self, limits: config }
  const searcher = opened.use(new Searcher(looks))
  const search = searcher.search.bind(searcher)
  if (side === 'wan') opened.use(new LinkKeeping({ ...needs, routingTable, streams, self })).start()
  const likelyClosest = searcher.likelyClosest.bind(searcher)
  const putter = new Putter({ store, client, clock, logger, config, search, likelyClosest })
  if (needs.tending) opened.use(keepZones(needs.tending, { ...needs, store, searcher, putter })).start()
  joining.start()
  return new Network({ side, host, config, clock, searcher, putter, opened: opened.move() })
}

/** Nearest to this node first. */
function allOf(routingTable: RoutingTable, self: PeerId): PeerId[] {
  const point = kademliaId(self.toMultihash().bytes)
  return routingTable.closestPeers(point, { count: routingTable.size })
}

function keepZones(
  stock: ZoneStore['tending'],
  parts: Pick<NetworkNeeds, 'store' | 'clock' | 'logger' | 'config'> &
    Pick<NetworkParts, 'searcher' | 'putter'>,
): Keeping {
  const { searcher, putter, config } = parts
  const isOurs = (key: PublicKey, replica: Replica) =>
    stock.keeps(key.label) || (config.mode !== 'client' && searcher.isAmongClosest(key, replica))
  const placesOf = (key: PublicKey) => REPLICAS.filter((replica) => isOurs(key, replica))
  const search = searcher.search.bind(searcher)
  return new Keeping({ ...parts, stock, placesOf, search, give: putter.give.bind(putter) })
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

  /** The label others find this node by, where it has chosen one. */
  get label(): string | undefined {
    const { host, config } = this.#parts
    return config.named === 'on' ? nodeLabel(host.node.peerId) : undefined
  }

  /** Rejects only when `signal` aborts. */
  async findNode(label: string, signal: AbortSignal): Promise<NodeLookup> {
    const { host, config, clock } = this.#parts
    using limit = timeLimit(clock, config.lookupTimeout, signal)
    const { node, accepts } = host
    try {
      return await findNode(label, config.named === 'on', { node, accepts, signal: limit.signal })
    } catch {
      signal.throwIfAborted()
      return { kind: 'unreachable', cause: 'This node was not reached in time.' }
    }
  }

  /** IP addresses by which others see this node, at most one of each family. */
  observedAddresses(): readonly string[] {
    return this.#parts.host.observed.current()
  }

  /** Whether others can keep zones here and ask for them, and why. */
  reach(): Reach {
    const { host, config } = this.#parts
    return reachOf(config, host.kad.getMode())
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
  async put(zone: SignedZone, signal: AbortSignal, acknowledged?: (by: Contact) => void): Promise<number> {
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
