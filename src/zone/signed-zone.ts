/** The signed zone: what travels, is stored and served. Byte for byte a pkarr SignedPacket; ours begin with an SOA. */
import { decodeMessage, encodeMessage } from '../dns/codec.ts'
import { DnsFault } from '../dns/fault.ts'
import { type Message, NO_FLAGS, RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { isUnder, sameName } from '../dns/name.ts'
import { decodeRdata, fieldsOf } from '../dns/rdata.ts'
import { ZoneFault } from './fault.ts'
import { KEY_OCTETS, type PublicKey, publicKeyFromBytes } from './key.ts'
import { publicKeyOf, SIGNATURE_OCTETS, signBytes, verifyBytes } from './signature.ts'
import { BARE_SOA, decodeZoneSoa, encodeZoneSoa, MAX_LIFETIME, type ZoneSoa } from './soa.ts'

declare const verified: unique symbol

/** A zone whose signature holds. Only `signZone` and `verifyZone` make one, so whoever holds it need not ask again. */
export interface SignedZone {
  readonly [verified]: true
  readonly key: PublicKey
  /** Microseconds since the Unix epoch when it was signed. The higher wins. */
  readonly sequence: bigint
  /** Milliseconds since the Unix epoch; from then on nobody may serve the zone. Infinity for a revocation, and a bare zone. */
  readonly expires: number
  readonly soa: ZoneSoa
  /** True for the one message that ends a key for good. */
  readonly revoked: boolean
  /** True for a packet of a pkarr client without an SOA, so without a signed expiry: `soa` and the first record are made up. */
  readonly bare: boolean
  /** Everything at or below the apex, the SOA included; what lay outside is left out. */
  readonly records: readonly ResourceRecord[]
  /** Exactly what was signed and is stored and sent. */
  readonly bytes: Uint8Array
}

const SEQUENCE_AT = KEY_OCTETS + SIGNATURE_OCTETS
const MESSAGE_AT = SEQUENCE_AT + 8
/** BEP 44 lets a value have 1000 octets as bencoded; "996:" takes four of them. */
export const MAX_MESSAGE_OCTETS = 996
export const MAX_ZONE_OCTETS = MESSAGE_AT + MAX_MESSAGE_OCTETS
export const MAX_RECORDS = 100
/** Marks a revocation: the highest sequence BEP 44 knows. */
export const REVOKED = 2n ** 63n - 1n
/** How far ahead of one's own clock a sequence may be, in milliseconds. */
export const TOLERANCE = 10 * 60_000

/**
 * Signs `records` (without an SOA: it is made from `soa`) as the content of the key's zone.
 * @param sequence microseconds since the Unix epoch
 * @throws ZoneFault `size` when the message would be over 996 octets, `content` when there are over 100 records
 */
export function signZone(
  secret: Uint8Array,
  content: { sequence: bigint; soa: ZoneSoa; records: readonly ResourceRecord[] },
): SignedZone {
  const key = publicKeyOf(secret)
  const soa = soaRecord(key, content.soa, content.sequence)
  const message = encodeZoneMessage([soa, ...content.records])
  if (message.length > MAX_MESSAGE_OCTETS) {
    throw new ZoneFault('size', `The zone would have ${message.length} octets; ${MAX_MESSAGE_OCTETS} fit.`)
  }
  return verifyZone(sealed(secret, key, content.sequence, message))
}

/** The one message that revokes a key: an SOA with every field zero under the highest sequence. The same bytes every time. */
export function signRevocation(secret: Uint8Array): SignedZone {
  const key = publicKeyOf(secret)
  return verifyZone(sealed(secret, key, REVOKED, revocationMessage(key)))
}

function sealed(secret: Uint8Array, key: PublicKey, sequence: bigint, message: Uint8Array): Uint8Array {
  const signature = signBytes(signedPart(sequence, message), secret)
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(sequence)
  return Buffer.concat([key.bytes, signature, head, message])
}

/** BEP 44: what the signature of a mutable item covers, without salt. */
export function signedPart(sequence: bigint, message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`3:seqi${sequence}e1:v${message.length}:`, 'latin1'), message])
}

