/** Zone files (RFC 1035 5, $TTL of RFC 2308 4) to records as text, and back. */
import { DnsFault } from '../dns/fault.ts'
import {
  formatType,
  MAX_TTL,
  parseType,
  RecordClass,
  RecordType,
  type ResourceRecord,
} from '../dns/message.ts'
import { formatName, labelsOf, type Name, parseName, sameName } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
import { formatRdata, parseRdata, parseRdataTokens } from '../dns/rdata-text.ts'
import { type Entry, type Place, scanEntries, type Token } from '../dns/text.ts'
import { type PublicKey, publicKeyFromLabel } from './key.ts'
import {
  formatRecordText,
  parseDataType,
  parseRecords,
  type RecordFault,
  RecordsFault,
  type RecordText,
} from './records.ts'
import type { SignedZone } from './signed-zone.ts'

/** TTL of a record when neither it nor a $TTL says one, in seconds. */
export const DEFAULT_TTL = 300

/** A record and where its parts stand, so that a fault can say where. */
export interface ZoneFileRecord extends RecordText {
  readonly places: Readonly<Record<RecordFault['field'], Place>>
}

export interface PlacedFault extends Place {
  readonly message: string
}

/** Everything that is wrong with a zone file, in its order. */
export class ZoneFileFault extends DnsFault {
  readonly faults: readonly PlacedFault[]

  constructor(faults: readonly PlacedFault[]) {
    super('bad-text', faults.map(formatFault).join('\n'))
    this.faults = faults
  }
}

/** `Line 3, column 7: …` */
export function formatFault({ line, column, message }: PlacedFault): string {
  return `Line ${line}, column ${column}: ${message}`
}

interface State {
  origin: string
  owner: string | undefined
  /** For records without one: the $TTL, else the last that a record has (RFC 1035 5.1). */
  ttl: number
  hasDefaultTtl: boolean
  /** Where the word stands that is being read. */
  here: Place
}

const START: Place = { line: 1, column: 1 }

/**
 * The records of a zone file, its SOA left out: the node makes that. Relative names stand under $ORIGIN, at first the zone.
 * Values are kept as text; `parseRecords` judges them.
 * @throws DnsFault `bad-text`, a ZoneFileFault where single entries are wrong
 */
export function parseZoneFile(text: string, key: PublicKey): ZoneFileRecord[] {
  const state: State = {
    origin: formatName(key.apex),
    owner: undefined,
    ttl: DEFAULT_TTL,
    hasDefaultTtl: false,
    here: START,
  }
  const faults: PlacedFault[] = []
  const records = scanEntries(text).map((entry) => readEntry(entry, state, faults))
  if (faults.length > 0) throw new ZoneFileFault(faults)
  return records.filter((record) => record !== undefined).filter(({ type }) => type !== 'SOA')
}

/** What a zone file holds for a zone of ours. */
export interface ZoneFileContent {
  readonly records: ResourceRecord[]
  /** Sentences: what was left out, and why. */
  readonly left: string[]
}

/**
 * A zone file's records, judged as `parseRecords` does. NS records of the zone itself that name hosts are left out: every
 * zone file has some, and a zone of ours is served by no host.
 * @throws DnsFault `bad-text`, a ZoneFileFault with everything that is wrong with records
 */
export function readZoneFile(text: string, key: PublicKey, suffix: Name): ZoneFileContent {
  const entries = parseZoneFile(text, key)
  const judged = judge(entries, key, suffix)
  const isLeft = (record: ResourceRecord) => isHostAtApex(record, key)
  const left = judged.flatMap((record, index) => (isLeft(record) ? [leftOut(entries[index])] : []))
  return { records: judged.filter((record) => !isLeft(record)), left }
}

function judge(entries: readonly ZoneFileRecord[], key: PublicKey, suffix: Name): ResourceRecord[] {
  try {
    return parseRecords(entries, key, suffix)
  } catch (fault) {
    if (!(fault instanceof RecordsFault)) throw fault
    const placed = fault.faults.map(({ index, field, message }) => ({
      ...(entries[index]?.places[field] ?? START),
      message,
    }))
    throw new ZoneFileFault(placed.sort((a, b) => a.line - b.line || a.column - b.column))
  }
}

function isHostAtApex({ name, type, data }: ResourceRecord, key: PublicKey): boolean {
  if (type !== RecordType.NS || !sameName(name, key.apex)) return false
  const labels = labelsOf(decodeRdata(type, data)[0] as Name)
  return labels.length > 1 || publicKeyFromLabel(labels[0] ?? '') === undefined
}

function leftOut(entry: ZoneFileRecord | undefined): string {
  const sentence = 'this NS record of the zone itself was left out, since no host serves a zone of a key.'
  return `Line ${entry?.places.record.line}: ${sentence}`
}

/**
 * One record on one line, of no zone: names are absolute, with a final dot or without.
 * @throws DnsFault
 */
