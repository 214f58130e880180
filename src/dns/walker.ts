/** One walk over a message from anywhere: linear, bounded, and before any library sees the octets (RFC 9267). */
import { DnsFault } from './fault.ts'
import { MAX_NAME_OCTETS, type Name } from './name.ts'

export const HEADER_OCTETS = 12
/** Octets of names that may be expanded per message, pointers followed; what needs more is an attack. */
export const MAX_EXPANDED_OCTETS = 65_536
export const MAX_POINTER_HOPS = 16
/** Questions and records of one message: as many addresses as 64 KiB hold under one name. Smaller ones mean nothing but work. */
export const MAX_ENTRIES = 4096

const QUESTION_FIXED = 4
const RECORD_FIXED = 10

export type Section = 'answer' | 'authority' | 'additional'

/** Where one record lies in the message; offsets in octets from its start. */
export interface RecordBorders {
  readonly section: Section
  readonly name: Name
  readonly type: number
  readonly class: number
  /** Seconds as sent: unsigned, uncut. */
  readonly ttl: number
  readonly ttlAt: number
  readonly dataAt: number
  readonly dataLength: number
}

export interface WalkedQuestion {
  readonly name: Name
  readonly type: number
  readonly class: number
  readonly end: number
}

export interface Walked {
  readonly questions: readonly WalkedQuestion[]
  readonly records: readonly RecordBorders[]
  /** The first octet behind the last record. */
  readonly end: number
  /** Octets of names expanded, the measure of the work this took. */
  readonly expanded: number
}

/** Reads names out of one buffer and counts the work; shared by everything that reads the same message. */
export class NameReader {
  readonly #bytes: Buffer
  readonly #pointers: boolean
  expanded = 0
  /** Behind the name read last: the octet after its root label or its first pointer. */
  end = 0

  /** @param pointers whether compression pointers are understood; in data on its own they are a fault */
  constructor(bytes: Uint8Array, pointers: boolean) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#pointers = pointers
  }

  /** @throws DnsFault `malformed` when there is no name at `start`, or reading it takes too much work */
  read(start: number): Name {
    let name = ''
    let at = start
    let segment = start
    let hops = 0
    for (let length = this.#lengthAt(at); length > 0; length = this.#lengthAt(at)) {
      if (length < 64) {
        at = this.#behindLabel(at, length)
        if (name.length + at - segment >= MAX_NAME_OCTETS) throw malformed('A name has more than 255 octets.')
      } else {
        const target = this.#pointer(at, segment, ++hops)
        if (hops === 1) this.end = at + 2
        name += this.#labels(segment, at)
        at = segment = target
      }
    }
    if (hops === 0) this.end = at + 1
    name += this.#labels(segment, at)
    this.#count(name.length + 1)
    return `${name}\0` as Name
  }

  #lengthAt(at: number): number {
    const length = this.#bytes[at]
    if (length === undefined) throw malformed('A name runs past the end of the message.')
    return length
  }

  #behindLabel(at: number, length: number): number {
    const end = at + 1 + length
    if (end > this.#bytes.length) throw malformed('A label runs past the end of the message.')
    return end
  }

  // A name is what stands on the wire, so labels that follow one another are taken at once.
  #labels(start: number, end: number): string {
    return start === end ? '' : this.#bytes.toString('latin1', start, end)
  }

  // Each pointer leads before the part of the name it ends, so there is no way round in a circle.
  #pointer(at: number, segment: number, hops: number): number {
    const high = this.#bytes[at] ?? 0
    const low = this.#bytes[at + 1]
    if (high < 0xc0 || !this.#pointers) throw malformed('A label has a length or type that is not allowed.')
    const target = low === undefined ? Infinity : ((high & 0x3f) << 8) | low
    if (target >= segment) throw malformed('A compression pointer does not point backward.')
    if (target < HEADER_OCTETS) throw malformed('A compression pointer points into the header.')
    if (hops > MAX_POINTER_HOPS) throw malformed('A name follows too many compression pointers.')
    return target
  }

  #count(octets: number): void {
    this.expanded += octets
    if (this.expanded > MAX_EXPANDED_OCTETS)
      throw malformed('The names of this message expand to more than 64 KiB.')
  }
}

/** Finds the borders of everything in a message. Octets behind its last record are left for the caller to judge (`end`). */
export function walkMessage(message: Uint8Array): Walked {
  if (message.length < HEADER_OCTETS) throw malformed('A message has at least 12 octets.')
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  const names = new NameReader(bytes, true)
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, number, number, number]
  refuseImpossibleCounts(bytes.length, counts)
  const questions: WalkedQuestion[] = []
  const records: RecordBorders[] = []
  let at = HEADER_OCTETS
  for (let left = counts[0]; left > 0; left--) {
    const question = walkQuestion(bytes, at, names)
    questions.push(question)
    at = question.end
  }
  const sections: [Section, number][] = [
    ['answer', counts[1]],
    ['authority', counts[2]],
    ['additional', counts[3]],
  ]
  for (const [section, count] of sections) {
    for (let left = count; left > 0; left--) {
      const record = walkRecord(bytes, at, { section, names })
      records.push(record)
      at = record.dataAt + record.dataLength
    }
  }
  return { questions, records, end: at, expanded: names.expanded }
}

// A question takes five octets at least and a record eleven, so counts that cannot be true are seen before any work.
function refuseImpossibleCounts(
  length: number,
  [questions, ...records]: readonly [number, ...number[]],
): void {
  const count = records.reduce((sum, each) => sum + each, 0)
  if (HEADER_OCTETS + questions * (QUESTION_FIXED + 1) + count * (RECORD_FIXED + 1) > length)
    throw malformed('The header counts more records than the message has room for.')
  if (questions + count > MAX_ENTRIES) throw malformed(`A message has more than ${MAX_ENTRIES} records.`)
}

function walkQuestion(bytes: Buffer, at: number, names: NameReader): WalkedQuestion {
  const name = names.read(at)
  const fixed = names.end
  if (fixed + QUESTION_FIXED > bytes.length) throw malformed('A question runs past the end of the message.')
  return {
    name,
    type: bytes.readUInt16BE(fixed),
    class: bytes.readUInt16BE(fixed + 2),
    end: fixed + QUESTION_FIXED,
  }
}

function walkRecord(bytes: Buffer, at: number, from: { section: Section; names: NameReader }): RecordBorders {
  const name = from.names.read(at)
  const fixed = from.names.end
  const dataAt = fixed + RECORD_FIXED
  if (dataAt > bytes.length) throw malformed('A record runs past the end of the message.')
  const dataLength = bytes.readUInt16BE(fixed + 8)
  if (dataAt + dataLength > bytes.length) throw malformed('RDATA runs past the end of the message.')
  return {
    section: from.section,
    name,
    type: bytes.readUInt16BE(fixed),
    class: bytes.readUInt16BE(fixed + 2),
    ttl: bytes.readUInt32BE(fixed + 4),
    ttlAt: fixed + 4,
    dataAt,
    dataLength,
  }
}

function malformed(sentence: string): DnsFault {
  return new DnsFault('malformed', sentence)
}
