/** What is believed of an upstream's reply: the aliases from the question on, the set they lead to, an SOA, proofs (RFC 5452 6). */
import {
  ExtendedError,
  type Message,
  Rcode,
  RecordClass,
  RecordType,
  type ResourceRecord,
} from '../dns/message.ts'
import {
  fold,
  isUnder,
  joinNames,
  labelsOf,
  type Name,
  parentOf,
  ROOT,
  relativeTo,
  sameName,
} from '../dns/name.ts'
import { decodeRdata, encodeRdata } from '../dns/rdata.ts'
import { ResolveFault } from './fault.ts'
import type { Answer, Query } from './query.ts'

export interface ScrubLimits {
  readonly maxTtl: number
  readonly maxNegativeTtl: number
  readonly maxAliases: number
}

interface Scrubbing extends ScrubLimits {
  /** False for names that are ours: what an upstream says of them is not believed, the pipeline asks again. */
  readonly isOrdinary: (name: Name) => boolean
  /** False for a DNAME's owner at or above names of ours: whoever remembers it would ask elsewhere for them. */
  readonly mayRedirect: (owner: Name) => boolean
}

export function scrub(reply: Message, query: Query, rules: Scrubbing): Answer {
  const { records, end, isOpen, isFound } = chain(reply.answers.filter(isInternet), query, rules)
  const authority = reply.authority.filter(isInternet)
  const soa = isOpen || isFound ? undefined : soaAbove(end, authority)
  return {
    // An alias out of the upstream's sight: whether its target exists is not the upstream's to say.
    rcode: isOpen ? Rcode.NoError : reply.rcode,
    records: atMost(rules.maxTtl, records),
    authority: soa
      ? atMost(negativeTtl(soa, rules), [soa, ...proofs(authority, query, [...DENIAL, RecordType.SOA])])
      : atMost(rules.maxTtl, records.some(isExpanded) ? proofs(authority, query, DENIAL) : []),
    origin: 'upstream',
    zones: [],
  }
}

const isInternet = (record: ResourceRecord) => record.class === RecordClass.IN

interface Chain {
  readonly records: ResourceRecord[]
  /** The name the aliases end at. */
  readonly end: Name
  /** Whether it ends at an alias whose target has to be asked for elsewhere. */
  readonly isOpen: boolean
  /** Whether it ends at the set that was asked for. */
  readonly isFound: boolean
}

/** Records by folded owner: an upstream may send thousands, and each alias is looked for among them. */
type Owners = ReadonlyMap<Name, readonly ResourceRecord[]>

function chain(answers: readonly ResourceRecord[], { question, dnssecOk }: Query, rules: Scrubbing): Chain {
  const owners: Owners = Map.groupBy(answers, ({ name }) => fold(name))
  const records: ResourceRecord[] = []
  const seen = new Set<Name>()
  const take = (set: readonly ResourceRecord[]) =>
    records.push(...sameTtl(set), ...(dnssecOk && set[0] ? signaturesOf(set[0], owners) : []))
  for (let name = question.name; ; ) {
    // Spelled as it was asked for, or pointed at: some servers spell it in their own way, and some clients compare octets.
    const ofType = (type: number) =>
      (owners.get(fold(name)) ?? []).flatMap((record) => (record.type === type ? { ...record, name } : []))
    const set = question.type === RecordType.CNAME ? [] : ofType(question.type)
    const [given] = set.length > 0 ? [] : ofType(RecordType.CNAME)
    if (!given) {
      take(set)
      return { records, end: name, isOpen: false, isFound: set.length > 0 }
    }
    const { makers, alias } = aliasIn(given, owners)
    take(makers.filter((maker) => isNew(maker, records) && rules.mayRedirect(maker.name)))
    take([alias])
    if (question.type === RecordType.CNAME) return { records, end: name, isOpen: false, isFound: true }
    const target = targetOf(alias)
    seen.add(fold(name))
    name = target
    if (seen.has(fold(name)) || seen.size > rules.maxAliases) {
      throw new ResolveFault(ExtendedError.Other, 'the aliases of this name have no end')
    }
    if (!rules.isOrdinary(name)) return { records, end: name, isOpen: true, isFound: false }
  }
}

