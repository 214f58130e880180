/** No stranger's name leads into the house: else a page of theirs could have its reader's browser speak to the reader's router (DNS rebinding). */
import { BlockList } from 'node:net'
import { formatIPv4, formatIPv6 } from '../../dns/address.ts'
import { type EdnsError, ExtendedError, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { type Name, parseName, sameName } from '../../dns/name.ts'
import { decodeRdata } from '../../dns/rdata.ts'
import type { PublicKey } from '../../zone/key.ts'
import type { Answer, Layer } from '../query.ts'
import { syntheticSoa } from '../synthetic.ts'

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

/** A reason that stands beside what is left of an answer. */
const because = (text: string) => ({ code: ExtendedError.Filtered, text })
const OF_ZONE = because('private addresses of a zone that is not trusted were left out')
const OF_UPSTREAM = because('private addresses of a name outside upstream.private_names were left out')
/** Octets of one address in the hints of SVCB and HTTPS, by key (RFC 9460 7.3). */
const HINT_OCTETS = new Map([
  [4, 4],
  [6, 16],
])

/** Names with private addresses on purpose: Windows asks for the one to see whether it is online, NAT64 is found by the other (RFC 8880). */
const INWARD_BY_NATURE = ['dns.msftncsi.com', 'ipv4only.arpa'].map((name) => parseName(name))

export interface InwardDeps {
  /** Whether a key's zone may lead anywhere. */
  readonly isTrusted: (key: PublicKey) => boolean
  /** Whether a name of the ordinary DNS may. */
  readonly mayLeadInward: (name: Name) => boolean
  /** Told of each answer that was made less. */
  readonly leftOut: () => void
}

export const inward =
  ({ isTrusted, mayLeadInward, leftOut }: InwardDeps): Layer =>
  (next) =>
  async (query) => {
    const { name, type } = query.question
    const answer = await next(query)
    // Of the whole chain: an alias in a stranger's zone may lead inward over anybody's names.
    const isOfStranger = !answer.zones.every(({ key }) => isTrusted(key))
    // It begins with the name that was asked for: the alias of a stranger may lead to the house's own names too.
    const isOutside = answer.origin === 'upstream' && !mayLeadInward(name) && !isByNature(name)
    if (!isOfStranger && !isOutside) return answer
    const less = filtered(answer, type, isOfStranger ? OF_ZONE : OF_UPSTREAM)
    if (less !== answer) leftOut()
    return less
  }

function isByNature(name: Name): boolean {
  return INWARD_BY_NATURE.some((known) => sameName(name, known))
}

function filtered(answer: Answer, type: number, error: EdnsError): Answer {
  const [dropped] = answer.records.filter(leadsInward)
  if (!dropped) return answer
  const records = answer.records.filter((record) => !leadsInward(record))
  const isLeft = records.some((record) => record.type === type)
  const authority = isLeft ? answer.authority : [syntheticSoa(dropped.name, dropped.ttl)]
  return { ...answer, records, authority, error }
}

function leadsInward(record: ResourceRecord): boolean {
  return addressesIn(record).some(isInward)
}

function isInward(address: Uint8Array): boolean {
  if (address.length === 4) return INWARD_IPV4.check(formatIPv4(address), 'ipv4')
  if (address.length !== 16) return false
  const wrapped = NAT64.equals(address.subarray(0, NAT64.length)) ? address.subarray(NAT64.length) : undefined
  return wrapped ? isInward(wrapped) : INWARD_IPV6.check(formatIPv6(address), 'ipv6')
}

function addressesIn({ type, data }: ResourceRecord): Uint8Array[] {
  if (type === RecordType.A || type === RecordType.AAAA) return [data]
  if (type !== RecordType.SVCB && type !== RecordType.HTTPS) return []
  return hintsIn(decodeRdata(type, data)[2] as Buffer)
}

// RFC 9460 2.2: key, length, value.
function hintsIn(params: Buffer): Uint8Array[] {
  const hints: Uint8Array[] = []
  for (let at = 0; at < params.length; ) {
    const size = HINT_OCTETS.get(params.readUInt16BE(at))
    const start = at + 4
    at = start + params.readUInt16BE(at + 2)
    for (let hint = start; size !== undefined && hint < at; hint += size)
      hints.push(params.subarray(hint, Math.min(hint + size, at)))
  }
  return hints
}
