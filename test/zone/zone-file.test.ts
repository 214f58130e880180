import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseName } from '../../src/dns/name.ts'
import { parseRecords } from '../../src/zone/records.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { signZone } from '../../src/zone/signed-zone.ts'
import {
  DEFAULT_TTL,
  exportZoneFile,
  formatZoneFile,
  parseZoneFile,
  readZoneFile,
  ZoneFileFault,
} from '../../src/zone/zone-file.ts'
import { assertDnsFault } from '../support/faults.ts'
import { ALICE, BOB, linesOf, SIGNED_AT, zoneOf } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)
const me = KEY.label

/** What a zone file says, a line a record: `line: name ttl type value`, the key written <key>. */
function read(text: string): string[] {
  return parseZoneFile(text, KEY).map(({ places, name, ttl, type, value }) =>
    `${places.record.line}: ${name} ${ttl} ${type} ${value}`.replaceAll(me, '<key>'),
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
      'without $TTL, the TTL of the record before',
      'a 5 A 192.0.2.1\nb A 192.0.2.1\n$TTL 1d\nc 7 A 192.0.2.1\nd A 192.0.2.1',
      [
        '1: a.<key>. 5 A 192.0.2.1',
        '2: b.<key>. 5 A 192.0.2.1',
        '4: c.<key>. 7 A 192.0.2.1',
        '5: d.<key>. 86400 A 192.0.2.1',
      ],
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
      ['2: <key>. 3600 A 192.0.2.1'],
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
    ['an unknown type', '\n\nwww AAA 192.0.2.1', /^Line 3, column \d+: "AAA" is no record type/],
    ['an owner alone', 'www', /^Line 1, column \d+: "" is no record type/],
    ['another class', 'www CH TXT "x"', /^Line 1, column \d+: "CH" is no record type/],
    ['two TTLs', 'www 60 60 A 192.0.2.1', /^Line 1, column \d+: "60" is no record type/],
    ['a blank owner at the beginning', '\n A 192.0.2.1', /^Line 2, column \d+: The first record has no name/],
    ['a value that does not fit', 'a A 192.0.2.1\nb A 2001:db8::1', /^Line 2, column \d+: .*no IPv4 address/],
    ['an owner that is no name', 'a A 192.0.2.1\na..b A 192.0.2.1', /^Line 2, column \d+: .*empty label/],
    ['a name in a value that is no name', '\na CNAME b..c', /^Line 2, column \d+: .*empty label/],
    ['a string that is too long', `a TXT "${'x'.repeat(256)}"`, /^Line 1, column \d+: .*255 are allowed/],
    ['octets that are not of their type', 'a A \\# 3 c00002', /^Line 1, column \d+: /],
    ['a $TTL that is none', '$TTL soon', /^Line 1, column \d+: "soon" is no TTL/],
    ['a $TTL without its value', '$TTL', /^Line 1, column \d+: "" is no TTL/],
    ['an $ORIGIN that is no name', '\n$ORIGIN a..b', /^Line 2, column \d+: .*empty label/],
    ['an $ORIGIN without its name', '$ORIGIN', /^Line 1, column \d+: /],
    ['$INCLUDE', '$INCLUDE other.zone', /^Line 1, column \d+: \$INCLUDE is not understood/],
    ['$GENERATE', '$GENERATE 1-2 a$ A 192.0.2.$', /^Line 1, column \d+: \$GENERATE is not understood/],
    ['a parenthesis that stays open', 'a TXT ( x', /never closed/],
    ['a quote that stays open', '\na TXT "x', /^Line 2, column 7: This quote/],
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

describe('a zone file from elsewhere', () => {
  const SUFFIX = parseName('kad.alt.')
  const faultsOf = (text: string) => {
    try {
      readZoneFile(text, KEY, SUFFIX)
    } catch (fault) {
      assert.ok(fault instanceof ZoneFileFault)
      return fault.faults.map(({ line, column, message }) => `${line}:${column} ${message}`)
    }
    return []
  }

  test('its own NS records that name hosts are left out, each told with its line; one to a key stays', () => {
    const text = '@ IN NS ns1.example.org.\n\tNS ns2\nwww A 192.0.2.1\nsub NS ns1.example.org.\n'
    const { records, left } = readZoneFile(text, KEY, SUFFIX)
    assert.deepEqual(linesOf(records), [`www.${me}. 300 A 192.0.2.1`, `sub.${me}. 300 NS ns1.example.org.`])
    assert.deepEqual(
      left.map((sentence) => sentence.slice(0, 12)),
      ['Line 1: this', 'Line 2: this'],
    )
    const handed = readZoneFile(`@ 60 IN NS ${publicKeyOf(BOB).label}.kad.alt.`, KEY, SUFFIX)
    assert.deepEqual([handed.records.length, handed.left], [1, []])
  })

  test('every fault is told where its word stands', () => {
    const text =
      'www 60 IN A 192.0.2.300\na..b A 192.0.2.1\n  NOTYPE x\nmx MX (\n   10 ; where to\n   a..b )\n'
    assert.deepEqual(
      faultsOf(text).map((fault) => fault.split(' ')[0]),
      ['1:13', '2:1', '3:3', '5:4'],
    )
  })

  test('what only the whole shows is told where the record begins', () => {
    const text = 'www A 192.0.2.1\n  CNAME other\n'
    assert.deepEqual(faultsOf(text), ['2:3 A CNAME stands alone: nothing else may have its name.'])
    assert.deepEqual(
      faultsOf(`www 3000000000 A 192.0.2.1`).map((fault) => fault.slice(0, 4)),
      ['1:5 '],
    )
    assert.deepEqual(faultsOf('www.example.org. A 192.0.2.1'), [
      `1:1 The name "www.example.org." lies outside the zone ${me}.`,
    ])
  })

  const EVERY_TYPE = `
    @  300 IN A 192.0.2.1
    @  300 IN MX 10 mail
    a  300 IN AAAA 2001:db8::1
    b  300 IN TXT "a \\"b\\" ; ( c )" "\\255"
    c  300 IN CNAME a
    d  300 IN SRV 1 2 443 a
    e  300 IN CAA 0 issue "ca.example"
    f  300 IN HTTPS 1 . alpn="h2,h3" port=8443
    g  300 IN PTR a
    h  300 IN DNAME a.example.
    i  300 IN TLSA 3 1 1 ${'ab'.repeat(32)}
    j  300 IN SSHFP 4 2 ${'cd'.repeat(32)}
    k  300 IN NAPTR 100 50 "s" "SIP+D2U" "" a
    l  300 IN URI 10 1 "https://example.org/"
    m  300 IN LOC 52 22 23.000 N 4 53 32.000 E -2m 0m 10000m 10m
    n  300 IN TYPE65280 \\# 2 c00c
    *.o 300 IN A 192.0.2.4
  `

  test('what is exported is read again as it was, and has the NS record that others want', () => {
    const zone = zoneOf(EVERY_TYPE)
    const text = exportZoneFile(zone)
    assert.match(text, /^@\t0\tIN\tNS\tlocalhost\. ;/m)
    assert.deepEqual(linesOf(readZoneFile(text, KEY, SUFFIX).records), linesOf(zone.records.slice(1)))
    const handed = zoneOf(`@ 60 IN NS ${publicKeyOf(BOB).label}.`)
    assert.equal(exportZoneFile(handed), formatZoneFile(handed))
  })

  const checkzone = spawnSync('named-checkzone', ['-v']).status === 0
  test('what is exported is loaded by BIND', {
    skip: !checkzone && 'named-checkzone (bind9-utils) is not here',
  }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kadns-zone-'))
    const file = join(directory, 'zone')
    await writeFile(file, exportZoneFile(zoneOf(EVERY_TYPE)))
    const { status, stdout } = spawnSync('named-checkzone', [`${me}.`, file], { encoding: 'utf8' })
    await rm(directory, { recursive: true })
    assert.equal(status, 0, stdout)
    assert.match(stdout, /OK/)
  })
})