/** Of a CNAME or DNAME. */
function targetOf({ type, data }: ResourceRecord): Name {
  return decodeRdata(type, data)[0] as Name
}

/** The DNAME that makes this alias (RFC 6672 2.2, 2.4): the alias itself is never signed. */
function makerOf(alias: ResourceRecord, owners: Owners): ResourceRecord | undefined {
  for (let above = alias.name; above !== ROOT; ) {
    above = parentOf(above)
    const dname = owners.get(fold(above))?.find(({ type }) => type === RecordType.DNAME)
    if (dname && makes(dname, alias.name, targetOf(alias))) return dname
  }
  return undefined
}

function makes(dname: ResourceRecord, name: Name, target: Name): boolean {
  const prefix = relativeTo(name, dname.name)
  const to = targetOf(dname)
  return prefix.length - 1 + to.length === target.length && sameName(joinNames(prefix, to), target)
}

/** An alias with the DNAME that makes it, if one does. */
function aliasIn(given: ResourceRecord, owners: Owners): { makers: ResourceRecord[]; alias: ResourceRecord } {
  const maker = makerOf(given, owners)
  return maker ? { makers: [maker], alias: madeBy(maker, given) } : { makers: [], alias: given }
}

/** Its target spelled as the name was asked for, and not as we asked the upstream, which is in a case of our own. */
function madeBy(dname: ResourceRecord, alias: ResourceRecord): ResourceRecord {
  const target = joinNames(relativeTo(alias.name, dname.name), targetOf(dname))
  return { ...alias, data: encodeRdata(RecordType.CNAME, [target]) }
}

function isNew({ type, name }: ResourceRecord, records: readonly ResourceRecord[]): boolean {
  return !records.some((record) => record.type === type && sameName(record.name, name))
}

function signaturesOf({ name, type }: ResourceRecord, owners: Owners): readonly ResourceRecord[] {
  return (owners.get(fold(name)) ?? []).filter((record) => coveredBy(record) === type)
}

/** The type an RRSIG covers (RFC 4034 3.1.1). */
function coveredBy({ type, data }: ResourceRecord): number | undefined {
  return type === RecordType.RRSIG && data.length >= 2 ? Buffer.from(data).readUInt16BE() : undefined
}

/** Whether this is the signature of a wildcard, of fewer labels than the name it was made to answer (RFC 4034 3.1.3). */
function isExpanded({ type, name, data }: ResourceRecord): boolean {
  return type === RecordType.RRSIG && (data[3] ?? Infinity) < labelsOf(name).length
}

// RFC 2181 5.2
function sameTtl(set: readonly ResourceRecord[]): ResourceRecord[] {
  return atMost(Math.min(...set.map((record) => record.ttl)), set)
}

function atMost(ttl: number, records: readonly ResourceRecord[]): ResourceRecord[] {
  return records.map((record) => ({ ...record, ttl: Math.min(record.ttl, ttl) }))
}

/** The SOA that says "no". Only zones above the name may speak. */
function soaAbove(end: Name, authority: readonly ResourceRecord[]): ResourceRecord | undefined {
  return authority.find(({ type, name }) => type === RecordType.SOA && isUnder(end, name))
}

/** How long "no" lasts (RFC 2308 5). */
function negativeTtl({ type, ttl, data }: ResourceRecord, { maxNegativeTtl }: Scrubbing): number {
  return Math.min(ttl, decodeRdata(type, data)[6] as number, maxNegativeTtl)
}

/** What says that a name, or a type of it, is not there. */
const DENIAL: readonly number[] = [RecordType.NSEC, RecordType.NSEC3]

/**
 * With DO, what proves to a validator that there is none, or that there was only a wildcard (RFC 4035 3.1.3, RFC 5155 7.2).
 * @param signed the types whose signatures belong to it
 */
function proofs(
  authority: readonly ResourceRecord[],
  { dnssecOk }: Query,
  signed: readonly number[],
): ResourceRecord[] {
  if (!dnssecOk) return []
  return authority.filter((record) => DENIAL.includes(record.type) || signed.includes(coveredBy(record) ?? 0))
}
