import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeMessage } from '../../src/dns/codec.ts'
import { DnsFault } from '../../src/dns/fault.ts'
import { RecordType } from '../../src/dns/message.ts'
import { formatName, labelsOf, parseName } from '../../src/dns/name.ts'
import { MAX_EXPANDED_OCTETS, NameReader, walkMessage } from '../../src/dns/walker.ts'
import { assertDnsFault } from '../support/faults.ts'
import { messageOf } from '../support/messages.ts'
import { recordsFrom } from '../support/records.ts'
import { header, octets, uint16, wireName, wireRecord } from '../support/wire.ts'

const A = RecordType.A
const pointer = (target: number) => uint16(0xc000 | target)
const repeat = (count: number, piece: (at: number) => Uint8Array) =>
  Buffer.concat(Array.from({ length: count }, (_, at) => piece(at)))

/** A message with one A record whose owner is these octets. */
const withOwner = (...owner: (string | Uint8Array)[]) =>
  octets(header({ an: 1 }), wireRecord(octets(...owner), A, 'c0000201'))

describe('the borders of a message', () => {
  const message = encodeMessage(
    messageOf({
      questions: [{ name: parseName('Example.org.'), type: A, class: 1 }],
      answers: recordsFrom('example.org. 300 IN A 192.0.2.1'),
      authority: recordsFrom('example.org. 3600 IN NS ns.example.org.'),
      additional: recordsFrom('ns.example.org. 60 IN AAAA 2001:db8::1'),
    }),
  )

  test('sections, names, types and TTLs are found, with the place of each TTL and RDATA', () => {
    const { questions, records, end } = walkMessage(message)
    assert.deepEqual(
      questions.map(({ name, type }) => [formatName(name), type]),
      [['Example.org.', A]],
    )
    assert.deepEqual(
      records.map(({ section, name, type, ttl }) => [section, formatName(name), type, ttl]),
      [
        ['answer', 'example.org.', A, 300],
        ['authority', 'example.org.', RecordType.NS, 3600],
        ['additional', 'ns.example.org.', RecordType.AAAA, 60],
      ],
    )
    for (const { ttl, ttlAt, dataAt } of records) {
      assert.equal(message.readUInt32BE(ttlAt), ttl)
      assert.equal(dataAt, ttlAt + 6)
    }
    assert.equal(end, message.length)
  })

  test('octets behind the last record are left to the caller', () => {
    assert.equal(walkMessage(octets(message, '00ff')).end, message.length)
  })

  test('a message in the middle of a larger buffer is read where it lies', () => {
    const shifted = octets('ffffff', message, 'ffff').subarray(3, 3 + message.length)
    assert.deepEqual(walkMessage(shifted), walkMessage(message))
  })

  test('cut anywhere it is malformed, and nothing worse', () => {
    for (let length = 0; length < message.length; length++) {
      assertDnsFault(() => walkMessage(message.subarray(0, length)), 'malformed')
    }
  })

  test('with any one octet changed it is read or malformed, and nothing worse', () => {
    let malformed = 0
    for (let at = 0; at < message.length; at++) {
      for (const value of [0x00, 0x01, 0x3f, 0x40, 0x80, 0xc0, 0xff]) {
        const changed = Buffer.from(message)
        changed[at] = value
        try {
          walkMessage(changed)
        } catch (fault) {
          assert.ok(fault instanceof DnsFault, `octet ${at} = ${value}: ${fault}`)
          malformed++
        }
      }
    }
    assert.ok(malformed > 50)
  })
})

