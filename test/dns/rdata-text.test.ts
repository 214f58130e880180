import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RecordType } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { encodeRdata, fieldsOf, mapNamesInRdata } from '../../src/dns/rdata.ts'
import { formatRdata, parseRdata } from '../../src/dns/rdata-text.ts'
import { assertDnsFault } from '../support/faults.ts'
import { octets } from '../support/wire.ts'

type Word = keyof typeof RecordType
const long = (count: number) => 'x'.repeat(count)

describe('RDATA as text and as octets', () => {
  // The text as it is written; where it may be read from another, that one stands last.
  const table: [type: Word, text: string, hex: string, alsoRead?: string][] = [
    ['A', '192.0.2.1', 'c0000201'],
    ['AAAA', '2001:db8::1', '20010db8000000000000000000000001', '2001:0DB8:0::0001'],
    ['NS', 'ns.example.', '026e73 07 6578616d706c65 00', 'ns'],
    ['CNAME', '.', '00'],
    ['CNAME', 'a\\.b.example.', '03612e62 07 6578616d706c65 00', 'a\\046b'],
    ['PTR', 'example.', '07 6578616d706c65 00', '@'],
    ['DNAME', 'd.example.', '0164 07 6578616d706c65 00'],
    [
      'SOA',
      'ns. h. 1 2 3 4 4294967295',
      '026e7300 016800 00000001 00000002 00000003 00000004 ffffffff',
      'ns. h. ( 1 2\n3 4 4294967295 )',
    ],
    ['MX', '10 mail.example.', '000a 046d61696c 07 6578616d706c65 00', '10 mail'],
    ['MX', '0 .', '0000 00', '00 .'],
    ['TXT', '"a"', '0161', 'a'],
    ['TXT', '""', '00'],
    ['TXT', '"" "" "a b"', '00 00 03612062'],
    ['TXT', '"a" "b"', '0161 0162', 'a b'],
    ['TXT', '"say \\"hi\\" \\\\"', '0a 736179202268692220 5c', '"say \\034hi\\034 \\092"'],
    ['TXT', '"\\195\\188\\000"', '03 c3bc00', 'ü\\000'],
    ['TXT', '"a;b" "(c)"', '03613b62 03286329', 'a\\;b \\(c\\)'],
    ['TXT', `"${long(255)}"`, `ff ${'78'.repeat(255)}`],
    ['SRV', '0 65535 443 host.example.', '0000 ffff 01bb 04686f7374 07 6578616d706c65 00'],
    ['CAA', '0 issue "ca.example; x=1"', '00 05 6973737565 63612e6578616d706c653b20783d31'],
    ['CAA', '128 iodef ""', '80 05 696f646566', '128 iodef ""'],
    ['HINFO', '"PC" "Linux 6"', '025043 074c696e75782036', 'PC "Linux 6"'],
    ['DS', '60485 5 1 2BB183AF', 'ec45 05 01 2bb183af', '60485 5 1 ( 2bb1\n83AF )'],
    ['DS', '0 0 0', '0000 00 00'],
    ['SVCB', '1 . alpn=h2', '0001 00 0001 0003 026832'],
    ['HTTPS', '0 www.example.', '0000 03777777 07 6578616d706c65 00', '0 www'],
  ]
  for (const [type, text, hex, alsoRead] of table) {
    test(`${type} ${text.slice(0, 40)}`, () => {
      assert.equal(formatRdata(RecordType[type], octets(hex)), text)
      for (const read of [text, alsoRead ?? text]) {
        assert.deepEqual(Buffer.from(parseRdata(RecordType[type], read, parseName('example.'))), octets(hex))
      }
    })
  }

  const broken: [type: Word, text: string, reason: 'bad-text' | 'bad-name' | 'too-large'][] = [
    ['A', '', 'bad-text'],
    ['A', '192.0.2', 'bad-text'],
    ['A', '192.0.2.1 192.0.2.2', 'bad-text'],
    ['AAAA', '192.0.2.1', 'bad-text'],
    ['NS', '', 'bad-text'],
    ['NS', 'a..b', 'bad-name'],
    ['NS', 'a b', 'bad-text'],
    ['CNAME', '""', 'bad-name'],
    ['MX', 'mail.example.', 'bad-text'],
    ['MX', '10', 'bad-text'],
    ['MX', '65536 mail.', 'bad-text'],
    ['MX', '-1 mail.', 'bad-text'],
    ['MX', '1e1 mail.', 'bad-text'],
    ['SOA', 'ns. h. 1 2 3 4', 'bad-text'],
    ['SOA', 'ns. h. 4294967296 2 3 4 5', 'bad-text'],
    ['TXT', '', 'bad-text'],
    ['TXT', `"${long(256)}"`, 'too-large'],
    ['TXT', `"${'ü'.repeat(128)}"`, 'too-large'],
    ['TXT', '"open', 'bad-text'],
    ['TXT', '"\\999"', 'bad-text'],
    [
      'TXT',
      Array(300)
        .fill(`"${long(255)}"`)
        .join(' '),
      'too-large',
    ],
    ['SRV', '1 2 host.', 'bad-text'],
    ['CAA', '256 issue "x"', 'bad-text'],
    ['CAA', '0 is-sue "x"', 'bad-text'],
    ['CAA', '0 "" "x"', 'bad-text'],
    ['CAA', `0 ${long(256)} "x"`, 'too-large'],
    ['HINFO', '"PC"', 'bad-text'],
    ['DS', '1 2 3 abc', 'bad-text'],
    ['DS', '1 2 3 xy', 'bad-text'],
  ]
  for (const [type, text, reason] of broken) {
    test(`${type} "${text.slice(0, 40)}" is refused (${reason})`, () =>
      assertDnsFault(() => parseRdata(RecordType[type], text), reason))
  }
})

