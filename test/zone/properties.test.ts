/** What holds for every signed zone: no bit of it can be turned, any two have an order, what it says is its own, text keeps it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatType, RecordClass, RecordType, type ResourceRecord } from '../../src/dns/message.ts'
import { fold, isUnder, joinNames, type Name, nameFromLabels, parseName } from '../../src/dns/name.ts'
import { encodeRdata } from '../../src/dns/rdata.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import { lookUp } from '../../src/zone/look-up.ts'
import { parseRecords } from '../../src/zone/records.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import {
  compareZones,
  contentOf,
  type SignedZone,
  signRevocation,
  signZone,
  verifyZone,
} from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { formatZoneFile, parseZoneFile } from '../../src/zone/zone-file.ts'
import { anyName, KNOWN_TYPES, rdataOf } from '../support/arbitraries.ts'
import { ALICE, BOB, SIGNED_AT } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)
const SUFFIX = parseName('kad.alt.')
/** Signing takes a millisecond, so these run less often than fast-check would have it. */
const RUNS = { numRuns: 40 }

const sign = (records: readonly ResourceRecord[], sequence = SIGNED_AT) =>
  signZone(ALICE, { sequence, soa: DEFAULT_SOA, records })

// Few labels, so that names meet, lie below each other, and have wildcards.
const inner = fc
  .array(fc.constantFrom('a', 'b', 'B', '*'), { maxLength: 3 })
  .map((labels) => joinNames(nameFromLabels(labels), KEY.apex))
const outside = fc.constantFrom(parseName('a.'), parseName('.'), publicKeyOf(BOB).apex)
const anywhere = fc.oneof({ weight: 9, arbitrary: inner }, { weight: 1, arbitrary: outside })
const TYPES = ['A', 'NS', 'CNAME', 'DNAME', 'DS', 'TXT'] as const
const type = fc.constantFrom(...TYPES).map((word) => RecordType[word])
const dnsClass = fc.oneof(
  { weight: 9, arbitrary: fc.constant<number>(RecordClass.IN) },
  { weight: 1, arbitrary: fc.constant<number>(RecordClass.CH) },
)

/** A record whose names meet those of others; the types with one name in them get one of these. */
const record: fc.Arbitrary<ResourceRecord> = fc
  .tuple(anywhere, type, dnsClass, fc.nat(600), anywhere)
  .chain(([name, type, dnsClass, ttl, target]) => {
    const isAlias = type === RecordType.NS || type === RecordType.CNAME || type === RecordType.DNAME
    const data = isAlias ? fc.constant(encodeRdata(type, [target])) : rdataOf(type)
    return data.map((data) => ({ name, type, class: dnsClass, ttl, data }))
  })
const records = fc.array(record, { maxLength: 8 })

/** A record that is there word for word, whatever the case of its name, its set's TTL and the name it was asked by. */
const isOf = (zone: SignedZone, { type, data, ttl }: ResourceRecord) =>
  zone.records.some(
    (record) => record.type === type && Buffer.from(data).equals(record.data) && ttl <= record.ttl,
  )

describe('any zone', () => {
  test('is refused with any bits of it turned', () => {
    const bits = fc.uniqueArray(fc.nat(0xffff), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(records, bits, (content, turned) => {
        const zone = sign(content)
        const bytes = Buffer.from(zone.bytes)
        const places = new Set(turned.map((bit) => bit % (bytes.length * 8)))
        for (const bit of places) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.throws(() => verifyZone(bytes), ZoneFault)
        assert.deepEqual(verifyZone(zone.bytes).bytes, zone.bytes)
      }),
      RUNS,
    )
  })

  test('has one place in the order of the zones of its key, whatever two and three are compared', () => {
    const sequence = fc.oneof(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 2n ** 63n - 2n }))
    const content = fc.array(record, { maxLength: 2 })
    const zone = fc.oneof(
      { weight: 9, arbitrary: fc.tuple(content, sequence).map((parts) => sign(...parts)) },
      { weight: 1, arbitrary: fc.constant(signRevocation(ALICE)) },
    )
    const order = (a: SignedZone, b: SignedZone) => Math.sign(compareZones(a, b))
    fc.assert(
      fc.property(zone, zone, zone, (a, b, c) => {
        // -0 is 0 here.
        assert.equal(order(a, b) + order(b, a), 0)
        assert.equal(order(a, b) === 0, Buffer.from(a.bytes).equals(b.bytes))
        if (order(a, b) <= 0 && order(b, c) <= 0) assert.ok(order(a, c) <= 0)
        assert.equal(order(a, verifyZone(a.bytes)), 0)
        if (a.sequence !== b.sequence) assert.equal(order(a, b), a.sequence < b.sequence ? -1 : 1)
      }),
      RUNS,
    )
  })
})