/**
 * Bytes from anywhere to a zone that can be trusted to be its key's: size first, then key and signature, then content.
 * Whether it is of its time is asked apart (`checkTime`): a node may hold an expired zone of its own.
 * @param expected the key it has to be of, where one was asked for
 * @throws ZoneFault `size`, `key`, `signature` or `content`
 */
export function verifyZone(bytes: Uint8Array, expected?: PublicKey): SignedZone {
  if (bytes.length <= MESSAGE_AT || bytes.length > MAX_ZONE_OCTETS) {
    throw new ZoneFault(
      'size',
      `A signed zone has ${MESSAGE_AT + 1} to ${MAX_ZONE_OCTETS} octets, not ${bytes.length}.`,
    )
  }
  const own = Buffer.from(bytes)
  const key = keyAtHead(own, expected)
  const sequence = own.readBigUInt64BE(SEQUENCE_AT)
  const message = own.subarray(MESSAGE_AT)
  if (!verifyBytes(signedPart(sequence, message), own.subarray(KEY_OCTETS, SEQUENCE_AT), key)) {
    throw new ZoneFault('signature', `The signature of zone ${key.label} does not hold.`)
  }
  if (sequence === REVOKED) return revocation(key, own, message)
  if (sequence > REVOKED) throw new ZoneFault('content', 'The sequence is above the highest BEP 44 knows.')
  const records = recordsOf(key, decodeSigned(message))
  const [first] = records
  if (first?.type !== RecordType.SOA) return bareZone({ key, sequence, records, bytes: own })
  const soa = decodeZoneSoa(first)
  const expires = Number(sequence / 1000n) + Math.min(soa.expire, MAX_LIFETIME) * 1000
  return seal({ key, sequence, expires, soa, revoked: false, bare: false, records, bytes: own })
}

/** Protocol 2, "Without SOA". What looks at zones finds an SOA in this one too; nobody has signed it. */
function bareZone({
  records,
  ...signed
}: Pick<SignedZone, 'key' | 'sequence' | 'records' | 'bytes'>): SignedZone {
  const soa = soaRecord(signed.key, BARE_SOA, signed.sequence)
  const made = { expires: Infinity, soa: BARE_SOA, revoked: false, bare: true }
  return seal({ ...signed, ...made, records: [soa, ...records] })
}

function soaRecord({ apex }: PublicKey, soa: ZoneSoa, sequence: bigint): ResourceRecord {
  const data = encodeZoneSoa(soa, sequence)
  return { name: apex, type: RecordType.SOA, class: RecordClass.IN, ttl: soa.minimum, data }
}

function seal(zone: Omit<SignedZone, typeof verified>): SignedZone {
  return Object.freeze(zone) as SignedZone
}

function keyAtHead(bytes: Buffer, expected: PublicKey | undefined): PublicKey {
  const head = bytes.subarray(0, KEY_OCTETS)
  if (!expected) return publicKeyFromBytes(head)
  if (head.equals(expected.bytes)) return expected
  throw new ZoneFault('key', `This zone is not that of ${expected.label}.`)
}

function revocation(key: PublicKey, bytes: Uint8Array, message: Buffer): SignedZone {
  if (!message.equals(revocationMessage(key))) {
    throw new ZoneFault('content', 'Only a revocation may carry the highest sequence, and this is none.')
  }
  const records = decodeSigned(message).answers
  const soa: ZoneSoa = { scope: 'any', refresh: 0, retry: 0, expire: 0, minimum: 0 }
  return seal({ key, sequence: REVOKED, expires: Infinity, soa, revoked: true, bare: false, records, bytes })
}

function revocationMessage(key: PublicKey): Uint8Array {
  const data = new Uint8Array(22)
  return encodeZoneMessage([{ name: key.apex, type: RecordType.SOA, class: RecordClass.IN, ttl: 0, data }])
}

export function encodeZoneMessage(answers: readonly ResourceRecord[]): Uint8Array {
  if (answers.length > MAX_RECORDS) {
    throw new ZoneFault(
      'content',
      `A zone has at most ${MAX_RECORDS} records, its SOA included, not ${answers.length}.`,
    )
  }
  const flags = { ...NO_FLAGS, response: true }
  return encodeMessage({
    id: 0,
    opcode: 0,
    flags,
    rcode: 0,
    questions: [],
    answers,
    authority: [],
    additional: [],
    edns: undefined,
  })
}

