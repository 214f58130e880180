/** RDATA by table: each type is a row of fields, and reading, writing and rewriting follow from the row (text: rdata-text.ts). */
import { DnsFault } from './fault.ts'
import { checkLocation } from './loc.ts'
import { RecordType } from './message.ts'
import { type Name, nameToWire } from './name.ts'
import { NameReader } from './walker.ts'

/**
 * What a field is: numbers; `algorithm` one of DNSSEC's; addresses; a name; a character-string (RFC 1035 3.3); `strings`
 * one or more of them to the end; `tag` and `value` of CAA (RFC 8659); `uri` (RFC 7553) and `hex` octets to the end, one at
 * least; `params` of SVCB (RFC 9460); `location` the whole of LOC (RFC 1876).
 */
export type Kind =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'algorithm'
  | 'ipv4'
  | 'ipv6'
  | 'name'
  | 'string'
  | 'strings'
  | 'tag'
  | 'value'
  | 'uri'
  | 'params'
  | 'location'
  | 'hex'

/** A field's value: number, name, octets (addresses, one string, the rest), or several strings. */
export type Field = number | Name | Uint8Array | readonly Uint8Array[]

interface Row {
  readonly fields: readonly Kind[]
  /** Whether its names may be compressed when sent (RFC 3597 4: only those of RFC 1035). */
  readonly compress?: true
  /** Octets of the digest at the end, by the number before it, which says what digest it is; others may have any. */
  readonly digests?: Readonly<Record<number, number>>
}

const HOST: Row = { fields: ['name'], compress: true }
const SERVICE: Row = { fields: ['u16', 'name', 'params'] }