describe('what any zone says to any question', () => {
  const question = fc.tuple(inner, fc.oneof(type, fc.constant<number>(RecordType.SOA)))
  type Found = ReturnType<typeof lookUp>

  test('is its own: records of class IN at the name that was asked or above it, as they were signed', () => {
    fc.assert(
      fc.property(records, question, (content, [name, type]) => {
        const zone = sign(content)
        const found = lookUp(zone, name, type)
        for (const record of 'records' in found ? found.records : []) {
          assert.ok(isUnder(record.name, KEY.apex) && isUnder(name, record.name))
          assert.equal(record.class, RecordClass.IN)
          if (!isMade(record, found)) assert.ok(isOf(zone, record), formatType(record.type))
        }
      }),
    )
  })

  /** A CNAME made from a DNAME is the one record nobody signed. */
  function isMade({ type }: ResourceRecord, found: Found): boolean {
    return found.kind === 'alias' && found.records.length === 2 && type === RecordType.CNAME
  }

  test('is of the type that was asked, or an alias or a cut that stands for it', () => {
    fc.assert(
      fc.property(records, question, (content, [name, type]) => {
        const found = lookUp(sign(content), name, type)
        const given = 'records' in found ? found.records : []
        const asked = `answer( ${formatType(type)})+`
        assert.match(
          [found.kind, ...given.map((record) => formatType(record.type))].join(' '),
          new RegExp(`^(${asked}|alias (DNAME )?CNAME|delegation( NS)+|no-data|no-name)$`),
        )
        if (found.kind !== 'delegation') assert.equal(given.at(-1)?.name ?? name, name)
      }),
    )
  })

  test('is the same in any case of the name, and whatever order the records were signed in', () => {
    fc.assert(
      fc.property(records, question, (content, [name, type]) => {
        const found = lookUp(sign(content), name, type)
        const upper = parseName(KEY.label.toUpperCase())
        const other = name.slice(0, -KEY.apex.length).toUpperCase() + upper
        assert.equal(lookUp(sign(content), other as Name, type).kind, found.kind)
        // Of several CNAMEs or DNAMEs at a name, which nobody may sign, the first counts.
        const reversed = lookUp(sign(content.toReversed()), fold(name), type)
        assert.equal(reversed.kind, found.kind)
      }),
      RUNS,
    )
  })
})

describe('a zone file', () => {
  for (const type of KNOWN_TYPES.filter((known) => known !== RecordType.SOA)) {
    test(`keeps ${formatType(type)}`, () => {
      const owner = anyName
        .map((name) => joinNames(nameFromLabels(['x']), name))
        .map((name) => joinNames(name, KEY.apex))
      fc.assert(
        fc.property(owner, rdataOf(type), fc.nat(0x7fff_ffff), (name, data, ttl) => {
          const zone = sign([{ name, type, class: RecordClass.IN, ttl, data }])
          const read = parseRecords(parseZoneFile(formatZoneFile(zone), KEY), KEY, SUFFIX)
          assert.deepEqual(sign(read).bytes, zone.bytes)
          assert.deepEqual(
            read.map(({ data }) => Buffer.from(data)),
            [data],
          )
        }),
        { numRuns: 10 },
      )
    })
  }

  test('keeps every record of a zone that may be signed', () => {
    const fine = fc.array(record, { maxLength: 6 }).map((content) =>
      // One owner each, none below another: no conflicts are left.
      content.map((record, at) => ({
        ...record,
        class: RecordClass.IN,
        name: joinNames(nameFromLabels([`r${at}`]), KEY.apex),
      })),
    )
    fc.assert(
      fc.property(fine, (content) => {
        const zone = sign(content)
        const read = parseRecords(parseZoneFile(formatZoneFile(zone), KEY), KEY, SUFFIX)
        assert.deepEqual(sign(read).bytes, zone.bytes)
        assert.equal(contentOf(zone).length, content.length)
      }),
      RUNS,
    )
  })
})