function decodeSigned(message: Uint8Array): Message {
  try {
    return decodeMessage(message, { trailing: 'refuse' })
  } catch (cause) {
    if (!(cause instanceof DnsFault)) throw cause
    throw new ZoneFault('content', `The signed octets are no DNS message: ${cause.message}`, { cause })
  }
}

/** The zone's records, its SOA first where it has one. */
function recordsOf(key: PublicKey, message: Message): readonly ResourceRecord[] {
  const extra = message.questions.length + message.authority.length + message.additional.length
  if (!message.flags.response || extra > 0 || message.edns) {
    throw new ZoneFault('content', 'A zone is a reply (QR=1) with answers and nothing else.')
  }
  if (message.answers.length > MAX_RECORDS) {
    throw new ZoneFault(
      'content',
      `A zone has at most ${MAX_RECORDS} records, not ${message.answers.length}.`,
    )
  }
  const inside = message.answers.filter(
    (record) => record.class === RecordClass.IN && isUnder(record.name, key.apex) && isWellFormed(record),
  )
  const isSoa = (record: ResourceRecord) => record.type === RecordType.SOA
  const soas = inside.filter((record) => isSoa(record) && record.name.length === key.apex.length)
  // Without any it is a bare zone; one that is of no use shows that an expiry was meant.
  const isBare = !message.answers.some(isSoa)
  if (soas.length !== 1 && !isBare)
    throw new ZoneFault('content', `A zone has one SOA at its apex, not ${soas.length}.`)
  return [...soas, ...inside.filter((record) => !isSoa(record))]
}

/** Two nodes that know different types must agree on what is a zone, so what is malformed is not served, but no fault of it. */
function isWellFormed({ type, data }: ResourceRecord): boolean {
  try {
    if (fieldsOf(type)) decodeRdata(type, data)
    return true
  } catch (cause) {
    if (cause instanceof DnsFault) return false
    throw cause
  }
}

/** @throws ZoneFault `future` or `expired` unless a node whose clock says `now` (milliseconds) may store and serve the zone */
export function checkTime(zone: SignedZone, now: number): void {
  if (zone.revoked) return
  if (isAhead(zone, now)) {
    throw new ZoneFault('future', `Zone ${zone.key.label} was signed for a time over ten minutes from now.`)
  }
  if (zone.expires <= now) {
    throw new ZoneFault(
      'expired',
      `Zone ${zone.key.label} expired at ${new Date(zone.expires).toISOString()}.`,
    )
  }
}

/** The same as a question. */
export function isTimely(zone: SignedZone, now: number): boolean {
  try {
    checkTime(zone, now)
    return true
  } catch {
    return false
  }
}

/** Whether a zone was signed for a time too far ahead of `now` (milliseconds) to be taken. */
export function isAhead({ revoked, sequence }: SignedZone, now: number): boolean {
  return !revoked && sequence > BigInt(Math.trunc(now + TOLERANCE)) * 1000n
}

/** ISO 8601; undefined for a moment that no Date knows: a sequence goes further than they do, a revocation for ever. */
export function formatTime(milliseconds: number): string | undefined {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** A total order of the zones of one key: negative when `a` is older, 0 when they are the same bytes. */
export function compareZones(a: SignedZone, b: SignedZone): number {
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1
  return Buffer.compare(a.bytes.subarray(MESSAGE_AT), b.bytes.subarray(MESSAGE_AT))
}

/** The records people gave the zone: all but the SOA, which is made when it is signed. */
export function contentOf({ records }: SignedZone): readonly ResourceRecord[] {
  return records.filter(({ type }) => type !== RecordType.SOA)
}

/** The same with what is not served: whoever signed it may know a type better than this node does. */
export function wholeContentOf({ bytes, key }: SignedZone): readonly ResourceRecord[] {
  const { answers } = decodeSigned(bytes.subarray(MESSAGE_AT))
  return answers.filter(({ name, type }) => type !== RecordType.SOA || !sameName(name, key.apex))
}
