/** The first look at a packet: linear, bounded, and all there is for questions that are refused or already answered. */
import { Opcode, type Question, Rcode, RecordClass, RecordType } from '../dns/message.ts'
import { fold, type Name, nameFromWire } from '../dns/name.ts'
import { HEADER_OCTETS } from '../dns/walker.ts'
import { CLIENT_COOKIE_OCTETS, MAX_BOTH_OCTETS, MIN_BOTH_OCTETS } from './cookies.ts'

/** RFC 6891 6.2.5: less is taken as this. */
export const MIN_UDP_PAYLOAD = 512
const QR = 0x8000
const TYPE_AND_CLASS = 4
const RECORD_FIXED = 10
/** Code and length of an EDNS option (RFC 6891 6.1.2). */
export const OPTION_FIXED = 4
export const COOKIE = 10
export const KEEP_ALIVE = 11
export const PADDING = 12
/** OPT and one more (TSIG, say), which is ignored. */
const MAX_ADDITIONAL = 2
const MAX_NAME = 255

/** What a question packet is, as far as answering from memory needs to know. */
export class Scan {
  readonly packet: Buffer
  /** The 16 bits behind the id. */
  readonly flags: number
  /** The RCODE it is turned away with; 0 when it is to be answered. */
  refusal: number = Rcode.NoError
  /** Behind the question; 12 when there is none, or none that can be echoed. */
  questionEnd = HEADER_OCTETS
  type = 0
  class = 0
  /** Whether an OPT came, so that one goes back. */
  edns = false
  dnssecOk = false
  payloadSize = MIN_UDP_PAYLOAD
  /** Where the data of a COOKIE option is (RFC 7873 4), and how many octets; 0 when there is none. */
  cookieAt = 0
  cookieLength = 0
  /** Whether the client pads, and so wants padding (RFC 7830 4). */
  padding = false
  /** Whether it wants to know how long a connection stays open (RFC 7828 3.2.1). */
  keepAlive = false
  /** Name, type, class, and DO and CD where set, as octets, the name spelled as it was sent. */
  spelledKey = ''
  private folded: string | undefined

  constructor(packet: Buffer) {
    this.packet = packet
    this.flags = packet.readUInt16BE(2)
  }

  /** The same with the name folded: what an answer is remembered under. Folded when first asked for, since few names need it. */
  get key(): string {
    this.folded ??= foldedKey(this)
    return this.folded
  }

  /** RFC 7873 5.4: a packet may ask for a cookie and nothing else. */
  get hasQuestion(): boolean {
    return this.questionEnd > HEADER_OCTETS
  }

  get recursionDesired(): boolean {
    return (this.flags & 0x0100) !== 0
  }

  get checkingDisabled(): boolean {
    return (this.flags & 0x0010) !== 0
  }
}

/** @returns undefined when nothing may be said: a fragment, or a reply (two servers would answer each other for ever) */
export function scanPacket(packet: Buffer): Scan | undefined {
  if (packet.length < HEADER_OCTETS) return undefined
  const scan = new Scan(packet)
  if ((scan.flags & QR) !== 0) return undefined
  const isCookieOnly = packet.readUInt16BE(4) === 0
  scan.refusal = scanHeader(scan) || (isCookieOnly ? scanCookie(scan) : scanWhole(scan))
  return scan
}

function scanWhole(scan: Scan): number {
  return scanQuestion(scan) || scanAdditional(scan) || judgeQuestion(scan)
}

/** RFC 7873 5.4: without a question, a COOKIE asks for a cookie. */
function scanCookie(scan: Scan): number {
  return scanAdditional(scan) || (scan.cookieLength > 0 ? Rcode.NoError : Rcode.FormErr)
}

function scanHeader({ packet, flags }: Scan): number {
  if (((flags >> 11) & 15) !== Opcode.Query) return Rcode.NotImp
  if (packet.readUInt16BE(4) > 1) return Rcode.FormErr // RFC 9619: one question, or none
  if (packet.readUInt32BE(6) !== 0 || packet.readUInt16BE(10) > MAX_ADDITIONAL) return Rcode.FormErr
  return Rcode.NoError
}

// Nothing stands before the question that a pointer could lead to, so its name has none.
function scanQuestion(scan: Scan): number {
  const { packet } = scan
  let at = HEADER_OCTETS
  for (let length = packet[at]; length !== 0; length = packet[at]) {
    if (length === undefined || length > 63) return Rcode.FormErr
    at += 1 + length
  }
  const end = at + 1 + TYPE_AND_CLASS
  if (end > packet.length || at + 1 - HEADER_OCTETS > MAX_NAME) return Rcode.FormErr
  scan.questionEnd = end
  scan.type = packet.readUInt16BE(at + 1)
  scan.class = packet.readUInt16BE(at + 3)
  return Rcode.NoError
}