describe('compression pointers', () => {
  // 12: a.example., 23: the next owner
  const before = octets(header({ an: 2 }), wireRecord(wireName('a.example.'), A, 'c0000201'))
  const after = (owner: Uint8Array) => octets(before, wireRecord(owner, A, 'c0000202'))

  test('a pointer backward is followed', () => {
    const [, second] = walkMessage(after(octets('01 62', pointer(14)))).records
    assert.equal(formatName(second?.name ?? parseName('.')), 'b.example.')
  })

  const broken: [fault: string, message: Uint8Array, sentence: RegExp][] = [
    ['to itself', after(pointer(before.length)), /backward/],
    ['forward', after(pointer(before.length + 4)), /backward/],
    ['past the end', after(pointer(0x3fff)), /backward/],
    ['into the header', after(pointer(11)), /header/],
    ['to the start of the header', after(pointer(0)), /header/],
    ['to the label it ends', after(octets('01 62', pointer(before.length))), /backward/],
    ['round in a circle over two', withOwner(pointer(14), pointer(12)), /backward/],
  ]
  for (const [fault, message, sentence] of broken) {
    test(`a pointer ${fault} is malformed`, () =>
      assertDnsFault(() => walkMessage(message), 'malformed', sentence))
  }

  test('a pointer whose second octet is missing is malformed', () => {
    assertDnsFault(() => new NameReader(octets('01 61 c0'), true).read(0), 'malformed', /backward/)
  })

  test('a pointer into RDATA is read as any octets are', () => {
    const inRdata = before.length - 4
    // 192.0.2.1 is a pointer far ahead; a name made of address octets has to be refused by its own rules.
    assertDnsFault(() => walkMessage(after(pointer(inRdata))), 'malformed', /backward|header|past/)
    assert.equal(
      formatName(walkMessage(after(pointer(inRdata - 2))).records[1]?.name ?? parseName('x.')),
      '.',
    )
  })

  test('sixteen pointers one after the other are followed, and not seventeen', () => {
    // RDATA of the first record: the root, then pointers each to the one before.
    const start = 12 + 1 + 10
    const chain = octets(
      '00',
      ...Array.from({ length: 16 }, (_, at) => pointer(at === 0 ? start : start + 2 * at - 1)),
    )
    const message = (hops: number) =>
      octets(
        header({ an: 2 }),
        wireRecord('00', 10, chain),
        wireRecord(pointer(start + 2 * (hops - 1) - 1), A, 'c0000201'),
      )
    assert.equal(walkMessage(message(16)).records.length, 2)
    assertDnsFault(() => walkMessage(message(17)), 'malformed', /too many/)
  })

  test('a pointer in RDATA that stands on its own is malformed', () => {
    assertDnsFault(() => new NameReader(octets('00 c000'), false).read(1), 'malformed', /not allowed/)
  })
})

describe('labels', () => {
  for (const length of ['40', '41', '7f', '80', 'bf']) {
    test(`a length octet of 0x${length} is malformed`, () =>
      assertDnsFault(() => walkMessage(withOwner(length, Buffer.alloc(200))), 'malformed', /not allowed/))
  }

  test('a label that runs past the end is malformed', () => {
    assertDnsFault(
      () => walkMessage(octets(header({ qd: 1 }), '3f 61 00 0001 0001')),
      'malformed',
      /past the end/,
    )
  })

  test('a name of 255 octets is read, and one of 256 is not', () => {
    const name = (last: number) =>
      octets(...[63, 63, 63, last].map((size) => octets(Buffer.of(size), Buffer.alloc(size, 'a'))), '00')
    assert.equal(walkMessage(withOwner(name(61))).records[0]?.name.length, 255)
    assertDnsFault(() => walkMessage(withOwner(name(62))), 'malformed', /255 octets/)
  })

  test('a name of 256 octets is malformed also when pointers put it together', () => {
    const long = octets(...[63, 63, 63].map((size) => octets(Buffer.of(size), Buffer.alloc(size, 'a'))), '00')
    const first = octets(header({ an: 2 }), wireRecord(long, A, 'c0000201'))
    const with2nd = (size: number) =>
      octets(first, wireRecord(octets(Buffer.of(size), Buffer.alloc(size, 'b'), pointer(12)), A, 'c0000201'))
    assert.equal(walkMessage(with2nd(61)).records[1]?.name.length, 255)
    assertDnsFault(() => walkMessage(with2nd(62)), 'malformed', /255 octets/)
  })

  test('NUL, dot and 0xff inside a label are kept', () => {
    const [record] = walkMessage(withOwner('03 00 2e ff 00')).records
    assert.deepEqual(labelsOf(record?.name ?? parseName('.')), ['\0.\xff'])
  })
})

