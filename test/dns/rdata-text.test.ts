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
    // RFC 4034 5.4, with the algorithm by its mnemonic (5.3)
    [
      'DS',
      '60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118',
      'ec45 05 01 2bb183af5f22588179a53b0a98631fad1a292118',
      '60485 RsaSha1 1 ( 2bb183af5f22588179a53b0a\n98631FAD1A292118 )',
    ],
    // RFC 4509 2.3
    [
      'DS',
      '60485 5 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A',
      'ec45 05 02 d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a',
    ],
    ['DS', '0 253 255 00', '0000 fd ff 00', '0 PRIVATEDNS 255 00'],
    // RFC 4255 3.2
    [
      'SSHFP',
      '2 1 123456789ABCDEF67890123456789ABCDEF67890',
      '02 01 123456789abcdef67890123456789abcdef67890',
      '2 1 123456789abcdef67890123456789abcdef67890',
    ],
    ['SSHFP', `4 2 ${'AB'.repeat(32)}`, `04 02 ${'ab'.repeat(32)}`],
    ['SSHFP', '255 3 00', 'ff 03 00'],
    // RFC 6698 2.3
    [
      'TLSA',
      '0 0 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971',
      '00 00 01 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971',
      '0 0 1 ( d2abde240d7cd3ee6b4b28c54df034b9\n7983a1d16e8a410e4561cb106618e971 )',
    ],
    [
      'TLSA',
      '1 1 2 92003BA34942DC74152E2F2C408D29ECA5A520E7F2E06BB944F4DCA346BAF63C1B177615D466F6C4B71C216A50292BD58C9EBDD2F74E38FE51FFD48C43326CBC',
      '01 01 02 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c 1b177615d466f6c4b71c216a50292bd58c9ebdd2f74e38fe51ffd48c43326cbc',
    ],
    ['TLSA', '3 0 0 30820307308201EF', '03 00 00 30820307308201ef'],
    // RFC 3403 6.1, its backslashes escaped as a zone file wants them
    [
      'NAPTR',
      '100 10 "" "" "!^urn:cid:.+@([^\\\\.]+\\\\.)(.*)$!\\\\2!i" .',
      '0064 000a 00 00 21 215e75726e3a6369643a2e2b40285b5e5c2e5d2b5c2e29282e2a2924215c322169 00',
    ],
    [
      'NAPTR',
      '100 50 "a" "z3950+N2L+N2C" "" cidserver.example.com.',
      '0064 0032 0161 0d 7a333935302b4e324c2b4e3243 00 09 636964736572766572 07 6578616d706c65 03 636f6d 00',
      '100 50 a z3950+N2L+N2C "" cidserver.example.com.',
    ],
    // RFC 3403 6.2
    [
      'NAPTR',
      '100 10 "u" "sip+E2U" "!^.*$!sip:info@example.com!" .',
      '0064 000a 0175 07 7369702b453255 1b 215e2e2a24217369703a696e666f406578616d706c652e636f6d21 00',
    ],
    // RFC 7553
    [
      'URI',
      '10 1 "ftp://ftp1.example.com/public"',
      '000a 0001 6674703a2f2f667470312e6578616d706c652e636f6d2f7075626c6963',
      '10 1 ftp://ftp1.example.com/public',
    ],
    ['URI', `0 65535 "${long(300)}"`, `0000 ffff ${'78'.repeat(300)}`],
    ['URI', '1 2 "\\"\\\\\\200"', '0001 0002 22 5c c8'],
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

  const missing = /^The hexadecimal text at the end is missing\.$/
  const told: [type: Word, text: string, sentence: RegExp, reason?: 'bad-name'][] = [
    ['DS', '1 8 2', missing],
    ['DS', '1 8 1 00', /^A digest of type 1 has 20 octets, not 1\.$/],
    ['DS', `1 8 2 ${'00'.repeat(33)}`, /^A digest of type 2 has 32 octets, not 33\.$/],
    ['DS', `1 8 3 ${'00'.repeat(31)}`, /^A digest of type 3 has 32 octets, not 31\.$/],
    ['DS', `1 8 4 ${'00'.repeat(32)}`, /^A digest of type 4 has 48 octets, not 32\.$/],
    ['DS', '1 toString 9 00', /^"toString" is no number from 0 to 255\.$/],
    ['DS', '1 256 9 00', /^"256" is no number from 0 to 255\.$/],
    ['DS', '1', /^A record of type DS has more fields than were given\.$/],
    ['SSHFP', '1 1', missing],
    ['SSHFP', `1 1 ${'00'.repeat(32)}`, /^A digest of type 1 has 20 octets, not 32\.$/],
    ['SSHFP', `4 2 ${'00'.repeat(20)}`, /^A digest of type 2 has 32 octets, not 20\.$/],
    ['SSHFP', '1 3 0', /^"0" is no hexadecimal text\.$/],
    ['TLSA', '3 1 1', missing],
    ['TLSA', `3 1 1 ${'00'.repeat(31)}`, /^A digest of type 1 has 32 octets, not 31\.$/],
    ['TLSA', `3 1 2 ${'00'.repeat(32)}`, /^A digest of type 2 has 64 octets, not 32\.$/],
    ['TLSA', '3 256 0 00', /^"256" is no number from 0 to 255\.$/],
    ['NAPTR', '1 2 "s" "x" ""', /^A record of type NAPTR has more fields than were given\.$/],
    ['NAPTR', '65536 2 "" "" "" .', /^"65536" is no number from 0 to 65535\.$/],
    ['NAPTR', '1 2 "" "" "" a..b', /empty label\.$/, 'bad-name'],
    ['NAPTR', '1 2 "" "" "" . more', /^A record of type NAPTR ends before "more"\.$/],
    ['URI', '10 1 ""', /^The target of a URI record is empty\.$/],
    ['URI', '10 1', /^A record of type URI has more fields than were given\.$/],
    ['URI', '10 1 "a" "b"', /^A record of type URI ends before "b"\.$/],
    ['DNAME', 'a. b.', /^A record of type DNAME ends before "b\."\.$/],
  ]
  for (const [type, text, sentence, reason = 'bad-text'] of told) {
    test(`${type} "${text.slice(0, 20)}" is refused: ${sentence.source}`, () =>
      assertDnsFault(() => parseRdata(RecordType[type], text), reason, sentence))
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
    ['DS', '0000 00 00'],
    ['DS', `0000 08 01 ${'00'.repeat(19)}`],
    ['DS', `0000 08 02 ${'00'.repeat(33)}`],
    ['DS', `0000 08 04 ${'00'.repeat(47)}`],
    ['SSHFP', '01'],
    ['SSHFP', '01 03'],
    ['SSHFP', `01 01 ${'00'.repeat(21)}`],
    ['SSHFP', `01 02 ${'00'.repeat(31)}`],
    ['TLSA', '03 01'],
    ['TLSA', '03 01 00'],
    ['TLSA', `03 01 01 ${'00'.repeat(33)}`],
    ['TLSA', `03 01 02 ${'00'.repeat(63)}`],
    ['DNAME', ''],
    ['DNAME', '00 00'],
    ['NAPTR', '0001 0002 00 00 00'],
    ['NAPTR', '0001 0002 00 00 00 00 00'],
    ['NAPTR', '0001 0002 00 00 01'],
    ['URI', '0001'],
    ['URI', '0001 0002'],
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
    ['DNAME', 'old.', 'new.'],
    ['NAPTR', '1 2 "old." "" "old." old.', '1 2 "old." "" "old." new.'],
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
