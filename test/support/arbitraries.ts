/** Values for properties: names, RDATA of every type in the table, records, messages. What shrinks stays what it is. */
import fc from 'fast-check'
import { type Flags, type Message, RecordClass, type ResourceRecord } from '../../src/dns/message.ts'
import { type Name, nameFromLabels } from '../../src/dns/name.ts'
import {
  digestOctetsOf,
  encodeRdata,
  type Field,
  fieldsOf,
  type Kind,
  knownTypes,
} from '../../src/dns/rdata.ts'
import { octets, uint16 } from './wire.ts'

/** A type nobody has given fields to (RFC 6895 3.1: for private use). */
export const OPAQUE_TYPE = 65280
export const KNOWN_TYPES = knownTypes().map(({ type }) => type)

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array))

/** Up to five labels of any octets. */
export const anyName: fc.Arbitrary<Name> = fc
  .array(
    bytes(1, 9).map((label) => label.toString('latin1')),
    { maxLength: 5 },
  )
  .map(nameFromLabels)

const params = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.nat(9), fc.nat(0xffff)), bytes(0, 12)), {
    selector: ([key]) => key,
    maxLength: 4,
  })
  .map((list) => list.sort(([a], [b]) => a - b))
  .map((list) => octets(...list.flatMap(([key, value]) => [uint16(key), uint16(value.length), value])))

const size = fc.oneof(
  fc.constant(0),
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9)).map(([digit, power]) => (digit << 4) | power),
)
const angle = (degrees: number) =>
  fc
    .integer({ min: -degrees * 3_600_000, max: degrees * 3_600_000 })
    .map((thousandths) => 2 ** 31 + thousandths)
const place = fc
  .tuple(size, size, size, angle(90), angle(180), fc.integer({ min: 0, max: 0xffff_ffff }))
  .map(([wide, horizontal, vertical, ...words]) => {
    const data = Buffer.alloc(16)
    data.set([0, wide, horizontal, vertical])
    words.forEach((word, at) => {
      data.writeUInt32BE(word, 4 + 4 * at)
    })
    return data
  })
const placeOfAnotherVersion = bytes(0, 20).chain((rest) =>
  fc.integer({ min: 1, max: 255 }).map((version) => octets(Buffer.of(version), rest)),
)

/** A kind that is added to the table and not here does not compile. */
const FIELD: Record<Kind, fc.Arbitrary<Field>> = {
  u8: fc.oneof(fc.nat(4), fc.nat(0xff)),
  u16: fc.nat(0xffff),
  u32: fc.integer({ min: 0, max: 0xffff_ffff }),
  algorithm: fc.nat(0xff),
  ipv4: bytes(4, 4),
  ipv6: bytes(16, 16),
  name: anyName,
  string: bytes(0, 20),
  strings: fc.array(bytes(0, 20), { minLength: 1, maxLength: 4 }),
  tag: fc.stringMatching(/^[0-9A-Za-z]{1,15}$/).map((tag) => Buffer.from(tag)),
  value: bytes(0, 30),
  uri: bytes(1, 30),
  params,
  location: fc.oneof({ weight: 4, arbitrary: place }, { weight: 1, arbitrary: placeOfAnotherVersion }),
  hex: bytes(1, 70),
}

/** RDATA of a type of the table, made from its row alone. */
export function rdataOf(type: number): fc.Arbitrary<Buffer> {
  return fc
    .tuple(...(fieldsOf(type) ?? []).map((kind) => FIELD[kind]))
    .map((fields) => encodeRdata(type, fitted(type, fields)))
}

/** The fields with a digest as long as they say it is. */
function fitted(type: number, fields: readonly Field[]): readonly Field[] {
  const length = digestOctetsOf(type, fields)
  if (length === undefined) return fields
  return [...fields.slice(0, -1), Buffer.alloc(length, fields.at(-1) as Uint8Array)]
}

const typeAndData = fc.oneof(
  ...KNOWN_TYPES.map((type) => rdataOf(type).map((data) => ({ type, data }))),
  bytes(0, 20).map((data) => ({ type: OPAQUE_TYPE, data })),
)

export const anyRecord: fc.Arbitrary<ResourceRecord> = fc
  .tuple(anyName, typeAndData, fc.nat(0x7fff_ffff), fc.constantFrom(...Object.values(RecordClass)))
  .map(([name, { type, data }, ttl, dnsClass]) => ({ name, type, class: dnsClass, ttl, data }))

const records = fc.array(anyRecord, { maxLength: 5 })

/** As codecs make them: with a prototype, so that one equals the other. */
const PLAIN = { noNullPrototype: true } as const

const flags = fc.record(
  {
    response: fc.boolean(),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
  } satisfies Record<keyof Flags, fc.Arbitrary<boolean>>,
  PLAIN,
)

const question = fc.record({ name: anyName, type: fc.nat(0xffff), class: fc.nat(0xffff) }, PLAIN)

const ednsError = fc.record({ code: fc.nat(0xffff), text: fc.string({ unit: 'grapheme' }) }, PLAIN)

const edns = fc.record(
  {
    payloadSize: fc.nat(0xffff),
    version: fc.nat(0xff),
    dnssecOk: fc.boolean(),
    error: fc.option(ednsError, { nil: undefined }),
  },
  PLAIN,
)

export const anyMessage: fc.Arbitrary<Message> = fc
  .record(
    {
      id: fc.nat(0xffff),
      opcode: fc.nat(15),
      flags,
      rcode: fc.nat(0xfff),
      questions: fc.array(question, { maxLength: 2 }),
      answers: records,
      authority: records,
      additional: records,
      edns: fc.option(edns, { nil: undefined }),
    },
    PLAIN,
  )
  // Without OPT there are four bits for it (RFC 6891 6.1.3).
  .map((message) => ({ ...message, rcode: message.edns ? message.rcode : message.rcode & 0xf }))