const ROWS = new Map<number, Row>([
  [RecordType.A, { fields: ['ipv4'] }],
  [RecordType.NS, HOST],
  [RecordType.CNAME, HOST],
  [RecordType.PTR, HOST],
  [RecordType.SOA, { fields: ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32'], compress: true }],
  [RecordType.HINFO, { fields: ['string', 'string'] }],
  [RecordType.MX, { fields: ['u16', 'name'], compress: true }],
  [RecordType.TXT, { fields: ['strings'] }],
  [RecordType.AAAA, { fields: ['ipv6'] }],
  [RecordType.LOC, { fields: ['location'] }],
  [RecordType.SRV, { fields: ['u16', 'u16', 'u16', 'name'] }],
  [RecordType.NAPTR, { fields: ['u16', 'u16', 'string', 'string', 'string', 'name'] }],
  [RecordType.DNAME, { fields: ['name'] }],
  // RFC 4034 A.2, 4509, 5933, 6605
  [RecordType.DS, { fields: ['u16', 'algorithm', 'u8', 'hex'], digests: { 1: 20, 2: 32, 3: 32, 4: 48 } }],
  [RecordType.SSHFP, { fields: ['u8', 'u8', 'hex'], digests: { 1: 20, 2: 32 } }], // RFC 4255, 6594
  [RecordType.TLSA, { fields: ['u8', 'u8', 'u8', 'hex'], digests: { 1: 32, 2: 64 } }], // RFC 6698
  [RecordType.SVCB, SERVICE],
  [RecordType.HTTPS, SERVICE],
  [RecordType.URI, { fields: ['u16', 'u16', 'uri'] }],
  [RecordType.CAA, { fields: ['u8', 'tag', 'value'] }],
])

/** The fields of a type this program understands; undefined for one whose RDATA is opaque (RFC 3597). */
export function fieldsOf(type: number): readonly Kind[] | undefined {
  return ROWS.get(type)?.fields
}

/** The types with fields, and whether the names in them may be compressed. */
export function knownTypes(): { type: number; hasNames: boolean; compress: boolean }[] {
  return Array.from(ROWS, ([type, row]) => ({
    type,
    hasNames: row.fields.includes('name'),
    compress: row.compress === true,
  }))
}

/** Octets the digest at the end of these fields has to have; undefined when there is none, or it may have any number. */
export function digestOctetsOf(type: number, fields: readonly Field[]): number | undefined {
  return ROWS.get(type)?.digests?.[fields.at(-2) as number]
}

/** What is wrong with fields that are each right, in a sentence. */
export function misfitOf(type: number, fields: readonly Field[]): string | undefined {
  const octets = digestOctetsOf(type, fields)
  const digest = fields.at(-1) as Uint8Array
  if (octets === undefined || digest.length === octets) return undefined
  return `A digest of type ${fields.at(-2)} has ${octets} octets, not ${digest.length}.`
}

interface Cursor {
  readonly bytes: Buffer
  readonly end: number
  readonly names: NameReader
  at: number
}

/** @param data RDATA on its own, uncompressed. @throws DnsFault `malformed` when it is not of this type, or the type is opaque */
export function decodeRdata(type: number, data: Uint8Array): Field[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  return readFields(type, { bytes, at: 0, end: bytes.length, names: new NameReader(bytes, false) })
}

/** The same out of the middle of a message, pointers in names followed. */
export function decodeRdataInMessage(
  type: number,
  message: Buffer,
  place: { at: number; end: number; names: NameReader },
): Field[] {
  return readFields(type, { bytes: message, ...place })
}

function readFields(type: number, cursor: Cursor): Field[] {
  const kinds = fieldsOf(type)
  if (!kinds) throw new DnsFault('malformed', `RDATA of TYPE${type} has no fields known here.`)
  const fields = kinds.map((kind) => READ[kind](cursor))
  if (cursor.at !== cursor.end) throw new DnsFault('malformed', 'RDATA is longer than its fields.')
  const misfit = misfitOf(type, fields)
  if (misfit) throw new DnsFault('malformed', misfit)
  return fields
}

/** RDATA, uncompressed, of fields in the order of the type's row. */
export function encodeRdata(type: number, fields: readonly Field[]): Buffer {
  const kinds = fieldsOf(type)
  if (kinds?.length !== fields.length) throw new Error(`RDATA of type ${type} given ${fields.length} fields`)
  const data = Buffer.concat(kinds.map((kind, at) => encodeField(kind, fields[at] as Field)))
  if (data.length > 0xffff)
    throw new DnsFault('too-large', `RDATA has ${data.length} octets; 65535 are allowed.`)
  return data
}

export function encodeField(kind: Kind, field: Field): Uint8Array {
  switch (kind) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'algorithm':
      return encodeNumber(field as number, NUMBER_OCTETS[kind])
    case 'name':
      return nameToWire(field as Name)
    case 'string':
    case 'tag':
      return encodeString(field as Uint8Array)
    case 'strings':
      return Buffer.concat((field as readonly Uint8Array[]).map(encodeString))
    case 'ipv4':
    case 'ipv6':
    case 'value':
    case 'uri':
    case 'params':
    case 'location':
    case 'hex':
      return field as Uint8Array
  }
}

/** The same RDATA with every name in it put through `change`; the very same octets where nothing changed. */
export function mapNamesInRdata(type: number, data: Uint8Array, change: (name: Name) => Name): Uint8Array {
  const kinds = fieldsOf(type)
  if (!kinds?.includes('name')) return data
  const before = decodeRdata(type, data)
  const after = before.map((field, at) => (kinds[at] === 'name' ? change(field as Name) : field))
  return after.every((field, at) => field === before[at]) ? data : encodeRdata(type, after)
}

const NUMBER_OCTETS = { u8: 1, u16: 2, u32: 4, algorithm: 1 } as const

const READ: Record<Kind, (cursor: Cursor) => Field> = {
  u8: (cursor) => take(cursor, 1).readUInt8(),
  u16: (cursor) => take(cursor, 2).readUInt16BE(),
  u32: (cursor) => take(cursor, 4).readUInt32BE(),
  algorithm: (cursor) => take(cursor, 1).readUInt8(),
  ipv4: (cursor) => take(cursor, 4),
  ipv6: (cursor) => take(cursor, 16),
  name: readName,
  string: readString,
  strings: readStrings,
  tag: readTag,
  value: takeRest,
  uri: takeSome,
  params: readParams,
  location: readLocation,
  hex: takeSome,
}

function take(cursor: Cursor, octets: number): Buffer {
  const start = cursor.at
  if (start + octets > cursor.end) throw new DnsFault('malformed', 'RDATA ends in the middle of a field.')
  cursor.at += octets
  return cursor.bytes.subarray(start, cursor.at)
}

function takeRest(cursor: Cursor): Buffer {
  return take(cursor, cursor.end - cursor.at)
}

function takeSome(cursor: Cursor): Buffer {
  if (cursor.at === cursor.end) throw new DnsFault('malformed', 'RDATA ends before its last field.')
  return takeRest(cursor)
}

// RFC 1876 2: of the format of another version than 0 nothing may be assumed.
function readLocation(cursor: Cursor): Buffer {
  const data = takeSome(cursor)
  if (data[0] === 0) checkLocation(data)
  return data
}

function readName(cursor: Cursor): Name {
  const name = cursor.names.read(cursor.at)
  cursor.at = cursor.names.end
  if (cursor.at > cursor.end) throw new DnsFault('malformed', 'A name runs past the end of its RDATA.')
  return name
}

function readString(cursor: Cursor): Buffer {
  return take(cursor, take(cursor, 1).readUInt8())
}

function readStrings(cursor: Cursor): Buffer[] {
  const strings = [readString(cursor)]
  while (cursor.at < cursor.end) strings.push(readString(cursor))
  return strings
}

// RFC 8659 4.1: letters and digits, one at least.
function readTag(cursor: Cursor): Buffer {
  const tag = readString(cursor)
  if (!/^[0-9A-Za-z]+$/.test(tag.toString('latin1')))
    throw new DnsFault('malformed', 'A CAA tag is letters and digits.')
  return tag
}

// RFC 9460 2.2: keys strictly ascending, each with a length that fits.
function readParams(cursor: Cursor): Buffer {
  const start = cursor.at
  for (let last = -1; cursor.at < cursor.end; ) {
    const key = take(cursor, 2).readUInt16BE()
    if (key <= last) throw new DnsFault('malformed', 'SVCB parameters are out of order or double.')
    take(cursor, take(cursor, 2).readUInt16BE())
    last = key
  }
  return cursor.bytes.subarray(start, cursor.end)
}

function encodeNumber(value: number, octets: 1 | 2 | 4): Buffer {
  const bytes = Buffer.alloc(octets)
  bytes.writeUIntBE(value, 0, octets)
  return bytes
}

function encodeString(octets: Uint8Array): Buffer {
  if (octets.length > 255)
    throw new DnsFault('too-large', `A character-string has ${octets.length} octets; 255 are allowed.`)
  return Buffer.concat([Uint8Array.of(octets.length), octets])
}
