/** The libp2p node: TCP, noise, yamux, identify, ping and kad-dht, configured as this network needs it. */
import { type AutoNATv2Components, autoNATv2 } from '@libp2p/autonat-v2'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PeerId, PeerInfo, PrivateKey } from '@libp2p/interface'
import { kadDHT } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Clock } from '../clock.ts'
import {
  type AddressPolicy,
  addressPolicy,
  isLoopbackOnly,
  loopbackFactor,
  parseMultiaddr,
} from './addresses.ts'
import { Callers } from './callers.ts'
import type { DhtConfig } from './config.ts'
import { DialBudget } from './dial-budget.ts'
import { encrypter } from './encrypter.ts'
import { DhtFault } from './fault.ts'
import { MAX_CONTACT_ADDRESSES } from './frames.ts'
import { KAD_PREFIX, selectors, validators } from './guard.ts'
import { ipGroupOfAddress } from './ip-group.ts'
import { type Kad, watchNamed } from './kad.ts'
import { boundedKad } from './kad-streams.ts'
import type { Neighbours } from './neighbours.ts'
import { ObservedAddresses } from './observed-addresses.ts'
import { initialMode } from './reach.ts'

export interface Host extends AsyncDisposable {
  readonly node: Libp2p
  readonly kad: Kad
  readonly ping: Ping
  /** Which addresses learned from peers are kept, dialled and told. */
  readonly accepts: AddressPolicy
  /** By which addresses others see this node. */
  readonly observed: ObservedAddresses
  /** To be told of the addresses, in octets, that a connected peer names: it answers for them. */
  named(by: PeerId, addresses: readonly Uint8Array[]): void
}

export interface HostNeeds {
  readonly config: DhtConfig
  /** Where libp2p keeps what it knows, guarded: kad-dht's records go through it too. */
  readonly datastore: Datastore
  readonly identity: PrivateKey
  readonly clock: Clock
  /** For the local network only. */
  readonly neighbours?: Neighbours | undefined
}

const DAY = 86_400_000
/** One dialled address may take this share of the whole dial. */
const ADDRESS_SHARE = 0.5
/** Streams of a connection that ping or kad-dht may have open; the default of ping (1 and 2) loses peers silently. */
const SERVICE_STREAMS = 16
/** Milliseconds between two pings on each connection: libp2p's ten seconds cost more, with hundreds of them, than all lookups. */
const PING_INTERVAL = 30_000
/** Handshakes under way at once. */
const MAX_PENDING = 100

/** A node that is not started, so that protocols can be registered first. @throws DhtFault `address` */
export async function createHost(needs: HostNeeds): Promise<Host> {
  const { config, datastore, identity, clock, neighbours } = needs
  const budget = new DialBudget(config, clock)
  const callers = config.mode === 'auto' ? new Callers(clock) : undefined
  const accepts: AddressPolicy = neighbours ? (address) => neighbours.isNear(address) : addressPolicy(config)
  const node = await createLibp2p({
    start: false,
    ...transport(config, budget),
    ...limits(config),
    ...storage(datastore, identity, accepts),
    connectionGater: neighbours
      ? localGater(neighbours)
      : { denyDialMultiaddr: (address) => !accepts(address) },
    peerDiscovery: neighbours ? [neighbours.discovery(config.network)] : [],
    services: {
      identify: identify(),
      ping: ping(streams()),
      ...(neighbours || isLoopbackOnly(config) ? {} : { autoNAT: autoNAT(callers) }),
      ...(config.mode === 'server' ? { listened: tellListened } : {}),
      kad: boundedKad(
        kadDHT({ ...kadOptions(config, accepts), protocol: kadProtocol(config.network, neighbours) }),
      ),
    },
  })
  const observed = new ObservedAddresses()
  node.addEventListener('peer:identify', ({ detail }) => observed.hear(detail))
  node.addEventListener('connection:close', ({ detail }) => observed.forget(detail))
  if (callers) node.addEventListener('connection:open', ({ detail }) => callers.note(detail))
  const { kad, ping: pinger } = node.services as unknown as { kad: Kad; ping: Ping }
  const named = nameInto(budget, node, kad)
  return {
    node,
    kad,
    ping: pinger,
    accepts,
    named,
    observed,
    [Symbol.asyncDispose]: async () => await node.stop(),
  }
}

/** Identify and kad-dht tell who named whom; who asks by another protocol has to say so. */
function nameInto({ namers }: DialBudget, node: Libp2p, kad: Kad): Host['named'] {
  const named: Host['named'] = (by, addresses) => {
    const [connection] = node.getConnections(by)
    const group = connection && ipGroupOfAddress(connection.remoteAddr)
    if (group !== undefined) for (const address of addresses) namers.named(group, address)
  }
  const octets = (addresses: readonly Multiaddr[]) => addresses.map(({ bytes }) => bytes)
  node.addEventListener('peer:identify', ({ detail }) => named(detail.peerId, octets(detail.listenAddrs)))
  watchNamed(kad, (by, addresses) => named(by, octets(addresses)))
  return named
}