describe('RDATA of unknown types (RFC 3597)', () => {
  test('is a length and hexadecimal, in pieces if one likes', () => {
    assert.deepEqual(Buffer.from(parseRdata(65280, '\\# 4 0A00 0001')), octets('0a000001'))
    assert.deepEqual(Buffer.from(parseRdata(65280, '\\# 4 ( 0a\n000001 )')), octets('0a000001'))
    assert.deepEqual(Buffer.from(parseRdata(65280, '\\# 0')), octets(''))
    assert.equal(formatRdata(65280, octets('0a000001')), '\\# 4 0a000001')
    assert.equal(formatRdata(65280, octets('')), '\\# 0')
  })

  test('is understood for known types too, and written as theirs', () => {
    const data = parseRdata(RecordType.A, '\\# 4 c0000201')
    assert.equal(formatRdata(RecordType.A, data), '192.0.2.1')
  })

  const broken: [why: string, type: number, text: string][] = [
    ['a length too high', 65280, '\\# 5 0a000001'],
    ['a length too low', 65280, '\\# 3 0a000001'],
    ['no length', 65280, '\\#'],
    ['a length that is no number', 65280, '\\# x 00'],
    ['half an octet', 65280, '\\# 1 0'],
    ['text that is not hexadecimal', 65280, '\\# 1 zz'],
    ['no \\#', 65280, '0a000001'],
    ['\\# in quotes', 65280, '"\\#" 1 00'],
  ]
  for (const [why, type, text] of broken) {
    test(`${why} is refused`, () => assertDnsFault(() => parseRdata(type, text), 'bad-text'))
  }

  const wrong: [type: Word, hex: string][] = [
    ['A', 'c00002'],
    ['A', 'c000020100'],
    ['AAAA', 'c0000201'],
    ['NS', '026e73'],
    ['NS', '026e7300 00'],
    ['NS', 'c000'],
    ['MX', '000a'],
    ['SOA', '00 00 00000001'],
    ['SRV', '0001 0002 00'],
    ['TXT', ''],
    ['TXT', '0261'],
    ['HINFO', '0161'],
    ['CAA', '00 00'],
    ['CAA', '00 01 2d'],
    ['DS', '0000 00'],
    ['SVCB', '0001'],
    ['HTTPS', '0001 00 0003 0002 00'],
    ['SVCB', '0001 00 0003 0002 0035 0001 0003 026832'],
  ]
  for (const [type, hex] of wrong) {
    const data = octets(hex)
    const text = data.length === 0 ? '\\# 0' : `\\# ${data.length} ${data.toString('hex')}`
    test(`${text} is no ${type}, and is what broken ${type} octets are shown as`, () => {
      assertDnsFault(() => parseRdata(RecordType[type], text), 'malformed')
      assert.equal(formatRdata(RecordType[type], data), text)
    })
  }
})

describe('names in RDATA', () => {
  const upper = (text: string) => (name: string) =>
    name === parseName(text) ? parseName('new.') : parseName('same.')
  const table: [type: Word, before: string, after: string][] = [
    ['NS', 'old.', 'new.'],
    ['MX', '10 old.', '10 new.'],
    ['SOA', 'old. other. 1 2 3 4 5', 'new. same. 1 2 3 4 5'],
    ['SRV', '1 2 3 old.', '1 2 3 new.'],
    ['HTTPS', '1 old. alpn=h2', '1 new. alpn=h2'],
  ]
  for (const [type, before, after] of table) {
    test(`every name of ${type} is put through the change, the rest stays`, () => {
      const data = mapNamesInRdata(RecordType[type], parseRdata(RecordType[type], before), upper('old.'))
      assert.equal(formatRdata(RecordType[type], data), after)
    })
  }

  test('octets in which nothing changes are the very same', () => {
    const data = parseRdata(RecordType.MX, '10 old.')
    assert.equal(
      mapNamesInRdata(RecordType.MX, data, (name) => name),
      data,
    )
    const text = parseRdata(RecordType.TXT, 'old.')
    assert.equal(mapNamesInRdata(RecordType.TXT, text, upper('old.')), text)
    const opaque = octets('c00c')
    assert.equal(mapNamesInRdata(65280, opaque, upper('old.')), opaque)
  })

  test('RDATA given the wrong number of fields is a bug, not a fault of data', () => {
    assert.equal(fieldsOf(RecordType.MX)?.length, 2)
    assert.throws(() => encodeRdata(RecordType.MX, [10]), { name: 'Error', message: /1 fields/ })
  })
})
