/** Zone files (RFC 1035 5, $TTL of RFC 2308 4) to records as text, and back. */
import { DnsFault } from '../dns/fault.ts'
import { formatType, MAX_TTL, parseType, RecordClass, type ResourceRecord } from '../dns/message.ts'
import { formatName, parseName } from '../dns/name.ts'
import { formatRdata, parseRdata, parseRdataTokens } from '../dns/rdata-text.ts'
import { type Entry, scanEntries, type Token } from '../dns/text.ts'
import type { PublicKey } from './key.ts'
import { formatRecordText, parseDataType, type RecordText } from './records.ts'
import type { SignedZone } from './signed-zone.ts'

/** TTL of a record when neither it nor a $TTL says one, in seconds. */
export const DEFAULT_TTL = 300

/** A record and the line it came from, so that a fault can name it. */
export interface ZoneFileRecord extends RecordText {
  readonly line: number
}

interface State {
  origin: string
  owner: string | undefined
  ttl: number
}

/**
 * The records of a zone file, its SOA left out: the node makes that. Relative names stand under $ORIGIN, at first the zone.
 * Values are kept as text; `parseRecords` judges them.
 * @throws DnsFault `bad-text` naming the line
 */
export function parseZoneFile(text: string, key: PublicKey): ZoneFileRecord[] {
  const state: State = { origin: formatName(key.apex), owner: undefined, ttl: DEFAULT_TTL }
  return scanEntries(text)
    .map((entry) => readEntry(entry, state))
    .filter((record) => record !== undefined)
    .filter(({ type }) => type !== 'SOA')
}

/**
 * One record on one line, of no zone: names are absolute, with a final dot or without.
 * @throws DnsFault
 */
export function parseRecordLine(text: string): ResourceRecord {
  const [entry, more] = scanEntries(text)
  if (!entry || more || entry.indented) fail('This is not one record on one line.')
  const { name, type, ttl, value } = readRecord(entry, { origin: '.', owner: undefined, ttl: DEFAULT_TTL })
  const number = parseDataType(type)
  if (ttl > MAX_TTL) fail(`A TTL is at most ${MAX_TTL} seconds.`)
  return { name: parseName(name), type: number, class: RecordClass.IN, ttl, data: parseRdata(number, value) }
}

function readEntry(entry: Entry, state: State): ZoneFileRecord | undefined {
  try {
    const [first, second] = entry.tokens
    if (!first?.text.startsWith('$') || first.quoted) return readRecord(entry, state)
    readDirective(first.text.toUpperCase(), second?.text ?? '', state)
    return undefined
  } catch (fault) {
    if (!(fault instanceof DnsFault)) throw fault
    throw new DnsFault('bad-text', `Line ${entry.line}: ${fault.message}`, { cause: fault })
  }
}

function readDirective(word: string, value: string, state: State): void {
  if (word === '$ORIGIN') state.origin = absolute(value, state.origin)
  else if (word === '$TTL') state.ttl = parseTtl(value) ?? fail(`"${value}" is no TTL.`)
  else fail(`${word} is not understood here; $ORIGIN and $TTL are.`)
}

function readRecord({ line, indented, tokens }: Entry, state: State): ZoneFileRecord {
  const rest = [...tokens]
  if (!indented) state.owner = absolute(rest.shift()?.text ?? '', state.origin)
  if (state.owner === undefined) fail('The first record has no name.')
  const ttl = readTtlAndClass(rest) ?? state.ttl
  const word = rest.shift()?.text ?? ''
  const type = parseType(word) ?? fail(`"${word}" is no record type.`)
  const value = valueText(type, rest, state.origin)
  return { line, name: state.owner, type: formatType(type), ttl, value }
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
  const rows = zone.records.map((record) => formatRecordText(record, zone.key))
  const lines = rows.map(({ name, type, ttl, value }) => `${name}\t${ttl}\tIN\t${type}\t${value}`)
  return `${[`$ORIGIN ${formatName(zone.key.apex)}`, ...lines].join('\n')}\n`
}
