/** A place on earth between the octets and the text of LOC (RFC 1876 2 and 3). */
import { DnsFault } from './fault.ts'
import type { Token } from './text.ts'

const OCTETS = 16
/** The equator and the prime meridian, in thousandths of a second of arc. */
const MIDDLE = 2 ** 31
const THOUSANDTHS = { degree: 3_600_000, minute: 60_000 }
/** Altitudes are counted in centimetres from 100 km below the WGS 84 spheroid. */
const LOWEST = -10_000_000
const HIGHEST = LOWEST + 0xffff_ffff
/** A digit and a power of ten, in centimetres: 90000 km at most. */
const LARGEST = 9e9
/** Size, horizontal and vertical precision where they are left out (RFC 1876 3). */
const DEFAULTS = ['1m', '10000m', '10m']

interface Axis {
  readonly word: string
  /** In degrees. */
  readonly farthest: number
  readonly plus: string
  readonly minus: string
  readonly example: string
}

const LATITUDE: Axis = { word: 'latitude', farthest: 90, plus: 'N', minus: 'S', example: '42 21 54.000 N' }
const LONGITUDE: Axis = { word: 'longitude', farthest: 180, plus: 'E', minus: 'W', example: '71 6 18.000 W' }

/** @param data of version 0. @throws DnsFault `malformed` when it is no place */
export function checkLocation(data: Buffer): void {
  if (data.length !== OCTETS)
    throw new DnsFault('malformed', `A LOC record has ${OCTETS} octets, not ${data.length}.`)
  if (!data.subarray(1, 4).every(isSize))
    throw new DnsFault('malformed', 'A size or precision of a LOC record is no digit and power of ten.')
  for (const [axis, at] of [[LATITUDE, 4] as const, [LONGITUDE, 8] as const]) {
    if (Math.abs(data.readUInt32BE(at) - MIDDLE) > axis.farthest * THOUSANDTHS.degree)
      throw new DnsFault('malformed', `The ${axis.word} of a LOC record is over ${axis.farthest} degrees.`)
  }
}

// Both halves are decimal digits; of zero there is one spelling.
function isSize(octet: number): boolean {
  const digit = octet >> 4
  return octet === 0 || (digit > 0 && digit <= 9 && (octet & 0xf) <= 9)
}

/** @throws DnsFault `bad-text` */
export function parseLocation(tokens: readonly Token[]): Buffer {
  const words = tokens.map(({ text }) => text)
  const latitude = parseAngle(words, LATITUDE)
  const longitude = parseAngle(words, LONGITUDE)
  const altitude = parseAltitude(words.shift() ?? '')
  const sizes = DEFAULTS.map((size) => parseSize(words.shift() ?? size))
  if (words.length > 0) throw bad(`A location ends before "${words[0]}".`)
  const data = Buffer.from([0, ...sizes, ...Array(12).fill(0)])
  data.writeUInt32BE(latitude, 4)
  data.writeUInt32BE(longitude, 8)
  data.writeUInt32BE(altitude, 12)
  return data
}

/** Takes degrees, perhaps minutes, perhaps seconds, and the letter of the hemisphere off the front of `words`. */
function parseAngle(words: string[], { word, farthest, plus, minus, example }: Axis): number {
  const length = words.findIndex((text) => [plus, minus].includes(text.toUpperCase()))
  const [degrees = '', minutes = '0', seconds = '0'] = words.slice(0, length)
  const isRight = length > 0 && length <= 3 && [degrees, minutes].every((text) => /^\d{1,3}$/.test(text))
  if (!isRight || !/^\d{1,2}(?:\.\d{1,3})?$/.test(seconds))
    throw bad(
      `A ${word} is degrees, perhaps minutes and seconds, and ${plus} or ${minus}, such as ${example}.`,
    )
  if (Number(minutes) > 59 || Number(seconds) >= 60)
    throw bad(`Minutes and seconds of a ${word} end before 60.`)
  const angle =
    Number(degrees) * THOUSANDTHS.degree + Number(minutes) * THOUSANDTHS.minute + scaled(seconds, 3)
  if (angle > farthest * THOUSANDTHS.degree) throw bad(`A ${word} has at most ${farthest} degrees.`)
  const hemisphere = words[length]?.toUpperCase()
  words.splice(0, length + 1)
  return hemisphere === plus ? MIDDLE + angle : MIDDLE - angle
}

function parseAltitude(text: string): number {
  const [, sign, metres] = /^(-?)(\d{1,8}(?:\.\d{1,2})?)m?$/.exec(text) ?? []
  if (metres === undefined) throw bad(`"${text}" is no altitude in metres, such as -24.00m.`)
  const altitude = scaled(metres, 2) * (sign === '-' ? -1 : 1)
  if (altitude < LOWEST || altitude > HIGHEST)
    throw bad(`An altitude lies between -100000.00m and 42849672.95m, and ${text} does not.`)
  return altitude - LOWEST
}

// RFC 1876, appendix A, precsize_aton: what the one digit cannot hold is cut off.
function parseSize(text: string): number {
  const metres = /^(\d{1,8}(?:\.\d{1,2})?)m?$/.exec(text)?.[1]
  let digit = scaled(metres ?? '', 2)
  if (metres === undefined || digit > LARGEST)
    throw bad(`"${text}" is no size or precision in metres from 0.00m to 90000000.00m.`)
  let power = 0
  for (; digit >= 10; power++) digit = Math.floor(digit / 10)
  return (digit << 4) | power
}

/** "1.5" for three decimals is 1500: no number in between, and so nothing to round. */
function scaled(text: string, decimals: number): number {
  const [whole = '', fraction = ''] = text.split('.')
  return Number(whole + fraction.padEnd(decimals, '0'))
}

/** Every field, as dig writes it. @param octets of version 0 that have been checked */
export function formatLocation(octets: Uint8Array): string {
  const data = Buffer.from(octets)
  return [
    formatAngle(data.readUInt32BE(4), LATITUDE),
    formatAngle(data.readUInt32BE(8), LONGITUDE),
    `${((data.readUInt32BE(12) + LOWEST) / 100).toFixed(2)}m`,
    ...Array.from(data.subarray(1, 4), formatSize),
  ].join(' ')
}

function formatAngle(value: number, { plus, minus }: Axis): string {
  const angle = Math.abs(value - MIDDLE)
  const degrees = Math.floor(angle / THOUSANDTHS.degree)
  const minutes = Math.floor((angle % THOUSANDTHS.degree) / THOUSANDTHS.minute)
  const seconds = ((angle % THOUSANDTHS.minute) / 1000).toFixed(3)
  return `${degrees} ${minutes} ${seconds} ${value < MIDDLE ? minus : plus}`
}

function formatSize(octet: number): string {
  const centimetres = (octet >> 4) * 10 ** (octet & 0xf)
  return `${centimetres < 100 ? (centimetres / 100).toFixed(2) : centimetres / 100}m`
}

function bad(sentence: string): DnsFault {
  return new DnsFault('bad-text', sentence)
}
