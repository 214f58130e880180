/** Records as people write them, to and from records of a zone; every fault is found, not only the first. */
import { DnsFault } from '../dns/fault.ts'
import {
  formatType,
  MAX_TTL,
  parseType,
  RecordClass,
  RecordType,
  type ResourceRecord,
} from '../dns/message.ts'
import {
  fold,
  formatName,
  isUnder,
  joinNames,
  labelsOf,
  type Name,
  parentOf,
  parseName,
  ROOT,
  relativeTo,
} from '../dns/name.ts'
import { mapNamesInRdata } from '../dns/rdata.ts'
import { formatRdata, parseRdata } from '../dns/rdata-text.ts'
import { type PublicKey, publicKeyFromLabel } from './key.ts'

/** One record: a name relative to the zone (`@` its apex) or absolute with a final dot; a value as in a zone file. */
export interface RecordText {
  readonly name: string
  readonly type: string
  /** Seconds. */
  readonly ttl: number
  readonly value: string
}

export interface RecordFault {
  /** Which of the entries, counted from 0. */
  readonly index: number
  readonly field: 'name' | 'type' | 'ttl' | 'value' | 'record'
  readonly message: string
}

export class RecordsFault extends Error {
  override readonly name = 'RecordsFault'
  readonly faults: readonly RecordFault[]

  constructor(faults: readonly RecordFault[]) {
    super(faults.map(({ index, message }) => `Record ${index + 1}: ${message}`).join(' '))
    this.faults = faults
  }
}

/** Types that are no data of a zone: our SOA, signatures nobody asks us for, and what only a question can name (RFC 6895 3.1). */
const NOT_DATA = new Set<number>([
  0,
  RecordType.SOA,
  RecordType.OPT,
  RecordType.RRSIG,
  RecordType.NSEC,
  RecordType.NSEC3,
])
const isQuestionType = (type: number) => type >= 128 && type <= 255

/**
 * @param suffix under which key names are typed: `….<key>.<suffix>` is understood as `….<key>.`
 * @throws RecordsFault with everything that is wrong
 */
export function parseRecords(entries: readonly RecordText[], key: PublicKey, suffix: Name): ResourceRecord[] {
  const faults: RecordFault[] = []
  const records = entries.map((entry, index) => {
    const report = (field: RecordFault['field'], message: string) => faults.push({ index, field, message })
    return parseRecord(entry, { key, suffix, report })
  })
  reportConflicts(records, key.apex, (index, message) => faults.push({ index, field: 'record', message }))
  if (faults.length > 0) throw new RecordsFault(faults)
  return records.filter((record) => record !== undefined)
}

interface Parsing {
  readonly key: PublicKey
  readonly suffix: Name
  readonly report: (field: RecordFault['field'], message: string) => void
}

function parseRecord(entry: RecordText, parsing: Parsing): ResourceRecord | undefined {
  const { key, suffix, report } = parsing
  const name = attempt(() => parseOwner(entry.name, key, suffix), 'name', report)
  const type = attempt(() => parseDataType(entry.type), 'type', report)
  const ttl = Number.isInteger(entry.ttl) && entry.ttl >= 0 && entry.ttl <= MAX_TTL ? entry.ttl : undefined
  if (ttl === undefined)
    report('ttl', `A TTL is a whole number of seconds from 0 to ${MAX_TTL}, not ${entry.ttl}.`)
  if (type === undefined) return undefined
  const data = attempt(() => parseValue(type, entry.value, parsing), 'value', report)
  if (name === undefined || ttl === undefined || data === undefined) return undefined
  return { name, type, class: RecordClass.IN, ttl, data }
}

function attempt<T>(parse: () => T, field: RecordFault['field'], report: Parsing['report']): T | undefined {
  try {
    return parse()
  } catch (fault) {
    if (!(fault instanceof DnsFault)) throw fault
    report(field, fault.message)
    return undefined
  }
}

/** @throws DnsFault for what is no name, or none of this zone */
export function parseOwner(text: string, key: PublicKey, suffix: Name): Name {
  const name = withoutSuffix(parseName(text, key.apex), suffix)
  if (!isUnder(name, key.apex))
    throw new DnsFault('bad-name', `The name "${text}" lies outside the zone ${key.label}.`)
  return name
}

/** @throws DnsFault for what only a node or a question can name */
export function parseDataType(text: string): number {
  const type = parseType(text)
  if (type === undefined)
    throw new DnsFault('bad-text', `"${text}" is no record type; unknown ones are written TYPE65280.`)
  if (type === RecordType.SOA) throw new DnsFault('bad-text', 'The SOA is made by the node; leave it out.')
  if (NOT_DATA.has(type) || isQuestionType(type))
    throw new DnsFault('bad-text', `${formatType(type)} is no type a zone can hold.`)
  return type
}

