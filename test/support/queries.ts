/** Questions as octets, well-formed or not, and replies as values. */
import assert from 'node:assert/strict'
import { decodeMessage } from '../../src/dns/codec.ts'
import { type Message, parseType } from '../../src/dns/message.ts'
import { nameToWire, parseName } from '../../src/dns/name.ts'
import { octets, uint16 } from './wire.ts'

/** Bits of the word behind the id (RFC 1035 4.1.1, RFC 4035 3.2). */
export const Bit = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  Z: 0x0040,
  AD: 0x0020,
  CD: 0x0010,
} as const

export interface OptParts {
  readonly payload?: number
  readonly version?: number
  /** The 16 bits behind the version; DO is 0x8000. */
  readonly flags?: number
  /** Hexadecimal. */
  readonly options?: string
}

export interface QueryParts {
  readonly id?: number
  /** The 16 bits behind the id; RD alone unless said otherwise. */
  readonly bits?: number
  readonly class?: number
  readonly edns?: OptParts
}

export const DNSSEC_OK: OptParts = { flags: 0x8000 }
const ID = 0x4b4e

/** A question packet. @param question `name TYPE` */
export function queryPacket(question: string, parts: QueryParts = {}): Buffer {
  const { id = ID, bits = Bit.RD, edns } = parts
  const counts = edns ? '0001 0000 0000 0001' : '0001 0000 0000 0000'
  return octets(
    uint16(id),
    uint16(bits),
    counts,
    questionOctets(question, parts.class),
    edns ? opt(edns) : '',
  )
}

/** One question as it stands in a packet. */
export function questionOctets(question: string, dnsClass = 1): Buffer {
  const [name = '', word = ''] = question.split(' ')
  const type = parseType(word)
  assert.ok(type !== undefined, `"${question}" is not "name TYPE"`)
  return octets(nameToWire(parseName(name)), uint16(type), uint16(dnsClass))
}

/** An OPT record. @param owner hexadecimal */
export function opt(
  { payload = 1232, version = 0, flags = 0, options = '' }: OptParts,
  owner = '00',
): Buffer {
  const data = octets(options)
  return octets(
    owner,
    '0029',
    uint16(payload),
    Buffer.of(0, version),
    uint16(flags),
    uint16(data.length),
    data,
  )
}

export interface Reply extends Message {
  readonly octets: Buffer
  /** The 16 bits behind the id, as they came. */
  readonly bits: number
  /** Octets up to the end of the question. */
  readonly question: Buffer
}

/** Fails unless the octets are one whole message. */
export function readReply(packet: Buffer): Reply {
  const message = decodeMessage(packet, { trailing: 'refuse' })
  let end = 12
  if (message.questions.length > 0) {
    while (packet[end] !== 0) end += 1 + packet.readUInt8(end)
    end += 5
  }
  return { ...message, octets: packet, bits: packet.readUInt16BE(2), question: packet.subarray(12, end) }
}
