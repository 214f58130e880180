import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseName } from '../../src/dns/name.ts'
import { parseRecords } from '../../src/zone/records.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_TTL, formatZoneFile, parseZoneFile } from '../../src/zone/zone-file.ts'
import { assertDnsFault } from '../support/faults.ts'
import { ALICE, linesOf, SIGNED_AT, zoneOf } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)
const me = KEY.label

/** What a zone file says, a line a record: `line: name ttl type value`, the key written <key>. */
function read(text: string): string[] {
  return parseZoneFile(text, KEY).map(({ line, name, ttl, type, value }) =>
    `${line}: ${name} ${ttl} ${type} ${value}`.replaceAll(me, '<key>'),
  )
}

describe('a zone file', () => {
  const table: [what: string, text: string, records: string[]][] = [
    ['a record with TTL and class', 'www 60 IN A 192.0.2.1', ['1: www.<key>. 60 A 192.0.2.1']],
    ['the class before the TTL', 'www IN 60 A 192.0.2.1', ['1: www.<key>. 60 A 192.0.2.1']],
    ['neither', 'www a 192.0.2.1', [`1: www.<key>. ${DEFAULT_TTL} A 192.0.2.1`]],
    ['the class in lower case', 'www in A 192.0.2.1', ['1: www.<key>. 300 A 192.0.2.1']],
    ['a TTL of 0', 'www 0 A 192.0.2.1', ['1: www.<key>. 0 A 192.0.2.1']],
    [
      'TTLs as BIND writes them',
      'a 1h30m A 192.0.2.1\nb 1W2d3H4m5s A 192.0.2.1',
      ['1: a.<key>. 5400 A 192.0.2.1', '2: b.<key>. 788645 A 192.0.2.1'],
    ],
    [
      '$TTL, from there on',
      'a A 192.0.2.1\n$TTL 1d\nb A 192.0.2.1\nc 5 A 192.0.2.1',
      ['1: a.<key>. 300 A 192.0.2.1', '3: b.<key>. 86400 A 192.0.2.1', '4: c.<key>. 5 A 192.0.2.1'],
    ],
    [
      '$ORIGIN, relative or not, from there on',
      '$ORIGIN sub\na A 192.0.2.1\n$origin example.org.\nb CNAME c',
      ['2: a.sub.<key>. 300 A 192.0.2.1', '4: b.example.org. 300 CNAME c.example.org.'],
    ],
    ['@', '@ MX 10 @', ['1: <key>. 300 MX 10 <key>.']],
    [
      'a blank owner',
      'www A 192.0.2.1\n    AAAA 2001:db8::1\n\tTXT x',
      ['1: www.<key>. 300 A 192.0.2.1', '2: www.<key>. 300 AAAA 2001:db8::1', '3: www.<key>. 300 TXT "x"'],
    ],
    [
      'a blank owner after another $ORIGIN',
      'www A 192.0.2.1\n$ORIGIN sub\n  A 192.0.2.2',
      ['1: www.<key>. 300 A 192.0.2.1', '3: www.<key>. 300 A 192.0.2.2'],
    ],
    [
      'comments, empty lines, CR LF',
      '; head\r\n\r\nwww A 192.0.2.1 ; tail\r\n',
      ['3: www.<key>. 300 A 192.0.2.1'],
    ],
    [
      'parentheses',
      'www TXT ( "a"\n  "b" ; in the middle\n)\nx A 192.0.2.1',
      ['1: www.<key>. 300 TXT "a" "b"', '4: x.<key>. 300 A 192.0.2.1'],
    ],
    [
      'an SOA, which is left out',
      '@ 3600 IN SOA ns admin ( 1 2 3 4 5 )\n  A 192.0.2.1',
      ['2: <key>. 300 A 192.0.2.1'],
    ],
    ['escapes', 'a\\.b\\000 TXT "\\"\\\\\\255"', ['1: a\\.b\\000.<key>. 300 TXT "\\"\\\\\\255"']],
    ['an owner that begins with an escaped $', '\\$TTL A 192.0.2.1', ['1: \\$TTL.<key>. 300 A 192.0.2.1']],
    ['types without a name here', 'a TYPE65280 \\# 1 ff', ['1: a.<key>. 300 TYPE65280 \\# 1 ff']],
    [
      'an owner that is a type or a number',
      'a A 192.0.2.1\nMX A 192.0.2.1\n60 A 192.0.2.1',
      ['1: a.<key>. 300 A 192.0.2.1', '2: MX.<key>. 300 A 192.0.2.1', '3: 60.<key>. 300 A 192.0.2.1'],
    ],
    ['nothing', '', []],
  ]
  for (const [what, text, records] of table) {
    test(`understands ${what}`, () => assert.deepEqual(read(text), records))
  }

  const broken: [fault: string, text: string, sentence: RegExp][] = [
    ['an unknown type', '\n\nwww AAA 192.0.2.1', /^Line 3: "AAA" is no record type/],
    ['an owner alone', 'www', /^Line 1: "" is no record type/],
    ['another class', 'www CH TXT "x"', /^Line 1: "CH" is no record type/],
    ['two TTLs', 'www 60 60 A 192.0.2.1', /^Line 1: "60" is no record type/],
    ['a blank owner at the beginning', '\n A 192.0.2.1', /^Line 2: The first record has no name/],
    ['a value that does not fit', 'a A 192.0.2.1\nb A 2001:db8::1', /^Line 2: .*no IPv4 address/],
    ['an owner that is no name', 'a A 192.0.2.1\na..b A 192.0.2.1', /^Line 2: .*empty label/],
    ['a name in a value that is no name', '\na CNAME b..c', /^Line 2: .*empty label/],
    ['a string that is too long', `a TXT "${'x'.repeat(256)}"`, /^Line 1: .*255 are allowed/],
    ['octets that are not of their type', 'a A \\# 3 c00002', /^Line 1: /],
    ['a $TTL that is none', '$TTL soon', /^Line 1: "soon" is no TTL/],
    ['a $TTL without its value', '$TTL', /^Line 1: "" is no TTL/],
    ['an $ORIGIN that is no name', '\n$ORIGIN a..b', /^Line 2: .*empty label/],
    ['an $ORIGIN without its name', '$ORIGIN', /^Line 1: /],
    ['$INCLUDE', '$INCLUDE other.zone', /^Line 1: \$INCLUDE is not understood/],
    ['$GENERATE', '$GENERATE 1-2 a$ A 192.0.2.$', /^Line 1: \$GENERATE is not understood/],
    ['a parenthesis that stays open', 'a TXT ( x', /never closed/],
    ['a quote that stays open', '\na TXT "x', /^Line 2 has a quote/],
  ]
  for (const [fault, text, sentence] of broken) {
    test(`with ${fault} is refused, and the line named`, () =>
      assertDnsFault(() => parseZoneFile(text, KEY), 'bad-text', sentence))
  }
})

