/** Addresses that lead into this machine or home, or nowhere: nothing a stranger names may lead to them. */
import { BlockList } from 'node:net'
import { formatIPv4, formatIPv6 } from '../dns/address.ts'

/** This host, private, shared by carriers, loopback, link, protocols, benchmarks, multicast, reserved (RFC 6890). */
const INWARD_IPV4 = rangeList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4'],
])
/**
 * Unspecified, loopback and all that wraps IPv4 (RFC 4291 2.5.5, 6052, 4380, 3056); discard; unique local, link, site, multicast.
 * A list of its own, since a BlockList takes an IPv4 address for the IPv6 one that wraps it.
 */
const INWARD_IPV6 = rangeList('ipv6', [
  ...['::/8', '100::/64', '2001::/32', '2002::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
])

/** 64:ff9b::/96, before an IPv4 address (RFC 6052 2.1): where there is no IPv4, every site without IPv6 has such an address. */
const NAT64 = Buffer.from('0064ff9b0000000000000000', 'hex')

function rangeList(family: 'ipv4' | 'ipv6', ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

/** @param address 4 or 16 octets; others lead nowhere at all */
export function isInward(address: Uint8Array): boolean {
  if (address.length === 4) return INWARD_IPV4.check(formatIPv4(address), 'ipv4')
  if (address.length !== 16) return false
  const wrapped = NAT64.equals(address.subarray(0, NAT64.length)) ? address.subarray(NAT64.length) : undefined
  return wrapped ? isInward(wrapped) : INWARD_IPV6.check(formatIPv6(address), 'ipv6')
}
