/** Nodes that chose to have a name, `<peer id in base36>.peer.<suffix>`: who they are, and where they are reached. */
import type { Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromCID } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import type { NodeLookup } from '../zone/directory.ts'
import type { AddressPolicy } from './addresses.ts'
import { withoutPeer } from './addresses.ts'
import { isDialRefused } from './dial-budget.ts'
import { MAX_CONTACT_ADDRESSES } from './frames.ts'

/** Spoken by those who chose it; there is nothing to say. Whoever is connected hears of it by identify. */
const NAMED_PROTOCOL = '/kadns/named/1'

export interface NamedNodesNeeds {
  readonly node: Pick<Libp2p, 'peerId' | 'peerStore' | 'peerRouting' | 'dial' | 'handle' | 'getMultiaddrs'>
  readonly accepts: AddressPolicy
}

/** A peer id as one label of a name: a CIDv1 in base36. */
export function nodeLabel(peer: PeerId): string {
  return peer.toCID().toString(base36)
}

export async function chooseName({ node }: Pick<NamedNodesNeeds, 'node'>): Promise<void> {
  await node.handle(NAMED_PROTOCOL, async (stream) => await stream.close())
}

/** Rejects only when `signal` aborts. @param isNamed whether this node has chosen a name */
export async function findNode(
  label: string,
  isNamed: boolean,
  { node, accepts, signal }: NamedNodesNeeds & { readonly signal: AbortSignal },
): Promise<NodeLookup> {
  const peer = peerOf(label)
  if (!peer) return { kind: 'absent' }
  if (peer.equals(node.peerId))
    return isNamed ? found(peer, node.getMultiaddrs().filter(accepts)) : { kind: 'absent' }
  try {
    const { multiaddrs } = await node.peerRouting.findPeer(peer, { signal })
    if (multiaddrs.length > 0) await node.dial(peer, { signal })
    const { protocols, addresses } = await node.peerStore.get(peer, { signal })
    if (!protocols.includes(NAMED_PROTOCOL)) return { kind: 'absent' }
    // What it has signed: the rest is what anybody said of it.
    const own = addresses.filter(({ isCertified }) => isCertified).map(({ multiaddr }) => multiaddr)
    return found(peer, own.filter(accepts))
  } catch (cause) {
    signal.throwIfAborted()
    const why = isDialRefused(cause) ? 'it may not be dialled just now' : 'no other node knows where it is'
    return { kind: 'unreachable', cause: `This node was not reached: ${why}.` }
  }
}

function found(peer: PeerId, multiaddrs: readonly Multiaddr[]): NodeLookup {
  const places = multiaddrs.slice(0, MAX_CONTACT_ADDRESSES).map((each) => {
    const [ip, tcp] = each.getComponents()
    return { host: ip?.value ?? '', port: Number(tcp?.value), multiaddr: `${withoutPeer(each)}/p2p/${peer}` }
  })
  return { kind: 'found', places }
}

function peerOf(label: string): PeerId | undefined {
  try {
    const peer = peerIdFromCID(CID.parse(label, base36))
    return nodeLabel(peer) === label ? peer : undefined
  } catch {
    return undefined
  }
}
