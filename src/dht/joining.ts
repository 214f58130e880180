/** How a node comes into its network and stays there: whom it joins by, who has gone, and who is remembered for the next time. */
import { networkInterfaces } from 'node:os'
import type { PeerId } from '@libp2p/interface'
import type { Datastore } from 'interface-datastore'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { parseMultiaddr } from './addresses.ts'
import { Bootstrap } from './bootstrap.ts'
import type { DhtConfig } from './config.ts'
import { type ContactBook, dialAddresses } from './contacts.ts'
import { type EntryPoints, loadEntryPoints } from './entry-points.ts'
import type { Host } from './host.ts'
import { Liveness } from './liveness.ts'
import { PeerCheck } from './peer-check.ts'
import { kademliaId } from './record-key.ts'
import type { Side } from './scope.ts'

export interface JoiningNeeds {
  readonly side: Side
  readonly host: Host
  readonly contacts: ContactBook
  readonly config: DhtConfig
  readonly datastore: Datastore
  readonly clock: Clock
  readonly logger: Logger
}

export interface Joining extends AsyncDisposable {
  readonly bootstrap: Bootstrap
  readonly liveness: Liveness
  /** Returns at once. */
  start(): void
}

/** @throws DhtFault `address`, or what the datastore throws */
export async function openJoining(needs: JoiningNeeds): Promise<Joining> {
  const { side, host, config, datastore, clock, logger } = needs
  const { node, kad } = host
  const { routingTable } = kad
  const entryPoints = await loadEntryPoints({ datastore, clock, max: config.maxEntryPoints })
  const failed = (cause: unknown) => logger.error({ err: cause }, 'the entry points could not be kept')
  // In the local network everybody is found by mDNS, and nobody is dialled otherwise.
  const remembered = () => (side === 'wan' ? entryPoints.addresses() : [])
  const addresses = bootstrapAddresses(config, node.peerId.toString())
  const bootstrap = new Bootstrap({ node, routingTable, addresses, remembered, ownAddresses, clock, logger })
  const lost = (peer: PeerId) => void entryPoints.lost(peer.toString()).catch(failed)
  const liveness = new Liveness({ routingTable, clock, logger, lost })
  const check = new PeerCheck({
    self: kademliaId(node.peerId.toMultihash().bytes),
    routingTable,
    liveness,
    clock,
    config,
    ping: async (peer, signal) => await host.ping.ping(peer, { signal }),
    isConnected: () => node.getConnections().length > 0,
    alive: async (peer) => await remember(peer, needs.contacts, entryPoints).catch(failed),
  })
  const opened = new AsyncDisposableStack()
  opened.use(bootstrap)
  opened.use(check)
  const start = () => {
    bootstrap.start()
    check.start()
  }
  return { bootstrap, liveness, start, [Symbol.asyncDispose]: async () => await opened.disposeAsync() }
}

function ownAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all
    .map(({ address }) => address)
    .sort()
    .join()
}

/** A peer that does not say where it listens, as a client, is no entry point. */
async function remember(peer: PeerId, contacts: ContactBook, entryPoints: EntryPoints): Promise<void> {
  const contact = await contacts.find(peer)
  const [address] = contact ? dialAddresses(contact, peer) : []
  if (address) await entryPoints.heard(peer.toString(), address)
}

/** All nodes of a network may have one and the same list, so it may name this node too. */
function bootstrapAddresses({ bootstrap }: DhtConfig, self: string) {
  const addresses = bootstrap.map((text) => parseMultiaddr(text, 'bootstrap'))
  return addresses.filter((address) => !address.toString().endsWith(`/p2p/${self}`))
}
