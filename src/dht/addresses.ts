/** Multiaddrs: which are well-formed, and which of those learned from peers are kept and dialled. */
import { BlockList, isIP } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { AcceptAddresses, DhtConfig } from './config.ts'
import { DhtFault } from './fault.ts'

/** Says whether an address may be kept and dialled. */
export type AddressPolicy = (address: Multiaddr) => boolean

/** Ports below this belong to other services; 443 is what many networks let out. */
const FIRST_FREE_PORT = 1024
const HTTPS_PORT = 443

const LOOPBACK_FACTOR = 200

const LOOPBACK = rangeList(['127.0.0.0/8', '::1/128'])
const LOCAL = rangeList([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
])
/** IPv4 that is not global unicast (RFC 6890 and its registry), and what in 2000::/3 only wraps IPv4 or is for examples. */
const SPECIAL = rangeList([
  ...[
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
  ],
  ...[
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
  ],
  ...['224.0.0.0/4', '240.0.0.0/4', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
])
const GLOBAL_IPV6 = rangeList(['2000::/3'])

/** @throws DhtFault `address` naming the option it was given in */
export function parseMultiaddr(text: string, option: string): Multiaddr {
  try {
    const address = multiaddr(text)
    if (address.getComponents().length > 0) return address
  } catch (cause) {
    throw new DhtFault('address', `"${text}" in ${option} is no multiaddr.`, { cause })
  }
  throw new DhtFault('address', `"${text}" in ${option} is no multiaddr.`)
}

/** Whether every address listened on is loopback: then this is a test, a demo or a private proxy. */
export function isLoopbackOnly(config: Pick<DhtConfig, 'listen'>): boolean {
  const listen = config.listen.map((text) => parseMultiaddr(text, 'listen'))
  return listen.length > 0 && listen.every((address) => within(LOOPBACK, endpointOf(address)?.host))
}

/** Many nodes on one machine look like one host that will not stop: what is counted by the second may be so much more there. */
export function loopbackFactor(config: Pick<DhtConfig, 'listen'>): number {
  return isLoopbackOnly(config) ? LOOPBACK_FACTOR : 1
}

/** Protocol 5, "Dials": addresses configured to join by are always accepted. */
export function addressPolicy(
  config: Pick<DhtConfig, 'listen' | 'bootstrap' | 'acceptAddresses'>,
): AddressPolicy {
  const configured = new Set(config.bootstrap.map((text) => withoutPeer(parseMultiaddr(text, 'bootstrap'))))
  const accepts = policyOf(config.acceptAddresses, isLoopbackOnly(config))
  return (address) => configured.has(withoutPeer(address)) || accepts(address)
}

function policyOf(accept: AcceptAddresses, loopbackOnly: boolean): AddressPolicy {
  switch (accept) {
    case 'any':
      return () => true
    case 'local':
      return (address) => within(LOCAL, endpointOf(address)?.host)
    case 'global':
      return isGlobal
    case 'auto':
      return loopbackOnly ? () => true : isGlobal
  }
}

/** Global unicast, at a port where no other service is expected. */
export function isGlobal(address: Multiaddr): boolean {
  const endpoint = endpointOf(address)
  if (!endpoint) return false
  const { host, port } = endpoint
  return (port >= FIRST_FREE_PORT || port === HTTPS_PORT) && isGlobalHost(host)
}

/** The same of an IP address alone. */
export function isGlobalHost(host: string): boolean {
  return !within(SPECIAL, host) && (isIP(host) === 4 || within(GLOBAL_IPV6, host))
}

/** In one of these subnets, given as `192.168.1.2/24`, and that one private: a provider's network is no home. */
export function isInLocalSubnet(address: Multiaddr, subnets: readonly string[]): boolean {
  const endpoint = endpointOf(address)
  if (!endpoint || endpoint.port < FIRST_FREE_PORT || !within(LOCAL, endpoint.host)) return false
  return within(rangeList(subnets), endpoint.host)
}

/** Host and port of `/ip4|ip6/…/tcp/…` with at most a peer id behind; anything else is nothing this node dials. */
function endpointOf(address: Multiaddr): { host: string; port: number } | undefined {
  const [ip, tcp, ...more] = address.getComponents()
  const plain = (ip?.name === 'ip4' || ip?.name === 'ip6') && tcp?.name === 'tcp'
  if (!plain || more.length > 1 || (more[0] && more[0].name !== 'p2p')) return undefined
  return { host: ip.value ?? '', port: Number(tcp.value) }
}

/** The address itself, whoever is behind it. */
export function withoutPeer(address: Multiaddr): string {
  return address.decapsulateCode(P2P_CODE).toString()
}

/** Multicodec of /p2p. */
const P2P_CODE = 421

function rangeList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network, prefix] = range.split('/') as [string, string]
    list.addSubnet(network, Number(prefix), isIP(network) === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

function within(list: BlockList, host: string | undefined): boolean {
  if (!host || isIP(host) === 0) return false
  return list.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6')
}