function parseValue(type: number, text: string, { key, suffix }: Parsing): Uint8Array {
  return mapNamesInRdata(type, parseRdata(type, text, key.apex), (name) => withoutSuffix(name, suffix))
}

/** `www.<key>.kad.alt.` as it stands in a zone, `www.<key>.`: a zone does not depend on what its readers call the suffix. */
export function withoutSuffix(name: Name, suffix: Name): Name {
  if (suffix === ROOT || !isUnder(name, suffix)) return name
  const inner = relativeTo(name, suffix)
  const label = labelsOf(inner).at(-1)
  return label !== undefined && publicKeyFromLabel(label) ? inner : name
}

type Report = (index: number, message: string) => void

interface Zone {
  /** Which records, by their index, stand under each name; names are folded. */
  readonly owners: ReadonlyMap<Name, readonly number[]>
  readonly apex: Name
  readonly typeOf: (index: number) => number | undefined
}

/** What no single record shows: duplicates, one set with several TTLs (RFC 2181 5.2), aliases and what they exclude. */
function reportConflicts(records: readonly (ResourceRecord | undefined)[], apex: Name, report: Report): void {
  const first = new Map<string, number>()
  const sets = new Map<string, number>()
  const owners = new Map<Name, number[]>()
  records.forEach((record, index) => {
    if (!record) return
    const owner = fold(record.name)
    const same = remember(
      first,
      `${owner}/${record.type}/${Buffer.from(record.data).toString('latin1')}`,
      index,
    )
    if (same !== index) report(index, 'This record is there before; once is enough.')
    const set = remember(sets, `${owner}/${record.type}`, index)
    if (records[set]?.ttl !== record.ttl)
      report(index, 'Its TTL differs from that of a record before it; all of one name and type have one TTL.')
    owners.set(owner, [...(owners.get(owner) ?? []), index])
  })
  const zone = { owners, apex: fold(apex), typeOf: (index: number) => records[index]?.type }
  reportCnames(zone, report)
  reportDnames(zone, report)
}

// RFC 2181 10.1: a CNAME has no data beside it.
function reportCnames({ owners, apex, typeOf }: Zone, report: Report): void {
  for (const [owner, indices] of owners) {
    const cname = indices.find((index) => typeOf(index) === RecordType.CNAME)
    if (cname === undefined) continue
    if (owner === apex) report(cname, 'A CNAME cannot stand at the apex, beside the SOA.')
    else if (indices.length > 1) report(cname, 'A CNAME stands alone: nothing else may have its name.')
  }
}

// RFC 6672 2.4: one DNAME; 2.3: not at a cut; 3.3: none for a wildcard.
function reportDnames({ owners, apex, typeOf }: Zone, report: Report): void {
  const dnames = new Map<Name, number>()
  for (const [owner, indices] of owners) {
    const [dname, ...more] = indices.filter((index) => typeOf(index) === RecordType.DNAME)
    if (dname === undefined) continue
    dnames.set(owner, dname)
    for (const index of more) report(index, `A name has one DNAME at most, and record ${dname + 1} is one.`)
    if (labelsOf(owner)[0] === '*')
      report(dname, 'A DNAME cannot have a wildcard for its name: it would redirect nothing.')
    if (owner !== apex && indices.some((index) => typeOf(index) === RecordType.NS))
      report(dname, 'A DNAME cannot stand beside NS, which hand its name over.')
  }
  reportHidden({ owners, apex }, dnames, report)
}

// RFC 6672 2.4: below a DNAME there is nothing.
function reportHidden(
  { owners, apex }: Omit<Zone, 'typeOf'>,
  dnames: Map<Name, number>,
  report: Report,
): void {
  for (const [owner, indices] of owners) {
    for (let at = owner; at !== apex; ) {
      at = parentOf(at)
      const dname = dnames.get(at)
      if (dname === undefined) continue
      const sentence = `Its name lies below the DNAME of record ${dname + 1}, which redirects it: nobody would see it.`
      for (const index of indices) report(index, sentence)
      break
    }
  }
}

function remember(seen: Map<string, number>, text: string, index: number): number {
  const before = seen.get(text) ?? index
  seen.set(text, before)
  return before
}

/** A record of `key`'s zone as text. */
export function formatRecordText(record: ResourceRecord, key: PublicKey): RecordText {
  const { name, type, ttl, data } = record
  return { name: formatOwner(name, key.apex), type: formatType(type), ttl, value: formatRdata(type, data) }
}

function formatOwner(name: Name, apex: Name): string {
  if (name.length === apex.length) return '@'
  return formatName(relativeTo(name, apex)).slice(0, -1)
}

/** `….<key>.` as it is typed and answered under the suffix: `….<key>.<suffix>`. Other names stay. @throws DnsFault `bad-name` */
export function withSuffix(name: Name, suffix: Name): Name {
  const label = labelsOf(name).at(-1)
  return label !== undefined && publicKeyFromLabel(label) ? joinNames(name, suffix) : name
}
