/** Replies: an answer made ready once as octets, then fitted to each question that asks for it. */
import { encodeMessage } from '../dns/codec.ts'
import { type EdnsError, NO_FLAGS, RecordClass, RecordType } from '../dns/message.ts'
import { fold, type Name, nameFromWire } from '../dns/name.ts'
import { HEADER_OCTETS, walkMessage } from '../dns/walker.ts'
import { COOKIE_OCTETS, type Cookies } from './cookies.ts'
import type { Answer } from './query.ts'
import { COOKIE, KEEP_ALIVE, OPTION_FIXED, PADDING, type Scan } from './scan.ts'

const RA = 0x80
const TC = 0x02
const RD = 0x01
const CD = 0x10
const QR = 0x80
const OPT_OCTETS = 11
const EXTENDED_ERROR = 15
/** RFC 8467 4.1: replies have one of few lengths. */
const PADDED_TO = 468
/** RFC 8914 3 sets no bound; a sentence is enough, and must not push a reply over its limit. */
const MAX_ERROR_TEXT = 100

/** A reply without id, OPT and the asker's flags, ready to be fitted. */
export interface ReadyReply {
  /**
   * The reply's octets, one character each, and behind them two more for each TTL: where it stands. One string, since
   * thousands of replies are kept, and each further object costs a fetch from memory whenever one of them is sent.
   */
  readonly image: string
  /** Octets of the reply. */
  readonly length: number
  /** The smallest TTL, in seconds; 0 when there is none. */
  readonly ttl: number
  readonly rcode: number
  readonly error: EdnsError | undefined
}

/** @throws DnsFault `too-large` when the answer fits in no message */
export function makeReady(answer: Answer, question: { name: Name; type: number }): ReadyReply {
  const encoded = encodeMessage({
    id: 0,
    opcode: 0,
    flags: { ...NO_FLAGS, response: true, recursionAvailable: true },
    rcode: answer.rcode,
    questions: [{ ...question, class: RecordClass.IN }],
    answers: answer.records,
    authority: answer.authority,
    additional: [],
    edns: undefined,
  })
  // In lower case, which is how most will ask; owners point here, and so are spelled as whoever asks spells it.
  encoded.write(fold(question.name), HEADER_OCTETS, 'latin1')
  const { records } = walkMessage(encoded)
  return {
    image: Buffer.concat([encoded, ...records.map(({ ttlAt }) => uint16(ttlAt))]).toString('latin1'),
    length: encoded.length,
    ttl: records.length === 0 ? 0 : Math.min(...records.map(({ ttl }) => ttl)),
    rcode: answer.rcode,
    error: answer.error,
  }
}

/** Where a reply goes: how much fits, what we can take ourselves, and whose cookie goes with it. */
export interface Door {
  readonly cookies: Cookies
  /** The client's. */
  readonly address: string
  /** How long a connection stays open that asks nothing, in units of 100 ms; undefined where there is none, or HTTP sees to it. */
  readonly keepAlive?: number | undefined
  /** Whether others on the way see the length of a reply, and nothing else of it. */
  readonly isEncrypted?: boolean
  /** Octets the reply may have. */
  readonly limit: number
  /** Octets of UDP we announce. */
  readonly maxUdpPayload: number
}

export interface Fitting {
  /** Seconds the reply has waited. */
  readonly age: number
  readonly door: Door
  /** Whether the question spells its name otherwise than in lower case. */
  readonly respell: boolean
}

/** The reply to one question: its id, flags and spelling; TTLs less its age; TC when it does not fit the door. */
export function fitReply(ready: ReadyReply, scan: Scan, { age, door, respell }: Fitting): Buffer {
  const { error } = ready
  const length = ready.length + (scan.edns ? optLengthFor(scan, { error, door, before: ready.length }) : 0)
  if (length > door.limit) return headAndQuestion(scan, { rcode: ready.rcode, error, truncated: true, door })
  const reply = Buffer.allocUnsafe(length)
  reply.write(ready.image, 'latin1') // as much of it as there is room for: OPT is written over the rest
  writeHead(reply, scan, ready.rcode)
  // Echoed octet by octet: some clients compare the question with their own spelling (RFC 4343 is not enough for them).
  if (respell) scan.packet.copy(reply, HEADER_OCTETS, HEADER_OCTETS, scan.questionEnd - 4)
  if (age > 0) ageTtls(reply, ready, age)
  if (scan.edns) writeOpt(reply, ready.length, { scan, error, door, rcode: ready.rcode })
  return reply
}

function writeHead(reply: Buffer, { packet, flags }: Scan, rcode: number): void {
  reply[0] = packet[0] ?? 0
  reply[1] = packet[1] ?? 0
  reply[2] = QR | ((flags >> 8) & (0x78 | RD))
  reply[3] = RA | (flags & CD) | (rcode & 15)
}

function ageTtls(reply: Buffer, { image, length }: ReadyReply, age: number): void {
  for (let at = length; at < image.length; at += 2) {
    const ttlAt = (image.charCodeAt(at) << 8) | image.charCodeAt(at + 1)
    reply.writeUInt32BE(Math.max(0, reply.readUInt32BE(ttlAt) - age), ttlAt)
  }
}

/** The same reply with another TTL in all of its records, and with another word beside it. @param ttl seconds */
export function redated(ready: ReadyReply, { ttl, error }: { ttl: number; error: EdnsError }): ReadyReply {
  const { image, length } = ready
  const octets = Buffer.from(image, 'latin1')
  for (let at = length; at < octets.length; at += 2) octets.writeUInt32BE(ttl, octets.readUInt16BE(at))
  return { image: octets.toString('latin1'), length, ttl, rcode: ready.rcode, error }
}

