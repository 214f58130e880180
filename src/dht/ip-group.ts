/** Whose hand a peer is likely to be in: addresses are dear by the block and cheap within it. */
import { BlockList, isIP } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addSubnet('::1', 128, 'ipv6')

const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

/** Private networks: whoever is at home there is not counted by the block, all would be of one. */
const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')

/**
 * Protocol 5, "IP group": IPv4 /16 or IPv6 /32; in a private network the address itself.
 * @returns undefined on loopback, where every node has the one address, and for what is no IP address
 */
export function ipGroupOf(address: string): string | undefined {
  const [host = ''] = address.split('%') // without the interface of a link-local one
  const family = isIP(host)
  if (family === 0) return undefined
  const type = family === 4 ? 'ipv4' : 'ipv6'
  if (LOOPBACK.check(host, type)) return undefined
  const wrapped = family === 6 ? wrappedIn(host) : undefined
  if (wrapped) return ipGroupOf(wrapped)
  if (PRIVATE.check(host, type)) return host
  return (family === 4 ? host.split('.') : wordsOf(host)).slice(0, 2).join(family === 4 ? '.' : ':')
}

/** Protocol 5: so many of one group in an answer set, as long as there are others to take their place. */
const MAX_OF_GROUP = 2

/**
 * The first `count` of these, where of each group all but the first two stand behind everybody else: a cap decides who
 * comes first, and leaves no place empty.
 */
export function capGroups<Peer>(
  peers: Iterable<Peer>,
  count: number,
  groupOf: (peer: Peer) => string | undefined,
): { readonly chosen: Peer[]; readonly surplus: Peer[] } {
  const chosen: Peer[] = []
  const surplus: Peer[] = []
  const ofGroup = new Map<string, number>()
  for (const peer of peers) {
    if (chosen.length === count) break
    const group = groupOf(peer)
    const before = group === undefined ? 0 : (ofGroup.get(group) ?? 0)
    if (group !== undefined) ofGroup.set(group, before + 1)
    if (before < MAX_OF_GROUP) chosen.push(peer)
    else surplus.push(peer)
  }
  return { chosen, surplus: surplus.slice(0, count - chosen.length) }
}

const known = new WeakMap<Multiaddr, { group: string | undefined }>()

/** The same of a multiaddr that begins with an IP address. */
export function ipGroupOfAddress(address: Multiaddr): string | undefined {
  const before = known.get(address)
  if (before) return before.group
  const [ip] = address.getComponents()
  const group = ip?.name === 'ip4' || ip?.name === 'ip6' ? ipGroupOf(ip.value ?? '') : undefined
  known.set(address, { group })
  return group
}

/** The IPv4 address in `::ffff:0:0/96`. */
function wrappedIn(host: string): string | undefined {
  if (!MAPPED.check(host, 'ipv6')) return undefined
  const [high = 0, low = 0] = wordsOf(host)
    .slice(6)
    .map((word) => Number.parseInt(word, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight words of an IPv6 address, without needless zeros. */
function wordsOf(host: string): string[] {
  const { hostname } = new URL(`http://[${host}]`) // of all spellings the one normal form, without dots
  const [head = '', tail = ''] = hostname.slice(1, -1).split('::')
  const [first, last] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [string[], string[]]
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last]
}
