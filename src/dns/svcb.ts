/** The parameters of SVCB and HTTPS records between octets and text (RFC 9460 2.1, 2.2, 7, appendix A). */
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from './address.ts'
import { DnsFault } from './fault.ts'
import { formatQuoted, parseOctets, scanLine, type Token } from './text.ts'

const KEYS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath']
const MANDATORY = 0

interface Parameter {
  parse(text: string): Buffer
  format(value: Buffer): string
}

const mandatory: Parameter = {
  parse: (text) => {
    const keys = text
      .split(',')
      .map(parseKey)
      .sort((a, b) => a - b)
    if (new Set(keys).size < keys.length || keys.includes(MANDATORY))
      throw bad('"mandatory" names a key twice, or itself.')
    return Buffer.concat(keys.map(uint16))
  },
  format: (value) =>
    split(value, 2)
      .map((key) => formatKey(key.readUInt16BE()))
      .join(','),
}

const alpn: Parameter = {
  parse: (text) => Buffer.concat(parseList(text).map(lengthPrefixed)),
  format: (value) => formatList(lengthPrefixedParts(value)),
}

const noDefaultAlpn: Parameter = {
  parse: (text) => {
    if (text !== '') throw bad('"no-default-alpn" takes no value.')
    return Buffer.alloc(0)
  },
  format: () => '',
}

const port: Parameter = {
  parse: (text) => {
    if (!/^\d{1,5}$/.test(text) || Number(text) > 0xffff) throw bad(`"${text}" is no port.`)
    return uint16(Number(text))
  },
  format: (value) =>
    split(value, 2)
      .map((half) => half.readUInt16BE())
      .join(','),
}

const ech: Parameter = {
  parse: (text) => {
    if (!/^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(text))
      throw bad(`"${text}" is no base64 text.`)
    return Buffer.from(text, 'base64')
  },
  format: (value) => value.toString('base64'),
}

const opaque: Parameter = {
  parse: parseOctets,
  format: (value) => formatQuoted(value),
}

const PARAMETERS: readonly (Parameter | undefined)[] = [
  mandatory,
  alpn,
  noDefaultAlpn,
  port,
  addresses(4, parseIPv4, formatIPv4),
  ech,
  addresses(16, parseIPv6, formatIPv6),
]

function addresses(
  octets: number,
  parse: (text: string) => Buffer,
  format: (octets: Buffer) => string,
): Parameter {
  return {
    parse: (text) => Buffer.concat(text.split(',').map(parse)),
    format: (value) => split(value, octets).map(format).join(','),
  }
}

/** Tokens such as `alpn=h2,h3` to octets, in ascending order of their keys. @throws DnsFault `bad-text` */
export function parseParams(tokens: readonly Token[]): Buffer {
  const params = new Map<number, Buffer>()
  for (const { text } of tokens) {
    const [, name = '', , value = ''] = /^([^=]+)(=([\s\S]*))?$/.exec(text) ?? []
    const key = parseKey(name)
    if (params.has(key)) throw bad(`The parameter "${name}" is given twice.`)
    params.set(key, parseValue(key, value.replace(/^"([\s\S]*)"$/, '$1')))
  }
  requireMandatory(params)
  const sorted = [...params].sort(([a], [b]) => a - b)
  return Buffer.concat(sorted.flatMap(([key, value]) => [uint16(key), uint16(value.length), value]))
}

function parseValue(key: number, text: string): Buffer {
  const value = (PARAMETERS[key] ?? opaque).parse(text)
  if (value.length > 0xffff) throw bad(`The value of "${formatKey(key)}" has over 65535 octets.`)
  return value
}

function requireMandatory(params: Map<number, Buffer>): void {
  for (const key of split(params.get(MANDATORY) ?? Buffer.alloc(0), 2)) {
    const number = key.readUInt16BE()
    if (!params.has(number)) throw bad(`The mandatory parameter "${formatKey(number)}" is missing.`)
  }
}

/**
 * @param params octets whose order and lengths have been checked
 * @throws DnsFault `bad-text` when a value breaks its key's own rule, so that no text of parameters means these octets
 */
export function formatParams(params: Uint8Array): string[] {
  const bytes = Buffer.from(params)
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const key = bytes.readUInt16BE(at)
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    texts.push(formatParam(key, bytes.subarray(at + 4, end)))
    at = end
  }
  if (!parseParams(scanLine(texts.join(' '))).equals(bytes)) throw bad('A parameter breaks its own rule.')
  return texts
}

function formatParam(key: number, value: Buffer): string {
  if (value.length === 0) return formatKey(key)
  return `${formatKey(key)}=${(PARAMETERS[key] ?? opaque).format(value)}`
}

function parseKey(text: string): number {
  const known = KEYS.indexOf(text.toLowerCase())
  if (known >= 0) return known
  const number = Number(/^key(0|[1-9]\d{0,4})$/i.exec(text)?.[1] ?? Number.NaN)
  if (Number.isNaN(number) || number >= 0xffff)
    throw bad(`"${text}" is no SVCB parameter; unknown ones are written key667.`)
  return number
}

function formatKey(key: number): string {
  return KEYS[key] ?? `key${key}`
}

// RFC 9460 A.1: commas part the list; a comma or backslash inside a value stands behind a backslash, once more escaped.
function parseList(text: string): Buffer[] {
  const octets = parseOctets(text).toString('latin1')
  const values = octets.match(/(?:\\[\s\S]|[^,\\])+/g) ?? []
  if (octets === '' || values.join(',') !== octets)
    throw bad(`"${text}" is no list of values parted by commas.`)
  return values.map((value) => Buffer.from(value.replace(/\\([\s\S])/g, '$1'), 'latin1'))
}

function formatList(values: readonly Buffer[]): string {
  const list = values.map((value) => value.toString('latin1').replace(/[\\,]/g, '\\$&')).join(',')
  return /^[!#-'*-:<-[\]-~]*$/.test(list) ? list : formatQuoted(Buffer.from(list, 'latin1'))
}

function lengthPrefixed(value: Buffer): Buffer {
  if (value.length > 255) throw bad('A protocol name has at most 255 octets.')
  return Buffer.concat([Uint8Array.of(value.length), value])
}

function lengthPrefixedParts(value: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < value.length; ) {
    const end = at + 1 + value.readUInt8(at)
    if (end === at + 1 || end > value.length) throw bad('A list of protocols is malformed.')
    parts.push(value.subarray(at + 1, end))
    at = end
  }
  return parts
}

function split(value: Buffer, octets: number): Buffer[] {
  if (value.length % octets !== 0) throw bad('A parameter has an odd length.')
  return Array.from({ length: value.length / octets }, (_, at) =>
    value.subarray(at * octets, (at + 1) * octets),
  )
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function bad(sentence: string): DnsFault {
  return new DnsFault('bad-text', sentence)
}