/** AutoNAT takes one peer's word that it dialled an address; a node that goes by it waits until several have got in. */
function autoNAT(callers: Callers | undefined): (components: AutoNATv2Components) => unknown {
  const create = autoNATv2()
  return (components) => {
    const { addressManager } = components
    const confirm = addressManager.confirmObservedAddr.bind(addressManager)
    addressManager.confirmObservedAddr = (address, options) => {
      // An address that is not confirmed yet is asked about again, of the next peer.
      if (!callers || callers.haveReached(address)) confirm(address, options)
    }
    return create(components)
  }
}

/** A server was said to be reachable by hand: left to itself, libp2p tells nobody of a global address that is not confirmed. */
function tellListened({ addressManager }: AutoNATv2Components): object {
  const all = addressManager.getAddressesWithMetadata.bind(addressManager)
  addressManager.getAddressesWithMetadata = () =>
    all().map((each) =>
      each.type === 'transport' ? { ...each, verified: true, expires: Number.POSITIVE_INFINITY } : each,
    )
  return {}
}

/** Protocol 5, "Local": dialled is what mDNS announced, and nobody is let in from elsewhere. */
function localGater(neighbours: Neighbours): ConnectionGater {
  return {
    denyDialMultiaddr: (address) => !neighbours.isAnnounced(address),
    denyInboundConnection: ({ remoteAddr }) => !neighbours.isNear(remoteAddr),
  }
}

function kadProtocol(network: string, neighbours: Neighbours | undefined): string {
  return ['/kadns', network, neighbours ? 'lan' : '', 'kad/1.0.0'].filter((part) => part !== '').join('/')
}

function transport(config: DhtConfig, budget: DialBudget): Libp2pOptions {
  const { listen, announce } = config
  return {
    addresses: {
      listen: listen.map((text) => parseMultiaddr(text, 'listen').toString()),
      announce: announce.map((text) => parseMultiaddr(text, 'announce').toString()),
    },
    transports: [budget.guard(tcp())],
    connectionEncrypters: [encrypter()],
    streamMuxers: [yamux()],
  }
}

function limits(config: DhtConfig): Libp2pOptions {
  const factor = loopbackFactor(config)
  return {
    connectionMonitor: { pingInterval: PING_INTERVAL },
    connectionManager: {
      maxConnections: config.maxConnections,
      maxParallelDials: config.maxParallelDials,
      dialTimeout: config.dialTimeout,
      addressDialTimeout: config.dialTimeout * ADDRESS_SHARE,
      maxPeerAddrsToDial: MAX_CONTACT_ADDRESSES,
      outboundStreamProtocolNegotiationTimeout: config.dialTimeout,
      inboundStreamProtocolNegotiationTimeout: config.dialTimeout,
      inboundConnectionThreshold: config.maxInboundPerSecond * factor,
      maxIncomingPendingConnections: MAX_PENDING * factor,
      // By default /dnsaddr is looked up before the gater is asked: whoever names one would have us ask name servers.
      resolvers: {},
    },
  }
}

/** The defaults (an hour, six hours) would let a node that was off for a night start as a stranger. */
function storage(datastore: Datastore, privateKey: PrivateKey, accepts: AddressPolicy): Libp2pOptions {
  const self = peerIdFromPrivateKey(privateKey)
  return {
    datastore,
    privateKey,
    peerStore: {
      maxAddressAge: 7 * DAY,
      maxPeerAge: 30 * DAY,
      addressFilter: (peer, address) => self.equals(peer) || accepts(address),
    },
  }
}

function kadOptions(config: DhtConfig, accepts: AddressPolicy): Parameters<typeof kadDHT>[0] {
  const mode = initialMode(config)
  return {
    // Left out, it is a client while no global address of its own is confirmed, and a server from then on.
    ...(mode && { clientMode: mode === 'client' }),
    datastorePrefix: KAD_PREFIX,
    peerInfoMapper: (peer) => dialable(peer, accepts),
    validators,
    selectors,
    alpha: 3,
    disjointPaths: 3,
    initialQuerySelfInterval: 50,
    // Nodes that join at the same moment miss each other; the default of five minutes is long to stay so.
    querySelfInterval: 60_000,
    networkDialTimeout: { minTimeout: 800, maxTimeout: 3000 },
    ...streams(),
  }
}

function streams(): { maxInboundStreams: number; maxOutboundStreams: number } {
  return { maxInboundStreams: SERVICE_STREAMS, maxOutboundStreams: SERVICE_STREAMS }
}

function dialable(peer: PeerInfo, accepts: AddressPolicy): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.filter(accepts).slice(0, MAX_CONTACT_ADDRESSES) }
}

/** @throws DhtFault `listen` naming the address that is taken or cannot be used */
export async function startHost({ node }: Host, config: DhtConfig): Promise<void> {
  try {
    await node.start()
  } catch (cause) {
    throw new DhtFault('listen', listenMessage(cause, config), { cause })
  }
}

/** libp2p tells of several addresses over several lines; the first system error is what somebody can act on. */
function listenMessage(cause: unknown, { listen }: DhtConfig): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  const reason = /listen (E[A-Z]+): ([^\n]*)/.exec(text)
  const detail = reason ? `${reason[2]} (${reason[1]})` : text.trim()
  return `The DHT cannot listen on ${listen.join(', ')}: ${detail}.`
}
