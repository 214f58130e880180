/** The directory of zones that lives in the DHT: opens this room's parts in order and closes them in reverse. */
import { mkdir } from 'node:fs/promises'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { FindOptions, Lookup, ZoneDirectory } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { parseMultiaddr } from './addresses.ts'
import { Bootstrap } from './bootstrap.ts'
import type { DhtConfig } from './config.ts'
import { ContactBook } from './contacts.ts'
import { DhtFault } from './fault.ts'
import { Finder } from './finder.ts'
import { GuardedDatastore } from './guard.ts'
import { createHost, type Host, startHost } from './host.ts'
import { loadIdentity } from './identity.ts'
import { Liveness } from './liveness.ts'
import { PeerStreams } from './peer-streams.ts'
import { Putter } from './putter.ts'
import { kademliaId } from './record-key.ts'
import { Searcher } from './searcher.ts'
import { ZoneClient } from './zone-client.ts'
import { serveZones } from './zone-protocol.ts'
import { openZoneStore, type ZoneStore } from './zone-store.ts'

export interface DirectoryNeeds {
  readonly config: DhtConfig
  /** The directory this room keeps its files in; made when it is not there. */
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
}

/** A ZoneDirectory that is a node of the network. */
export interface NetworkDirectory extends ZoneDirectory, AsyncDisposable {
  readonly peerId: string
  /** Multiaddrs others can join by, each ending in /p2p/ and the peer id. */
  addresses(): readonly string[]
  /** Nodes in the routing table. */
  peerCount(): number
}

/** Milliseconds within which several new peers are told as one. */
const PEERS_SETTLE = 100

/** @throws DhtFault `address`, `storage` or `listen` */
export async function openDirectory({
  config,
  path,
  clock,
  logger,
}: DirectoryNeeds): Promise<NetworkDirectory> {
  await using opened = new AsyncDisposableStack()
  const datastore = await openDatastore(path)
  opened.defer(async () => await datastore.close())
  const identity = await fromStore(path, loadIdentity(datastore))
  const self = peerIdFromPrivateKey(identity).toMultihash().bytes
  const stored = openZoneStore({ datastore, clock, logger, config, self: kademliaId(self) })
  const store = opened.use(await fromStore(path, stored))
  const guarded = new GuardedDatastore(datastore, { store, clock })
  const host = opened.use(await createHost({ config, datastore: guarded, identity }))
  const contacts = new ContactBook(host.node.peerStore, host.accepts, clock)
  const { node, kad } = host
  const { routingTable } = kad
  if (config.mode === 'server')
    await serveZones({ node, store, routingTable, contacts, clock, logger, config })
  await startHost(host, config)
  const addresses = bootstrapAddresses(config, node.peerId.toString())
  const bootstrap = opened.use(new Bootstrap({ node, routingTable, addresses, clock, logger }))
  const liveness = new Liveness(routingTable, logger)
  const reached = liveness.reached.bind(liveness)
  const streams = opened.use(new PeerStreams({ node, clock, config, reached }))
  const client = new ZoneClient(streams, kad)
  const searcher = new Searcher({ routingTable, bootstrap, client, clock, self, limits: config })
  const search = searcher.search.bind(searcher)
  const putter = new Putter({ store, client, clock, logger, config, search })
  const correct = putter.correct.bind(putter)
  const finder = new Finder({ store, clock, config, search, correct })
  opened.defer(async () => await finder.idle())
  opened.use(searcher)
  bootstrap.start()
  return new KademliaDirectory({ host, store, clock, finder, putter, opened: opened.move() })
}

/** All nodes of a network may have one and the same list, so it may name this node too. */
function bootstrapAddresses({ bootstrap }: DhtConfig, self: string): Multiaddr[] {
  const addresses = bootstrap.map((text) => parseMultiaddr(text, 'bootstrap'))
  return addresses.filter((address) => !address.toString().endsWith(`/p2p/${self}`))
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
    const cause = ((fault as Error).cause ?? fault) as NodeJS.ErrnoException
    const sentence =
      cause.code === 'LEVEL_LOCKED'
        ? `The directory ${path} is in use by another node.`
        : `The store in ${path} cannot be read (${cause.message}); if it is damaged, move that directory away: this node's keys and zones are kept elsewhere.`
    throw new DhtFault('storage', sentence, { cause })
  }
}

interface DirectoryParts {
  readonly host: Host
  readonly store: ZoneStore
  readonly clock: Clock
  readonly finder: Finder
  readonly putter: Putter
  readonly opened: AsyncDisposableStack
}

class KademliaDirectory implements NetworkDirectory {
  readonly #parts: DirectoryParts

  constructor(parts: DirectoryParts) {
    this.#parts = parts
  }

  get peerId(): string {
    return this.#parts.host.node.peerId.toString()
  }

  addresses(): readonly string[] {
    const suffix = `/p2p/${this.peerId}`
    const all = this.#parts.host.node.getMultiaddrs().map(String)
    return all.map((address) => (address.endsWith(suffix) ? address : address + suffix))
  }

  peerCount(): number {
    return this.#parts.host.kad.routingTable.size
  }

  async find(key: PublicKey, options: FindOptions): Promise<Lookup> {
    return await this.#parts.finder.find(key, options)
  }

  async publish(zone: SignedZone, signal: AbortSignal): Promise<{ readonly storedOn: number }> {
    signal.throwIfAborted()
    const outcome = await this.#parts.store.put(zone, { own: true })
    if (outcome.kind === 'older') {
      throw new ZoneFault('older', `A newer zone ${zone.key.label} than the one to publish is known.`)
    }
    this.#parts.finder.confirm(zone)
    return { storedOn: await this.#parts.putter.put(zone, signal) }
  }

  async floorOf(key: PublicKey): Promise<bigint> {
    return await this.#parts.store.floorOf(key)
  }

  watch(listener: (zone: SignedZone) => void): Disposable {
    return this.#parts.store.watch(listener)
  }

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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.opened.disposeAsync()
  }
}
