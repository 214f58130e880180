/** What a zone says to a question: the algorithm of RFC 1034 4.3.2 and RFC 6672 3.2, on a zone that is at hand. */
import { RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import {
  fold,
  isUnder,
  joinNames,
  labelsOf,
  MAX_NAME_OCTETS,
  type Name,
  nameFromLabels,
  parentOf,
  relativeTo,
} from '../dns/name.ts'
import { decodeRdata, encodeRdata } from '../dns/rdata.ts'
import { type PublicKey, publicKeyFromLabel } from './key.ts'
import type { SignedZone } from './signed-zone.ts'

export type Found =
  /** The record set asked for, under the name asked for. */
  | { readonly kind: 'answer'; readonly records: readonly ResourceRecord[] }
  /** The name is another name's: by its CNAME, or by the DNAME of a name above it and the CNAME made from that. */
  | { readonly kind: 'alias'; readonly records: readonly ResourceRecord[]; readonly target: Name }
  /** The DNAME of a name above it makes a name of it that is over 255 octets. */
  | { readonly kind: 'too-long'; readonly records: readonly ResourceRecord[] }
  /** The name lies at or below a cut: somebody else answers for it (protocol, section 3). */
  | { readonly kind: 'delegation'; readonly cut: Name; readonly records: readonly ResourceRecord[] }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'no-name' }

/** The zone's records by folded name; a name that only has names below it is there with none (RFC 4592 2.2.2). */
type Nodes = ReadonlyMap<Name, readonly ResourceRecord[]>

const nodesOf = new WeakMap<SignedZone, Nodes>()
const NONE: readonly ResourceRecord[] = []

/** @param name at or below the zone's apex (`zone.key.apex`), in any case; answers carry it as it was asked */
export function lookUp(zone: SignedZone, name: Name, type: number): Found {
  if (!isUnder(name, zone.key.apex)) throw new Error('a zone was asked for a name outside it')
  const nodes = indexed(zone)
  const wanted = fold(name)
  const above = foundAbove(nodes, { name, wanted, type }, zone.key)
  if (above) return above
  const node = nodes.get(wanted)
  if (node) return answerFrom(node, { name, type })
  const wildcard = nodes.get(wildcardFor(nodes, wanted))
  return wildcard ? answerFrom(wildcard, { name, type }) : { kind: 'no-name' }
}

function indexed(zone: SignedZone): Nodes {
  const known = nodesOf.get(zone)
  if (known) return known
  const nodes = new Map<Name, ResourceRecord[]>()
  for (const record of zone.records) {
    const owner = fold(record.name)
    nodes.set(owner, [...(nodes.get(owner) ?? []), record])
    for (let above = parentOf(owner); isUnder(above, zone.key.apex); above = parentOf(above)) {
      if (!nodes.has(above)) nodes.set(above, [])
    }
  }
  nodesOf.set(zone, nodes)
  return nodes
}

function answerFrom(node: readonly ResourceRecord[], { name, type }: { name: Name; type: number }): Found {
  const set = recordSet(node, type, name)
  if (set.length > 0) return { kind: 'answer', records: set }
  const [alias] = recordSet(node, RecordType.CNAME, name)
  if (!alias) return { kind: 'no-data' }
  return { kind: 'alias', records: [alias], target: decodeRdata(RecordType.CNAME, alias.data)[0] as Name }
}

/** The records of one type, named as asked, all with the smallest TTL among them (RFC 2181 5.2). */
function recordSet(node: readonly ResourceRecord[], type: number, name: Name): readonly ResourceRecord[] {
  const set = node.filter((record) => record.type === type)
  if (set.length === 0) return NONE
  const ttl = Math.min(...set.map((record) => record.ttl))
  return set.map((record) => ({ ...record, name, ttl }))
}

/** What ends the way down from the apex to the name before it is reached: a cut, or a DNAME. */
function foundAbove(
  nodes: Nodes,
  { name, wanted, type }: { name: Name; wanted: Name; type: number },
  key: PublicKey,
): Found | undefined {
  const way: Name[] = []
  for (let at = wanted; isUnder(at, key.apex); at = parentOf(at)) way.unshift(at)
  for (const at of way) {
    const node = nodes.get(at) ?? NONE
    const cut = recordSet(node, RecordType.NS, at)
    const isCut = cut.length > 0 && (at !== key.apex || cut.some(isKeyNs))
    // RFC 4035 3.1.4.1: DS at a cut is the parent's.
    if (isCut && !(type === RecordType.DS && at === wanted))
      return { kind: 'delegation', cut: at, records: cut }
    const [dname] = at === wanted ? NONE : recordSet(node, RecordType.DNAME, name.slice(-at.length) as Name)
    if (dname) return redirected(name, dname)
  }
  return undefined
}

/** RFC 6672 2.2: the target in place of the DNAME's owner, said as a CNAME with the DNAME's TTL (3.1). */
function redirected(name: Name, dname: ResourceRecord): Found {
  const to = decodeRdata(RecordType.DNAME, dname.data)[0] as Name
  const prefix = relativeTo(name, dname.name)
  if (prefix.length - 1 + to.length > MAX_NAME_OCTETS) return { kind: 'too-long', records: [dname] }
  const target = joinNames(prefix, to)
  const data = encodeRdata(RecordType.CNAME, [target])
  const cname = { name, type: RecordType.CNAME, class: RecordClass.IN, ttl: dname.ttl, data }
  return { kind: 'alias', records: [dname, cname], target }
}

function isKeyNs({ data }: ResourceRecord): boolean {
  const labels = labelsOf(decodeRdata(RecordType.NS, data)[0] as Name)
  return labels.length === 1 && publicKeyFromLabel(labels[0] ?? '') !== undefined
}

// RFC 4592 3.3.1: `*` below the closest name that exists.
function wildcardFor(nodes: Nodes, name: Name): Name {
  let encloser = parentOf(name)
  while (!nodes.has(encloser)) encloser = parentOf(encloser)
  return nameFromLabels(['*', ...labelsOf(encloser)])
}