function scanAdditional(scan: Scan): number {
  let at = scan.questionEnd
  for (let left = scan.packet.readUInt16BE(10); left > 0; left--) {
    const end = scanRecord(scan, at)
    if (end < 0) return Rcode.FormErr
    at = end
  }
  return scan.edns && scan.payloadSize < 0 ? Rcode.BadVers : Rcode.NoError
}

/** @returns where the record ends; -1 when it is malformed */
function scanRecord(scan: Scan, at: number): number {
  const { packet } = scan
  const fixed = skipName(packet, at)
  if (fixed < 0 || fixed + RECORD_FIXED > packet.length) return -1
  const end = fixed + RECORD_FIXED + packet.readUInt16BE(fixed + 8)
  const isWhole = end <= packet.length
  if (packet.readUInt16BE(fixed) !== RecordType.OPT) return isWhole ? end : -1
  const isFirst = !scan.edns
  readOpt(scan, fixed) // also of an OPT that is refused: one goes back all the same (RFC 6891 6.1.1)
  // RFC 6891 6.1.1, 6.1.2: one OPT, owned by the root.
  const isProper = isFirst && packet[at] === 0 && isWhole && readOptions(scan, fixed + RECORD_FIXED, end)
  return isProper ? end : -1
}

function skipName(packet: Buffer, start: number): number {
  let at = start
  for (let length = packet[at]; length !== 0; length = packet[at]) {
    if (length === undefined) return -1
    if (length >= 0xc0) return at + 2
    if (length > 63) return -1
    at += 1 + length
  }
  return at + 1
}

/** @returns whether they fill the space there is, and none is malformed */
function readOptions(scan: Scan, start: number, end: number): boolean {
  const { packet } = scan
  let at = start
  while (at + OPTION_FIXED <= end) {
    const code = packet.readUInt16BE(at)
    const length = packet.readUInt16BE(at + 2)
    if (code === COOKIE && scan.cookieLength === 0) {
      if (!isCookieLength(length)) return false
      scan.cookieAt = at + OPTION_FIXED
      scan.cookieLength = length
    }
    if (code === PADDING) scan.padding = true
    if (code === KEEP_ALIVE) scan.keepAlive = true
    at += OPTION_FIXED + length
  }
  return at === end
}

// RFC 7873 5.2.2
function isCookieLength(length: number): boolean {
  return length === CLIENT_COOKIE_OCTETS || (length >= MIN_BOTH_OCTETS && length <= MAX_BOTH_OCTETS)
}

function readOpt(scan: Scan, fixed: number): void {
  const { packet } = scan
  scan.edns = true
  scan.dnssecOk = (packet.readUInt16BE(fixed + 6) & 0x8000) !== 0
  const version = packet[fixed + 5]
  scan.payloadSize = version === 0 ? Math.max(packet.readUInt16BE(fixed + 2), MIN_UDP_PAYLOAD) : -1
}

function judgeQuestion(scan: Scan): number {
  if (scan.class !== RecordClass.IN) return Rcode.Refused
  if (scan.type === 0 || scan.type === RecordType.OPT) return Rcode.FormErr
  // TKEY, TSIG, IXFR, AXFR, MAILB, MAILA: transactions and transfers, not data.
  if (scan.type >= 249 && scan.type < RecordType.ANY) return Rcode.Refused
  scan.spelledKey = spelledKeyOf(scan)
  return Rcode.NoError
}

const KeyFlag = { DnssecOk: 1, CheckingDisabled: 2 } as const

function spelledKeyOf({ packet, questionEnd, dnssecOk, checkingDisabled }: Scan): string {
  const question = packet.toString('latin1', HEADER_OCTETS, questionEnd)
  const flags = (dnssecOk ? KeyFlag.DnssecOk : 0) | (checkingDisabled ? KeyFlag.CheckingDisabled : 0)
  return flags === 0 ? question : question + flags
}

// RFC 4343. Type and class may hold the octet of a letter too, and stay as they are.
function foldedKey({ spelledKey, questionEnd }: Scan): string {
  const nameEnd = questionEnd - TYPE_AND_CLASS - HEADER_OCTETS
  const name = spelledKey.slice(0, nameEnd) as Name
  const folded = fold(name)
  return folded === name ? spelledKey : folded + spelledKey.slice(nameEnd)
}

/** What was asked, of a key that an answer is remembered under. */
export function readKey(key: string): {
  question: Question
  dnssecOk: boolean
  checkingDisabled: boolean
} {
  const octets = Buffer.from(key, 'latin1')
  const nameEnd = skipName(octets, 0)
  const end = nameEnd + TYPE_AND_CLASS
  const flags = Number(key.slice(end))
  return {
    question: {
      name: nameFromWire(octets.subarray(0, nameEnd)),
      type: octets.readUInt16BE(nameEnd),
      class: octets.readUInt16BE(nameEnd + 2),
    },
    dnssecOk: (flags & KeyFlag.DnssecOk) !== 0,
    checkingDisabled: (flags & KeyFlag.CheckingDisabled) !== 0,
  }
}
