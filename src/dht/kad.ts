/** kad-dht's own requests to one peer, and what this room uses of its class beyond the published interface. */
import type { AbortOptions, PeerId } from '@libp2p/interface'
import { type KadDHT, MessageType, type PeerResponseEvent, type QueryEvent } from '@libp2p/kad-dht'
import { Libp2pRecord } from '@libp2p/record'
import type { Multiaddr } from '@multiformats/multiaddr'
import { DhtFault } from './fault.ts'
import type { Contact, GetReply, GetRequest, PutReply, PutRequest } from './frames.ts'
import { encodeRecordKey } from './record-key.ts'

/** Public fields of the class that are not in its interface; the exact version is pinned. */
export interface Kad extends KadDHT {
  readonly routingTable: KadTable
  readonly network: KadNetwork
}

export interface RoutingTable {
  readonly size: number
  /** The peers closest to a point in Kademlia's space, closest first. */
  closestPeers(id: Uint8Array, options: { count: number }): PeerId[]
  remove(peer: PeerId): Promise<void>
  addEventListener(type: 'peer:add' | 'peer:remove', listener: () => void): void
  removeEventListener(type: 'peer:add' | 'peer:remove', listener: () => void): void
}

export interface KadTable extends Omit<RoutingTable, 'addEventListener'> {
  /** Kademlia's k. */
  readonly kBucketSize: number
  /** Its trie of buckets. */
  readonly kb: {
    readonly root: Bucket
    add(peer: PeerId, options?: AbortOptions): Promise<void>
    remove(point: Uint8Array, options?: AbortOptions): Promise<void>
    /** Whether a peer that is not in the table yet answers. */
    verify(peer: BucketPeer, options?: AbortOptions): Promise<boolean>
    toIterable(): Iterable<BucketPeer>
  }
  find(peer: PeerId): Promise<PeerId | undefined>
  addEventListener(
    type: 'peer:add' | 'peer:remove',
    listener: (event: { readonly detail: PeerId }) => void,
  ): void
}

export interface BucketPeer {
  readonly peerId: PeerId
  /** Its place in Kademlia's space. */
  readonly kadId: Uint8Array
  readonly lastPing: number
}

/** A leaf, or what a bit of a point decides between. */
export type Bucket =
  | { readonly peers: readonly BucketPeer[] }
  | { readonly left: Bucket; readonly right: Bucket }

interface KadMessage {
  readonly type: MessageType
  readonly key: Uint8Array
  readonly record?: Uint8Array
}

interface KadNetwork {
  sendRequest(
    to: PeerId,
    message: KadMessage,
    options: { path: { index: number; queued: number; running: number; total: number }; signal: AbortSignal },
  ): AsyncIterable<QueryEvent>
}

/** Whom to ask, and until when. */
export interface KadTarget {
  readonly peer: PeerId
  readonly signal: AbortSignal
}

/** kad-dht's wish for progress reports; nobody reads them here. */
const PATH = { index: 0, queued: 0, running: 0, total: 0 }

/** Tells of every peer that an answer names, whichever of kad-dht's own requests it is to, before anybody dials it. */
export function watchNamed(
  { network }: Kad,
  named: (by: PeerId, addresses: readonly Multiaddr[]) => void,
): void {
  const send = network.sendRequest.bind(network)
  network.sendRequest = async function* (...request) {
    for await (const event of send(...request)) {
      if (event.name === 'PEER_RESPONSE') {
        for (const { multiaddrs } of [...event.closer, ...event.providers]) named(event.from, multiaddrs)
      }
      yield event
    }
  }
}

/** GET_VALUE, for a peer that does not speak our protocol. */
export async function getValue(kad: Kad, target: KadTarget, request: GetRequest): Promise<GetReply> {
  const key = encodeRecordKey({ bytes: request.key }, request.replica)
  const { record, closer } = await exchange(kad, target, { type: MessageType.GET_VALUE, key })
  const contacts: Contact[] = closer.map(({ id, multiaddrs }) => ({
    id: id.toMultihash().bytes,
    addresses: multiaddrs.map(({ bytes }) => bytes),
  }))
  return record
    ? { kind: 'found', bytes: record.value, closer: contacts }
    : { kind: 'absent', closer: contacts }
}

/** PUT_VALUE: a peer that refuses resets the stream without saying why. */
export async function putValue(kad: Kad, target: KadTarget, request: PutRequest): Promise<PutReply> {
  const key = encodeRecordKey({ bytes: request.bytes.subarray(0, 32) }, request.replica)
  // The receiver writes its own time over this one.
  const record = new Libp2pRecord(key, request.bytes, new Date(0)).serialize()
  await exchange(kad, target, { type: MessageType.PUT_VALUE, key, record })
  return { kind: 'stored' }
}

async function exchange(
  kad: Kad,
  { peer, signal }: KadTarget,
  message: KadMessage,
): Promise<PeerResponseEvent> {
  for await (const event of kad.network.sendRequest(peer, message, { path: PATH, signal })) {
    if (event.name === 'PEER_RESPONSE') return event
    if (event.name === 'QUERY_ERROR') {
      throw new DhtFault('stream', `Peer ${peer} did not answer ${message.type}.`, { cause: event.error })
    }
  }
  throw new DhtFault('stream', `Peer ${peer} did not answer ${message.type}.`)
}