export function parseRecordLine(text: string): ResourceRecord {
  const [entry, more] = scanEntries(text)
  if (!entry || more || entry.indented) fail('This is not one record on one line.')
  const state = { origin: '.', owner: undefined, ttl: DEFAULT_TTL, hasDefaultTtl: false, here: START }
  const { name, type, ttl, value } = readRecord(entry, state)
  const number = parseDataType(type)
  if (ttl > MAX_TTL) fail(`A TTL is at most ${MAX_TTL} seconds.`)
  return { name: parseName(name), type: number, class: RecordClass.IN, ttl, data: parseRdata(number, value) }
}

function readEntry(entry: Entry, state: State, faults: PlacedFault[]): ZoneFileRecord | undefined {
  try {
    const [first, second] = entry.tokens
    state.here = first?.at ?? START
    if (!first?.text.startsWith('$') || first.quoted) return readRecord(entry, state)
    readDirective(first.text.toUpperCase(), second?.text ?? '', state)
  } catch (fault) {
    if (!(fault instanceof DnsFault)) throw fault
    faults.push({ ...state.here, message: fault.message })
  }
  return undefined
}

function readDirective(word: string, value: string, state: State): void {
  if (word === '$ORIGIN') state.origin = absolute(value, state.origin)
  else if (word === '$TTL') {
    state.ttl = parseTtl(value) ?? fail(`"${value}" is no TTL.`)
    state.hasDefaultTtl = true
  } else fail(`${word} is not understood here; $ORIGIN and $TTL are.`)
}

function readRecord({ indented, tokens }: Entry, state: State): ZoneFileRecord {
  const rest = [...tokens]
  const record = state.here
  if (!indented) state.owner = absolute(rest.shift()?.text ?? '', state.origin)
  if (state.owner === undefined) fail('The first record has no name.')
  const ttlAt = rest[0]?.at ?? record
  const ttl = readTtlAndClass(rest) ?? state.ttl
  if (!state.hasDefaultTtl) state.ttl = ttl
  const typeAt = rest[0]?.at ?? record
  state.here = typeAt
  const word = rest.shift()?.text ?? ''
  const type = parseType(word) ?? fail(`"${word}" is no record type.`)
  state.here = rest[0]?.at ?? typeAt
  const value = valueText(type, rest, state.origin)
  const places = { record, name: record, ttl: ttlAt, type: typeAt, value: state.here }
  return { places, name: state.owner, type: formatType(type), ttl, value }
}

// RFC 1035 5.1: TTL and class stand in either order, and both may be missing.
function readTtlAndClass(rest: Token[]): number | undefined {
  let ttl: number | undefined
  for (let taken = 0; taken < 2; taken++) {
    const word = rest[0]?.text ?? ''
    const number = parseTtl(word)
    if (number !== undefined && ttl === undefined) ttl = number
    else if (word.toUpperCase() !== 'IN') break
    rest.shift()
  }
  return ttl
}

// Read and written again, so that names in it are absolute whatever the $ORIGIN was.
function valueText(type: number, tokens: readonly Token[], origin: string): string {
  return formatRdata(type, parseRdataTokens(type, tokens, parseName(origin)))
}

function absolute(text: string, origin: string): string {
  return formatName(parseName(text, parseName(origin)))
}

// Seconds, or as BIND writes it: 1h30m.
function parseTtl(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^(?:\d+[wdhms])+$/i.test(text)) return undefined
  const unit: Record<string, number> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 }
  const parts = text.toLowerCase().matchAll(/(\d+)([wdhms])/g)
  return [...parts].reduce((sum, [, count, letter]) => sum + Number(count) * (unit[letter ?? 's'] ?? 1), 0)
}

function fail(sentence: string): never {
  throw new DnsFault('bad-text', sentence)
}

/** A signed zone as a zone file, SOA first. */
export function formatZoneFile(zone: SignedZone): string {
  return formatFile(zone, [])
}

/** Name servers of other make load no zone without an NS record of the zone itself. */
const FOR_OTHERS = '@\t0\tIN\tNS\tlocalhost. ; for name servers that want one; KadNS leaves it out'

/** The same for whatever program: with an NS record of the zone itself, which `readZoneFile` leaves out again. */
export function exportZoneFile(zone: SignedZone): string {
  const hasOne = zone.records.some(
    ({ name, type }) => type === RecordType.NS && sameName(name, zone.key.apex),
  )
  return formatFile(zone, hasOne ? [] : [FOR_OTHERS])
}

function formatFile({ key, records }: SignedZone, more: readonly string[]): string {
  const [soa = '', ...lines] = records.map((record) => {
    const { name, type, ttl, value } = formatRecordText(record, key)
    return `${name}\t${ttl}\tIN\t${type}\t${value}`
  })
  return `${[`$ORIGIN ${formatName(key.apex)}`, soa, ...more, ...lines].join('\n')}\n`
}
