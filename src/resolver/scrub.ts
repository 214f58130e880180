/** What is believed of an upstream's reply: the aliases that start at the question, the set they lead to, and one SOA (RFC 5452 6). */
import {
  ExtendedError,
  type Message,
  Rcode,
  RecordClass,
  RecordType,
  type ResourceRecord,
} from '../dns/message.ts'
import { fold, isUnder, type Name, sameName } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
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
}

const DENIAL = new Set<number>([RecordType.RRSIG, RecordType.NSEC, RecordType.NSEC3])

export function scrub(reply: Message, query: Query, rules: Scrubbing): Answer {
  const { records, end, isOpen } = chain(reply, query, rules)
  const isNegative = !isOpen && !records.some(({ type }) => type === query.question.type)
  return {
    // An alias out of the upstream's sight: whether its target exists is not the upstream's to say.
    rcode: isOpen ? Rcode.NoError : reply.rcode,
    records: records.map((record) => ({ ...record, ttl: Math.min(record.ttl, rules.maxTtl) })),
    authority: isNegative ? denial(reply, { end, query, rules }) : [],
    origin: 'upstream',
    zones: [],
  }
}

interface Chain {
  readonly records: ResourceRecord[]
  /** The name the aliases end at. */
  readonly end: Name
  /** Whether it ends at an alias whose target has to be asked for elsewhere. */
  readonly isOpen: boolean
}

function chain({ answers }: Message, { question, dnssecOk }: Query, rules: Scrubbing): Chain {
  const records: ResourceRecord[] = []
  const seen = new Set<Name>()
  for (let name = question.name; ; ) {
    const here = answers.filter((record) => record.class === RecordClass.IN && sameName(record.name, name))
    const ofType = (type: number) => here.filter((record) => record.type === type)
    const set = ofType(question.type)
    const aliases = set.length > 0 ? [] : ofType(RecordType.CNAME).slice(0, 1)
    const signatures = dnssecOk && question.type !== RecordType.RRSIG ? ofType(RecordType.RRSIG) : []
    records.push(...sameTtl(set), ...aliases, ...(set.length + aliases.length > 0 ? signatures : []))
    if (!aliases[0]) return { records, end: name, isOpen: false }
    seen.add(fold(name))
    name = decodeRdata(RecordType.CNAME, aliases[0].data)[0] as Name
    if (seen.has(fold(name)) || seen.size > rules.maxAliases) {
      throw new ResolveFault(ExtendedError.Other, 'the aliases of this name have no end')
    }
    if (!rules.isOrdinary(name)) return { records, end: name, isOpen: true }
  }
}

// RFC 2181 5.2
function sameTtl(set: readonly ResourceRecord[]): ResourceRecord[] {
  const ttl = Math.min(...set.map((record) => record.ttl))
  return set.map((record) => ({ ...record, ttl }))
}

/** The SOA that bounds how long "no" lasts (RFC 2308 5), and with DO what proves it. Only zones above the name may speak. */
function denial(
  { authority }: Message,
  { end, query, rules }: { end: Name; query: Query; rules: Scrubbing },
): ResourceRecord[] {
  const soa = authority.find(({ type, name }) => type === RecordType.SOA && isUnder(end, name))
  const proofs = query.dnssecOk ? authority.filter(({ type }) => DENIAL.has(type)) : []
  if (!soa) return []
  const minimum = decodeRdata(RecordType.SOA, soa.data)[6] as number
  const ttl = Math.min(soa.ttl, minimum, rules.maxNegativeTtl)
  return [soa, ...proofs].map((record) => ({ ...record, ttl: Math.min(record.ttl, ttl) }))
}
