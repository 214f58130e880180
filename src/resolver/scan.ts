/** The first look at a packet: linear, bounded, and all there is for questions that are refused or already answered. */
import { Opcode, type Question, Rcode, RecordClass, RecordType } from '../dns/message.ts'
import { fold, type Name, nameFromWire } from '../dns/name.ts'
import { HEADER_OCTETS } from '../dns/walker.ts'

/** RFC 6891 6.2.5: less is taken as this. */
export const MIN_UDP_PAYLOAD = 512
const QR = 0x8000
const TYPE_AND_CLASS = 4
const RECORD_FIXED = 10
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
  /** Behind the question; 12 when there is none that can be echoed. */
  questionEnd = HEADER_OCTETS
  type = 0
  class = 0
  /** Whether an OPT came, so that one goes back. */
  edns = false
  dnssecOk = false
  payloadSize = MIN_UDP_PAYLOAD
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
  scan.refusal = scanHeader(scan) || scanQuestion(scan) || scanAdditional(scan) || judgeQuestion(scan)
  return scan
}

function scanHeader({ packet, flags }: Scan): number {
  if (((flags >> 11) & 15) !== Opcode.Query) return Rcode.NotImp
  if (packet.readUInt16BE(4) !== 1) return Rcode.FormErr // RFC 9619: exactly one question
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
  const isProper = isFirst && packet[at] === 0 && isWhole && optionsFit(packet, fixed + RECORD_FIXED, end)
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

function optionsFit(packet: Buffer, start: number, end: number): boolean {
  let at = start
  while (at + 4 <= end) at += 4 + packet.readUInt16BE(at + 2)
  return at === end
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
