/** What the name of a node says: its addresses, its port, and how other nodes dial it. Made here, from what the node itself has signed. */
import { parseAddress } from '../dns/address.ts'
import { ExtendedError, RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { labelsOf, type Name, nameFromLabels, relativeTo } from '../dns/name.ts'
import { encodeRdata } from '../dns/rdata.ts'
import type { Whose } from '../names/whose.ts'
import type { NodeLookup, ZoneDirectory } from '../zone/directory.ts'
import { ResolveFault } from './fault.ts'
import type { Answer, Query } from './query.ts'
import { noData, noName } from './synthetic.ts'

/** Seconds: a node may move. */
const TTL = 60
/** Where the multiaddr of libp2p's /dnsaddr is looked up. */
const DNSADDR = nameFromLabels(['_dnsaddr'])
const PREFIX = 'dnsaddr='

type NodeName = Extract<Whose, { kind: 'node' }>

/** @throws ResolveFault where the node was not reached */
export async function answerOfNode(
  { label, apex, suffix }: NodeName,
  { question, signal }: Pick<Query, 'question' | 'signal'>,
  directory: Pick<ZoneDirectory, 'findNode'>,
): Promise<Answer> {
  const below = relativeTo(question.name, apex)
  const isDnsaddr = labelsOf(below).join('.').toLowerCase() === labelsOf(DNSADDR).join('.')
  if (labelsOf(below).length > 0 && !isDnsaddr) return noName(suffix, TTL)
  const lookup = await directory.findNode(label, { signal })
  if (lookup.kind === 'unreachable') throw new ResolveFault(ExtendedError.NoReachableAuthority, lookup.cause)
  if (lookup.kind === 'absent') return noName(suffix, TTL)
  const made = isDnsaddr
    ? textsOf(question.name, lookup.places)
    : recordsOf(question.name, lookup.places, apex)
  const records = made.filter(({ type }) => type === question.type)
  return records.length > 0 ? { ...noData(suffix, TTL), records, authority: [] } : noData(suffix, TTL)
}

type Places = Extract<NodeLookup, { kind: 'found' }>['places']

function recordsOf(name: Name, places: Places, apex: Name): ResourceRecord[] {
  const addresses = [...new Set(places.map(({ host }) => host))].map((host): ResourceRecord => {
    const data = parseAddress(host)
    return record(name, data.length === 4 ? RecordType.A : RecordType.AAAA, data)
  })
  // RFC 2782: its own name is the target, where its addresses are.
  const ports = [...new Set(places.map(({ port }) => port))].map((port) =>
    record(name, RecordType.SRV, encodeRdata(RecordType.SRV, [0, 0, port, apex])),
  )
  return [...addresses, ...ports]
}

function textsOf(name: Name, places: Places): ResourceRecord[] {
  return places.map(({ multiaddr }) => {
    const text = Buffer.from(PREFIX + multiaddr)
    return record(name, RecordType.TXT, Buffer.concat([Buffer.of(text.length), text]))
  })
}

function record(name: Name, type: number, data: Uint8Array): ResourceRecord {
  return { name, type, class: RecordClass.IN, ttl: TTL, data }
}
