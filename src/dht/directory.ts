/** The directory of zones that lives in the DHT: opens this room's parts in order and closes them in reverse. */
import { mkdir } from 'node:fs/promises'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { NamespaceDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import { Key } from 'interface-datastore'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Metric } from '../metrics.ts'
import type {
  Acknowledged,
  FindOptions,
  Followed,
  FollowOptions,
  Lookup,
  NodeLookup,
  Relayed,
  RelayOptions,
  ZoneDirectory,
} from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { isLoopbackOnly } from './addresses.ts'
import type { DhtConfig } from './config.ts'
import { peerIdOf } from './contacts.ts'
import { DhtFault } from './fault.ts'
import { type Change, Finder } from './finder.ts'
import { follow } from './following.ts'
import type { Contact } from './frames.ts'
import { loadIdentity } from './identity.ts'
import { ipGroupOf } from './ip-group.ts'
import { LookupCounts } from './lookup-counts.ts'
import { Misses } from './misses.ts'
import { type Network, openNetwork } from './network.ts'
import { NetworkClock } from './network-clock.ts'
import { Networks } from './networks.ts'
import type { Reach } from './reach.ts'
import { kademliaId } from './record-key.ts'
import { openZoneStore, type ZoneStore } from './zone-store.ts'

export interface DirectoryNeeds {
  readonly config: DhtConfig
  /** The directory this room keeps its files in; made when it is not there. */
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
}

/** This node as the other nodes of one network know it. */
export type Membership = Pick<Network, 'peerId' | 'addresses' | 'reach' | 'peerCount'>

/** A ZoneDirectory that is a node of the network; what it says of itself is of the wide area. */
export interface NetworkDirectory extends ZoneDirectory, Membership, AsyncDisposable {
  /** The same of the local network, where this node is in one. */
  readonly local: Membership | undefined
  /** The time to go by, as other nodes see it too. */
  readonly clock: NetworkClock
  /** The label that others find this node by, where it has chosen one. */
  readonly label: string | undefined
  /** IP addresses by which other nodes of the wide area see this one, at most one of each family. */
  observedAddresses(): readonly string[]
  metrics(): Metric[]
}

/** @throws DhtFault `address`, `storage` or `listen` */
export async function openDirectory({
  config,
  path,
  clock: machine,
  logger,
}: DirectoryNeeds): Promise<NetworkDirectory> {
  const clock = new NetworkClock(machine, logger)
  await using opened = new AsyncDisposableStack()
  const datastore = await openDatastore(path)
  opened.defer(async () => await datastore.close())
  const self = peerIdFromPrivateKey(await fromStore(path, loadIdentity(datastore))).toMultihash().bytes
  const stored = openZoneStore({ datastore, clock, logger, config, self: kademliaId(self) })
  const store = opened.use(await fromStore(path, stored))
  let finder: Finder | undefined
  const changed = async (change: Change) => (await finder?.changed(change)) ?? true
  const needs = { config, datastore, store, clock, machine, logger, changed }
  const wide = opened.use(
    await fromStore(
      path,
      openNetwork({ ...needs, side: 'wan', tending: hasToKeep(config) ? store.tending : undefined }),
    ),
  )
  const local = isLocalWanted(config)
    ? opened.use(await fromStore(path, openNetwork(localNeeds(needs))))
    : undefined
  const all = local ? [wide, local] : [wide]
  const networks = new Networks(all)
  const search = networks.search.bind(networks)
  const correct = networks.correct.bind(networks)
  const found = new Finder({ store, clock, config, search, correct })
  finder = found
  opened.defer(async () => await found.idle())
  for (const each of all) opened.defer(() => each.endSearches())
  const peerCount = () => all.reduce((sum, each) => sum + each.peerCount(), 0)
  const misses = new Misses({ finder: found, store, clock, config, peerCount })
  return new KademliaDirectory({
    wide,
    local,
    networks,
    store,
    clock,
    finder: found,
    config,
    misses,
    opened: opened.move(),
  })
}

/** A client holds for others only what it was told to. */
function hasToKeep({ mode, keep }: DhtConfig): boolean {
  return mode !== 'client' || keep.length > 0
}

/** A node on loopback is a test, a demo or behind a proxy: it has no neighbours to look for. */
function isLocalWanted(config: DhtConfig): boolean {
  return config.local === 'auto' ? !isLoopbackOnly(config) : config.local === 'on'
}

/** mDNS finds the others, all machines of a home serve each other, and an address that is announced is not for them. */
function localNeeds(
  needs: Omit<Parameters<typeof openNetwork>[0], 'side'>,
): Parameters<typeof openNetwork>[0] {
  const { config } = needs
  return {
    ...needs,
    side: 'lan',
    config: { ...config, listen: config.localListen, bootstrap: [], announce: [], mode: 'server' },
    datastore: new NamespaceDatastore(needs.datastore, new Key('/lan')),
  }
}

async function openDatastore(path: string): Promise<LevelDatastore> {
  // It holds this node's identity: nobody else may read it.
  await mkdir(path, { recursive: true, mode: 0o700 })
  const datastore = new LevelDatastore(path)
  // Not datastore.open(), which keeps to itself why it could not.
  await fromStore(path, datastore.db.open({ compression: false }))
  return datastore
}

