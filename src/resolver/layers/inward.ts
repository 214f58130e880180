/** No stranger's zone leads into the house: else a page of theirs could have its reader's browser speak to the reader's router (DNS rebinding). */
import { BlockList } from 'node:net'
import { formatIPv4, formatIPv6 } from '../../dns/address.ts'
import { ExtendedError, RecordType, type ResourceRecord } from '../../dns/message.ts'
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

function rangeList(family: 'ipv4' | 'ipv6', ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

const FILTERED = {
  code: ExtendedError.Filtered,
  text: 'private addresses of a zone that is not trusted were left out',
}
/** Octets of one address in the hints of SVCB and HTTPS, by key (RFC 9460 7.3). */
const HINT_OCTETS = new Map([
  [4, 4],
  [6, 16],
])

/** @param isTrusted whether a key's zone may lead anywhere */
export const inward =
  (isTrusted: (key: PublicKey) => boolean): Layer =>
  (next) =>
  async (query) => {
    const answer = await next(query)
    // Of the whole chain: an alias in a stranger's zone may lead inward over anybody's names.
    return answer.zones.every(({ key }) => isTrusted(key)) ? answer : filtered(answer, query.question.type)
  }

function filtered(answer: Answer, type: number): Answer {
  const [dropped] = answer.records.filter(leadsInward)
  if (!dropped) return answer
  const records = answer.records.filter((record) => !leadsInward(record))
  const isLeft = records.some((record) => record.type === type)
  const authority = isLeft ? answer.authority : [syntheticSoa(dropped.name, dropped.ttl)]
  return { ...answer, records, authority, error: FILTERED }
}

function leadsInward(record: ResourceRecord): boolean {
  return addressesIn(record).some(isInward)
}

function isInward(address: Uint8Array): boolean {
  if (address.length === 4) return INWARD_IPV4.check(formatIPv4(address), 'ipv4')
  return address.length === 16 && INWARD_IPV6.check(formatIPv6(address), 'ipv6')
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