describe('packets of death', () => {
  test('twelve octets whose counts are 65535 each are refused before anything is read', () => {
    const message = header({ qd: 0xffff, an: 0xffff, ns: 0xffff, ar: 0xffff })
    assertDnsFault(() => walkMessage(message), 'malformed', /room/)
  })

  const counts: [claim: string, message: Uint8Array][] = [
    ['two questions where there is one', octets(header({ qd: 2 }), wireName('a.'), '0001 0001')],
    ['a record where there is none', header({ ns: 1 })],
    ['two records where there is one', octets(header({ an: 1, ar: 1 }), wireRecord('00', A, ''))],
  ]
  for (const [claim, message] of counts) {
    test(`counts that claim ${claim} are malformed`, () =>
      assertDnsFault(() => walkMessage(message), 'malformed'))
  }

  const rootQuestions = (count: number) =>
    octets(
      header({ qd: count }),
      repeat(count, () => octets('00 0001 0001')),
    )

  test('4096 questions of the root cost one octet of names each, and one more is too many', () => {
    assert.equal(walkMessage(rootQuestions(4096)).expanded, 4096)
    assertDnsFault(() => walkMessage(rootQuestions(4097)), 'malformed', /more than 4096/)
    assertDnsFault(() => walkMessage(rootQuestions(13_000)), 'malformed', /more than 4096/)
  })

  test('questions and records are counted together', () => {
    const message = (questions: number) =>
      octets(
        header({ qd: questions, an: 4000 }),
        repeat(questions, () => octets('00 0001 0001')),
        repeat(4000, () => wireRecord('00', A, '')),
      )
    assert.equal(walkMessage(message(96)).records.length, 4000)
    assertDnsFault(() => walkMessage(message(97)), 'malformed', /more than 4096/)
  })

  /** `labels` one-letter labels in the first owner, and `records` more owners that point to it. */
  const chainOfLabels = (labels: number, records: number) =>
    octets(
      header({ an: records + 1 }),
      wireRecord(
        octets(
          repeat(labels, () => octets('01 61')),
          '00',
        ),
        A,
        '',
      ),
      repeat(records, () => wireRecord(pointer(12), A, '')),
    )

  test('a name of a hundred labels with ninety pointers to it expands to 201 octets each time', () => {
    assert.equal(walkMessage(chainOfLabels(100, 90)).expanded, 91 * 201)
  })

  test('four thousand pointers to 120 labels are given up after 64 KiB of names', () => {
    assertDnsFault(() => walkMessage(chainOfLabels(120, 4000)), 'malformed', /64 KiB/)
  })

  test('names may expand to 64 KiB, and not to an octet more', () => {
    // 256 names of 255 octets, and one of 256 × 255 + 256 = 65536.
    const message = (rest: number) =>
      octets(
        header({ qd: rest, an: 256 }),
        repeat(rest, () => octets('00 0001 0001')),
        wireRecord(
          octets(
            repeat(127, () => octets('01 61')),
            '00',
          ),
          A,
          '',
        ),
        repeat(255, () => wireRecord(pointer(12 + rest * 5), A, '')),
      )
    assert.equal(walkMessage(message(256)).expanded, MAX_EXPANDED_OCTETS)
    assertDnsFault(() => walkMessage(message(257)), 'malformed', /64 KiB/)
  })

  test('a chain in which each owner points to the one before costs sixteen hops a name at most', () => {
    // Each owner is a label and a pointer to the owner before it.
    const chain = (owners: number) => {
      const pieces = [wireRecord('01 61 00', A, '')]
      let at = 12
      for (let count = 1; count < owners; count++) {
        const last = pieces.at(-1)?.length ?? 0
        pieces.push(wireRecord(octets('01 61', pointer(at)), A, ''))
        at += last
      }
      return octets(header({ an: owners }), ...pieces)
    }
    assert.equal(walkMessage(chain(17)).records.at(-1)?.name.length, 17 * 2 + 1)
    assertDnsFault(() => walkMessage(chain(18)), 'malformed', /too many/)
  })

  test('RDATA one octet longer than the message is malformed', () => {
    const message = octets(header({ an: 1 }), '00 0001 0001 0000003c 0005 c0000201')
    assertDnsFault(() => walkMessage(message), 'malformed', /RDATA runs past/)
  })
})
