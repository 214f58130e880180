/** RDATA as zone-file text, both ways, from the same table as its octets; RFC 3597 for what the table does not know. */
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from './address.ts'
import { DnsFault } from './fault.ts'
import { formatLocation, parseLocation } from './loc.ts'
import { formatType } from './message.ts'
import { formatName, type Name, parseName, ROOT } from './name.ts'
import { decodeRdata, encodeRdata, type Field, fieldsOf, type Kind, misfitOf } from './rdata.ts'
import { formatParams, parseParams } from './svcb.ts'
import { formatQuoted, parseOctets, scanLine, type Token } from './text.ts'

/** RDATA as text. Octets that do not fit their type, or whose type is opaque, come out as `\# 4 0a000001` (RFC 3597 5). */
export function formatRdata(type: number, data: Uint8Array): string {
  const kinds = fieldsOf(type)
  if (!kinds) return formatOpaque(data)
  try {
    return decodeRdata(type, data)
      .map((field, at) => FORMAT[kinds[at] as Kind](field))
      .filter((text) => text !== '')
      .join(' ')
  } catch (fault) {
    if (fault instanceof DnsFault) return formatOpaque(data)
    throw fault
  }
}

/**
 * Text to RDATA.
 * @param origin what relative names in it stand under
 * @throws DnsFault `bad-text`, `bad-name` or `too-large`
 */
export function parseRdata(type: number, text: string, origin: Name = ROOT): Uint8Array {
  return parseRdataTokens(type, scanLine(text), origin)
}

export function parseRdataTokens(type: number, tokens: readonly Token[], origin: Name): Uint8Array {
  if (tokens[0]?.text === '\\#' && !tokens[0].quoted) return parseOpaque(type, tokens.slice(1))
  const kinds = fieldsOf(type)
  if (!kinds)
    throw bad(`A record of type ${formatType(type)} is written \\# <octets> <hexadecimal> (RFC 3597).`)
  const rest = [...tokens]
  const fields = kinds.map((kind) => parseField(kind, rest, { type, origin }))
  if (rest.length > 0) throw bad(`A record of type ${formatType(type)} ends before "${rest[0]?.text}".`)
  const misfit = misfitOf(type, fields)
  if (misfit) throw bad(misfit)
  return encodeRdata(type, fields)
}

/** Kinds that take every word that is left. */
const PARSE_REST = {
  strings(tokens) {
    if (tokens.length === 0) throw bad('A TXT record has one string at least; the empty one is "".')
    return tokens.map(({ text }) => parseOctets(text))
  },
  params: parseParams,
  location: parseLocation,
  hex(tokens) {
    if (tokens.length === 0) throw bad('The hexadecimal text at the end is missing.')
    return parseHex(tokens)
  },
} satisfies Partial<Record<Kind, (tokens: readonly Token[]) => Field>>

type RestKind = keyof typeof PARSE_REST
const takesRest = (kind: Kind): kind is RestKind => Object.hasOwn(PARSE_REST, kind)

function parseField(kind: Kind, rest: Token[], context: { type: number; origin: Name }): Field {
  if (takesRest(kind)) return PARSE_REST[kind](rest.splice(0))
  const token = rest.shift()
  if (!token) throw bad(`A record of type ${formatType(context.type)} has more fields than were given.`)
  return PARSE_ONE[kind](token.text, context.origin)
}

const PARSE_ONE: Record<Exclude<Kind, RestKind>, (text: string, origin: Name) => Field> = {
  u8: (text) => parseNumber(text, 0xff),
  u16: (text) => parseNumber(text, 0xffff),
  u32: (text) => parseNumber(text, 0xffff_ffff),
  algorithm: (text) => ALGORITHMS.get(text.toUpperCase()) ?? parseNumber(text, 0xff),
  ipv4: parseIPv4,
  ipv6: parseIPv6,
  name: parseName,
  string: parseOctets,
  tag: parseTag,
  value: parseOctets,
  uri: parseUri,
}

/** DNSSEC's algorithms by their mnemonics, which are read and never written (RFC 4034 5.3, A.1 and after). */
const ALGORITHMS = new Map([
  ['RSAMD5', 1],
  ['DH', 2],
  ['DSA', 3],
  ['RSASHA1', 5],
  ['DSA-NSEC3-SHA1', 6],
  ['RSASHA1-NSEC3-SHA1', 7],
  ['RSASHA256', 8],
  ['RSASHA512', 10],
  ['ECC-GOST', 12],
  ['ECDSAP256SHA256', 13],
  ['ECDSAP384SHA384', 14],
  ['ED25519', 15],
  ['ED448', 16],
  ['INDIRECT', 252],
  ['PRIVATEDNS', 253],
  ['PRIVATEOID', 254],
])

const FORMAT: Record<Kind, (field: Field) => string> = {
  u8: String,
  u16: String,
  u32: String,
  algorithm: String,
  ipv4: (field) => formatIPv4(field as Uint8Array),
  ipv6: (field) => formatIPv6(field as Uint8Array),
  name: (field) => formatName(field as Name),
  string: (field) => formatQuoted(field as Uint8Array),
  strings: (field) => (field as readonly Uint8Array[]).map(formatQuoted).join(' '),
  tag: (field) => Buffer.from(field as Uint8Array).toString('latin1'),
  value: (field) => formatQuoted(field as Uint8Array),
  uri: (field) => formatQuoted(field as Uint8Array),
  params: (field) => formatParams(field as Uint8Array).join(' '),
  location: formatLocationField,
  hex: (field) =>
    Buffer.from(field as Uint8Array)
      .toString('hex')
      .toUpperCase(),
}

function parseNumber(text: string, highest: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > highest)
    throw bad(`"${text}" is no number from 0 to ${highest}.`)
  return Number(text)
}

function parseTag(text: string): Uint8Array {
  if (!/^[0-9A-Za-z]+$/.test(text)) throw bad(`"${text}" is no CAA tag, such as issue.`)
  return Buffer.from(text, 'latin1')
}

function parseUri(text: string): Uint8Array {
  if (text === '') throw bad('The target of a URI record is empty.')
  return parseOctets(text)
}

// RFC 1876 2: another version than 0 is of an unknown format, and so written as RFC 3597 says.
function formatLocationField(field: Field): string {
  const data = field as Uint8Array
  return data[0] === 0 ? formatLocation(data) : formatOpaque(data)
}

function parseHex(tokens: readonly Token[]): Buffer {
  const text = tokens.map((token) => token.text).join('')
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw bad(`"${text}" is no hexadecimal text.`)
  return Buffer.from(text, 'hex')
}

// RFC 3597 5; of a known type the octets have to be right for it.
function parseOpaque(type: number, [length, ...hex]: readonly Token[]): Uint8Array {
  const data = parseHex(hex)
  if (length === undefined || parseNumber(length.text, 0xffff) !== data.length) {
    throw bad(`The length given behind \\# is not that of the ${data.length} octets that follow.`)
  }
  if (fieldsOf(type)) decodeRdata(type, data)
  return data
}

function formatOpaque(data: Uint8Array): string {
  return data.length === 0 ? '\\# 0' : `\\# ${data.length} ${Buffer.from(data).toString('hex')}`
}

function bad(sentence: string): DnsFault {
  return new DnsFault('bad-text', sentence)
}