describe('a signed zone as a zone file', () => {
  const zone = zoneOf(`
    @              300  IN A     192.0.2.1
    @              300  IN MX    10 mail
    www            60   IN CNAME @
    a\\.b\\000.\\@  60   IN TXT   "\\000\\255" "" "a \\"b\\" ; ( c )"
    _s._tcp        60   IN SRV   1 2 443 www.example.org.
    x              60   IN TYPE65280 \\# 2 c00c
    svc            60   IN HTTPS 1 . alpn="h2,h3" port=8443
    *              0    IN AAAA  2001:db8::1
  `)
  const text = formatZoneFile(zone)

  test('has $ORIGIN and the SOA first', () => {
    assert.deepEqual(text.split('\n').slice(0, 3), [
      `$ORIGIN ${me}.`,
      `@\t60\tIN\tSOA\t. . ${SIGNED_AT / 1_000_000n} 300 60 604800 60`,
      '@\t300\tIN\tA\t192.0.2.1',
    ])
    assert.ok(text.endsWith('\n'))
  })

  test('is read again as the same records, and signs to the same bytes', () => {
    const records = parseRecords(parseZoneFile(text, KEY), KEY, parseName('kad.alt.'))
    assert.deepEqual(linesOf(records), linesOf(zone.records.slice(1)))
    const again = signZone(ALICE, { sequence: SIGNED_AT, soa: zone.soa, records })
    assert.deepEqual(again.bytes, zone.bytes)
  })
})
