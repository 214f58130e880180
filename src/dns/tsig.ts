/** TSIG (RFC 8945) with HMAC-SHA-256: who made a message, when, and that it came as it was made. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { DnsFault } from './fault.ts'
import { fold, type Name, nameFromLabels, nameToWire } from './name.ts'
import { HEADER_OCTETS, NameReader, type RecordBorders } from './walker.ts'

export const TSIG = 250
const ANY = 255
export const TsigError = { none: 0, badSig: 16, badKey: 17, badTime: 18 } as const

const HMAC_SHA256 = nameFromLabels(['hmac-sha256'])
const MAC_OCTETS = 32
/** Seconds by which clocks may differ: what a client asks for, and no more than this. */
const MAX_FUDGE = 300

export interface Tsig {
  readonly keyName: Name
  readonly algorithm: Name
  /** Seconds since the epoch. */
  readonly time: number
  readonly fudge: number
  readonly mac: Buffer
  readonly originalId: number
  /** Where its record begins: the message that was signed ends there. */
  readonly at: number
}

export interface TsigKey {
  /** As it stands in messages, folded. */
  readonly name: Name
  readonly secret: Uint8Array
}

/** @param record the last of the message, of type TSIG @throws DnsFault `malformed` */
export function decodeTsig(message: Buffer, record: RecordBorders): Tsig {
  const end = record.dataAt + record.dataLength
  const names = new NameReader(message, false)
  const algorithm = names.read(record.dataAt)
  const at = names.end
  if (at + 16 > end) throw new DnsFault('malformed', 'A TSIG record is cut short.')
  const size = message.readUInt16BE(at + 8)
  if (at + 16 + size > end) throw new DnsFault('malformed', 'A TSIG record is cut short.')
  return {
    keyName: fold(record.name),
    algorithm: fold(algorithm),
    time: message.readUIntBE(at, 6),
    fudge: message.readUInt16BE(at + 6),
    mac: message.subarray(at + 10, at + 10 + size),
    originalId: message.readUInt16BE(at + 10 + size),
    at: ownerAt(message, record),
  }
}

/** The name before the fixed part: what is behind the record before it, found by walking its own labels. */
function ownerAt(message: Buffer, { name, ttlAt }: RecordBorders): number {
  // Type and class stand before the TTL; a key's name is not compressed, or it is a pointer of two octets.
  const written = ttlAt - 4
  const plain = written - nameToWire(name).length
  const isPlain =
    plain >= HEADER_OCTETS && fold(message.toString('latin1', plain, written) as Name) === fold(name)
  return isPlain ? plain : written - 2
}

/** @param now milliseconds since the epoch @returns an error of RFC 8945 3, or 0 */
export function checkTsig(
  message: Buffer,
  tsig: Tsig,
  { key, now }: { key: TsigKey | undefined; now: number },
): number {
  if (!key || tsig.algorithm !== HMAC_SHA256) return TsigError.badKey
  const signed = Buffer.from(message.subarray(0, tsig.at))
  signed.writeUInt16BE(tsig.originalId)
  signed.writeUInt16BE(signed.readUInt16BE(10) - 1, 10)
  const mac = hmac(key, [signed, variables(key, { ...tsig, error: 0 })])
  // RFC 8945 5.2.2.1: nothing shortened.
  if (tsig.mac.length !== MAC_OCTETS || !timingSafeEqual(mac, tsig.mac)) return TsigError.badSig
  const apart = Math.abs(now / 1000 - tsig.time)
  return apart > Math.min(tsig.fudge, MAX_FUDGE) ? TsigError.badTime : TsigError.none
}

export interface Signing {
  readonly key: TsigKey
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Of the request; empty where it had none that counts. */
  readonly requestMac: Uint8Array
  readonly error: number
}

/** The reply with its TSIG (RFC 8945 5.3); unsigned where the request's key or MAC did not hold (5.3.2). */
export function signReply(reply: Buffer, { key, now, requestMac, error }: Signing): Buffer {
  const time = Math.trunc(now / 1000)
  const timing = { time, fudge: MAX_FUDGE, error }
  const isUnsigned = error === TsigError.badSig || error === TsigError.badKey
  const before = Buffer.alloc(2)
  before.writeUInt16BE(requestMac.length)
  const mac = isUnsigned ? Buffer.alloc(0) : hmac(key, [before, requestMac, reply, variables(key, timing)])
  const counted = Buffer.from(reply)
  counted.writeUInt16BE(counted.readUInt16BE(10) + 1, 10)
  return Buffer.concat([counted, record(key.name, { ...timing, mac, id: reply.readUInt16BE() })])
}

function hmac(key: TsigKey, parts: readonly Uint8Array[]): Buffer {
  const made = createHmac('sha256', key.secret)
  for (const part of parts) made.update(part)
  return made.digest()
}

interface Timing {
  readonly time: number
  readonly fudge: number
  readonly error: number
}

/** RFC 8945 4.3.3 */
function variables(key: TsigKey, timing: Timing): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt16BE(ANY)
  return Buffer.concat([nameToWire(key.name), head, nameToWire(HMAC_SHA256), timed(timing), tail(timing)])
}

function timed({ time, fudge }: Timing): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeUIntBE(time, 0, 6)
  octets.writeUInt16BE(fudge, 6)
  return octets
}

/** Error, and what is said of a wrong time: the right one (5.2.3). */
function tail({ error, time }: Timing): Buffer {
  const isLate = error === TsigError.badTime
  const octets = Buffer.alloc(isLate ? 10 : 4)
  octets.writeUInt16BE(error)
  octets.writeUInt16BE(isLate ? 6 : 0, 2)
  if (isLate) octets.writeUIntBE(time, 4, 6)
  return octets
}

function record(name: Name, { mac, id, ...timing }: Timing & { mac: Buffer; id: number }): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(mac.length)
  const original = Buffer.alloc(2)
  original.writeUInt16BE(id)
  const data = Buffer.concat([nameToWire(HMAC_SHA256), timed(timing), size, mac, original, tail(timing)])
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(TSIG)
  fixed.writeUInt16BE(ANY, 2)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([nameToWire(name), fixed, data])
}
