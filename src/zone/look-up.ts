/** What a zone says to a question: the algorithm of RFC 1034 4.3.2, on a zone that is at hand. */
import { RecordType, type ResourceRecord } from '../dns/message.ts'
import { fold, isUnder, labelsOf, type Name, nameFromLabels, parentOf } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
import { type PublicKey, publicKeyFromLabel } from './key.ts'
import type { SignedZone } from './signed-zone.ts'

export type Found =
  /** The record set asked for, under the name asked for. */
  | { readonly kind: 'answer'; readonly records: readonly ResourceRecord[] }
  /** The name is another name's. */
  | { readonly kind: 'alias'; readonly records: readonly ResourceRecord[]; readonly target: Name }
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
  const cut = cutAbove(nodes, wanted, zone.key)
  if (cut && !(type === RecordType.DS && cut.name === wanted)) {
    return { kind: 'delegation', cut: cut.name, records: cut.records }
  }
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

/** The highest cut at or above the name: NS below the apex, or an apex NS to another key. */
function cutAbove(
  nodes: Nodes,
  name: Name,
  key: PublicKey,
): { name: Name; records: readonly ResourceRecord[] } | undefined {
  const above: Name[] = []
  for (let at = name; isUnder(at, key.apex); at = parentOf(at)) above.unshift(at)
  for (const at of above) {
    const records = recordSet(nodes.get(at) ?? NONE, RecordType.NS, at)
    if (records.length > 0 && (at !== key.apex || records.some(isKeyNs))) return { name: at, records }
  }
  return undefined
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