/** A reply that refuses: nothing but header, the question where there is one to echo, and OPT. */
export function refuse(scan: Scan, rcode: number, to: { door: Door; error?: EdnsError }): Buffer {
  return headAndQuestion(scan, { rcode, error: to.error, truncated: false, door: to.door })
}

/** A reply that tells to ask over TCP. */
export function truncated(scan: Scan, door: Door): Buffer {
  return headAndQuestion(scan, { rcode: 0, error: undefined, truncated: true, door })
}

interface Head {
  readonly rcode: number
  readonly error: EdnsError | undefined
  readonly truncated: boolean
  readonly door: Door
}

function headAndQuestion(scan: Scan, { rcode, error, truncated, door }: Head): Buffer {
  const before = scan.questionEnd
  const length = before + (scan.edns ? optLengthFor(scan, { error, door, before }) : 0)
  const reply = Buffer.alloc(length)
  writeHead(reply, scan, rcode)
  if (truncated) reply[2] = (reply[2] ?? 0) | TC
  if (scan.hasQuestion) {
    reply[5] = 1
    scan.packet.copy(reply, HEADER_OCTETS, HEADER_OCTETS, scan.questionEnd)
  }
  if (scan.edns) writeOpt(reply, scan.questionEnd, { scan, error, door, rcode })
  return reply
}

interface Room {
  readonly error: EdnsError | undefined
  readonly door: Door
  /** Octets of the reply in front of its OPT. */
  readonly before: number
}

function optLengthFor(scan: Scan, { error, door, before }: Room): number {
  let length = OPT_OCTETS
  if (scan.cookieLength > 0) length += OPTION_FIXED + COOKIE_OCTETS
  if (error) length += OPTION_FIXED + 2 + errorText(error).length
  if (scan.keepAlive && door.keepAlive !== undefined) length += OPTION_FIXED + 2
  if (!scan.padding || !door.isEncrypted) return length
  const padded = Math.ceil((before + length + OPTION_FIXED) / PADDED_TO) * PADDED_TO
  return padded > door.limit ? length : padded - before
}

function errorText({ text }: EdnsError): Buffer {
  return Buffer.from(text.slice(0, MAX_ERROR_TEXT), 'utf8')
}

interface Opt {
  readonly scan: Scan
  readonly error: EdnsError | undefined
  readonly door: Door
  readonly rcode: number
}

// RFC 6891 6.1.2: root, OPT, payload, extended RCODE, version 0, DO copied (RFC 3225 3), then the options, to the reply's end.
function writeOpt(reply: Buffer, start: number, { scan, error, door, rcode }: Opt): void {
  const options = start + OPT_OCTETS
  reply[11] = 1
  reply[start] = 0
  reply.writeUInt16BE(RecordType.OPT, start + 1)
  reply.writeUInt16BE(door.maxUdpPayload, start + 3)
  reply.writeUInt16BE((rcode >> 4) << 8, start + 5)
  reply.writeUInt16BE(scan.dnssecOk ? 0x8000 : 0, start + 7)
  reply.writeUInt16BE(reply.length - options, start + 9)
  let at = scan.cookieLength > 0 ? writeCookie(reply, options, { scan, door }) : options
  if (error) at = writeError(reply, at, error)
  if (scan.keepAlive && door.keepAlive !== undefined) at = writeKeepAlive(reply, at, door.keepAlive)
  if (at < reply.length) writePadding(reply, at)
}

// RFC 7873 4. @returns where it ends
function writeCookie(reply: Buffer, at: number, { scan, door }: Pick<Opt, 'scan' | 'door'>): number {
  const data = at + OPTION_FIXED
  reply.writeUInt16BE(COOKIE, at)
  reply.writeUInt16BE(COOKIE_OCTETS, at + 2)
  door.cookies.write(reply, data, scan, door.address)
  return data + COOKIE_OCTETS
}

// RFC 8914 2. @returns where it ends
function writeError(reply: Buffer, at: number, error: EdnsError): number {
  const text = errorText(error)
  reply.writeUInt16BE(EXTENDED_ERROR, at)
  reply.writeUInt16BE(2 + text.length, at + 2)
  reply.writeUInt16BE(error.code, at + 4)
  text.copy(reply, at + 6)
  return at + 6 + text.length
}

// RFC 7828 3.1. @returns where it ends
function writeKeepAlive(reply: Buffer, at: number, timeout: number): number {
  reply.writeUInt16BE(KEEP_ALIVE, at)
  reply.writeUInt16BE(2, at + 2)
  reply.writeUInt16BE(timeout, at + 4)
  return at + 6
}

// RFC 7830 3: to the reply's end.
function writePadding(reply: Buffer, at: number): void {
  reply.writeUInt16BE(PADDING, at)
  reply.writeUInt16BE(reply.length - at - OPTION_FIXED, at + 2)
  reply.fill(0, at + OPTION_FIXED)
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

/** The reply's octets as they were made. */
export function octetsOf({ image, length }: ReadyReply): Buffer {
  return Buffer.from(image.slice(0, length), 'latin1')
}

/** The question's name as it was spelled. */
export function askedName({ packet, questionEnd }: Scan): Name {
  return nameFromWire(packet.subarray(HEADER_OCTETS, questionEnd - 4))
}