/** What is opened or read there at the start. @throws DhtFault `storage` */
async function fromStore<Read>(path: string, reading: Promise<Read>): Promise<Read> {
  try {
    return await reading
  } catch (fault) {
    if (fault instanceof DhtFault) throw fault
    const cause = ((fault as Error).cause ?? fault) as NodeJS.ErrnoException
    const sentence =
      cause.code === 'LEVEL_LOCKED'
        ? `The directory ${path} is in use by another node.`
        : `The store in ${path} cannot be read (${cause.message}); if it is damaged, move that directory away: this node's keys and zones are kept elsewhere.`
    throw new DhtFault('storage', sentence, { cause })
  }
}

/** Clients of the relay on this machine, or behind a proxy that is: one group. */
const FROM_RELAY = 'relay'

interface DirectoryParts {
  readonly wide: Network
  readonly local: Network | undefined
  readonly networks: Networks
  readonly store: ZoneStore
  readonly clock: NetworkClock
  readonly finder: Finder
  readonly config: Pick<DhtConfig, 'walkTimeout'>
  readonly misses: Misses
  readonly opened: AsyncDisposableStack
}

class KademliaDirectory implements NetworkDirectory {
  readonly #parts: DirectoryParts
  readonly #counts = new LookupCounts()

  constructor(parts: DirectoryParts) {
    this.#parts = parts
  }

  get peerId(): string {
    return this.#parts.wide.peerId
  }

  get label(): string | undefined {
    return this.#parts.wide.label
  }

  get local(): Membership | undefined {
    return this.#parts.local
  }

  get clock(): NetworkClock {
    return this.#parts.clock
  }

  observedAddresses(): readonly string[] {
    return this.#parts.wide.observedAddresses()
  }

  addresses(): readonly string[] {
    return this.#parts.wide.addresses()
  }

  reach(): Reach {
    return this.#parts.wide.reach()
  }

  peerCount(): number {
    return this.#parts.wide.peerCount()
  }

  async find(key: PublicKey, options: FindOptions): Promise<Lookup> {
    const lookup = await this.#parts.misses.find(key, options)
    this.#counts.add(lookup)
    return lookup
  }

  metrics(): Metric[] {
    const { wide, local } = this.#parts
    const peers = [{ labels: { network: 'wide' }, value: wide.peerCount() }]
    if (local) peers.push({ labels: { network: 'local' }, value: local.peerCount() })
    const help = 'Nodes in the routing tables.'
    return [...this.#counts.metrics(), { name: 'kadns_peers', help, type: 'gauge', samples: peers }]
  }

  async follow(key: PublicKey, options: FollowOptions): Promise<Followed> {
    const floor = await this.#parts.store.floorOf(key)
    return await follow({ key, floor, ...options }, this.#parts)
  }

  async publish(
    zone: SignedZone,
    signal: AbortSignal,
    acknowledged?: Acknowledged,
  ): Promise<{ readonly storedOn: number }> {
    signal.throwIfAborted()
    const { store, finder, networks } = this.#parts
    const outcome = await store.put(zone, { own: true, unheard: true })
    if (outcome.kind === 'older') {
      throw new ZoneFault('older', `A newer zone ${zone.key.label} than the one to publish is known.`)
    }
    finder.confirm(zone)
    let count = 0
    let raising: Promise<void> | undefined
    const heard = (by: Contact) => {
      const storedOn = ++count
      raising ??= store.raiseFloor(zone)
      raising.then(
        () => acknowledged?.(storedOn, peerIdOf(by).toString()),
        () => undefined,
      )
    }
    const storedOn = await networks.put(zone, signal, heard)
    await raising
    return { storedOn }
  }

  async relay(zone: SignedZone, { from, signal }: RelayOptions): Promise<Relayed> {
    signal.throwIfAborted()
    const { store, networks } = this.#parts
    const { kind } = await store.put(zone, { own: false, from: ipGroupOf(from) ?? FROM_RELAY })
    if (kind === 'older')
      throw new ZoneFault('older', `A newer zone ${zone.key.label} than this one is known.`)
    return kind === 'busy' ? { kind } : { kind: 'taken', storedOn: await networks.put(zone, signal) }
  }

  async findNode(label: string, { signal }: { readonly signal: AbortSignal }): Promise<NodeLookup> {
    signal.throwIfAborted()
    return await this.#parts.wide.findNode(label, signal)
  }

  async floorOf(key: PublicKey): Promise<bigint> {
    return await this.#parts.store.floorOf(key)
  }

  async isBinding(zone: SignedZone): Promise<boolean> {
    return await this.#parts.store.isBinding(zone)
  }

  watch(listener: (zone: SignedZone) => void): Disposable {
    return this.#parts.store.watch(listener)
  }

  watchPeers(listener: () => void): Disposable {
    const watching = new DisposableStack()
    watching.use(this.#parts.wide.watchPeers(listener))
    watching.use(this.#parts.local?.watchPeers(listener))
    return watching
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.opened.disposeAsync()
  }
}
