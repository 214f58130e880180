import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatName, parseName, ROOT } from '../../src/dns/name.ts'
import {
  formatRecordText,
  parseRecords,
  type RecordFault,
  RecordsFault,
  type RecordText,
  withSuffix,
} from '../../src/zone/records.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { assertDnsFault } from '../support/faults.ts'
import { recordsFrom } from '../support/records.ts'
import { ALICE, BOB, linesOf } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)
const OTHER = publicKeyOf(BOB)
const SUFFIX = parseName('kad.alt.')
const me = KEY.label

/** Entries from lines of `name | type | ttl | value`. */
function entries(text: string): RecordText[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', type = '', ttl = '', value = ''] = line.split('|').map((field) => field.trim())
      return { name, type, ttl: Number(ttl), value }
    })
}

function parse(text: string, suffix = SUFFIX) {
  return parseRecords(entries(text), KEY, suffix)
}

function faultsOf(text: string): readonly RecordFault[] {
  try {
    parse(text)
  } catch (fault) {
    assert.ok(fault instanceof RecordsFault, `${fault}`)
    return fault.faults
  }
  return []
}

/** Where the faults are: `0 name`. */
const placesOf = (text: string) => faultsOf(text).map(({ index, field }) => `${index} ${field}`)

describe('records as people write them', () => {
  test('become records of the zone, their names under it', () => {
    assert.deepEqual(
      linesOf(
        parse(`
          @          | A     | 300 | 192.0.2.1
          www        | cname | 60  | @
          mail       | MX    | 0   | 10 mx
          out        | CNAME | 60  | example.org.
          A\\.b      | TXT   | 60  | "x" y
          x          | TYPE65280 | 60 | \\# 2 c00c
          *          | AAAA  | 60  | 2001:db8::1
        `),
      ),
      [
        `${me}. 300 A 192.0.2.1`,
        `www.${me}. 60 CNAME ${me}.`,
        `mail.${me}. 0 MX 10 mx.${me}.`,
        `out.${me}. 60 CNAME example.org.`,
        `A\\.b.${me}. 60 TXT "x" "y"`,
        `x.${me}. 60 TYPE65280 \\# 2 c00c`,
        `*.${me}. 60 AAAA 2001:db8::1`,
      ],
    )
  })

  const owners: [text: string, name: string][] = [
    ['@', `${me}.`],
    ['www', `www.${me}.`],
    [`${me}.`, `${me}.`],
    [`www.${me}.`, `www.${me}.`],
    [`www.${me.toUpperCase()}.`, `www.${me.toUpperCase()}.`],
    [`${me}.kad.alt.`, `${me}.`],
    [`www.${me}.kad.alt.`, `www.${me}.`],
    [`www.${me}.KAD.Alt.`, `www.${me}.`],
    ['www.kad.alt', `www.kad.alt.${me}.`],
  ]
  for (const [text, name] of owners) {
    test(`the owner ${text.replace(me, '<key>')} is ${name.replace(me, '<key>')}`, () => {
      assert.deepEqual(
        parse(`${text} | A | 60 | 192.0.2.1`).map((record) => formatName(record.name)),
        [name],
      )
    })
  }

  test('names under the suffix in a value are kept as keys, others as they are', () => {
    assert.deepEqual(
      linesOf(
        parse(`
          a | CNAME | 60 | www.${OTHER.label}.kad.alt.
          b | CNAME | 60 | www.kad.alt.
          c | SRV   | 60 | 1 2 3 ${me}.Kad.alt.
          d | TXT   | 60 | ${me}.kad.alt.
          e | DNAME | 60 | x.${OTHER.label}.kad.alt.
          f | NAPTR | 60 | 1 2 "s" "${me}.kad.alt" "" _s._tcp.${me}.kad.alt.
          g | URI   | 60 | 1 2 "https://${me}.kad.alt/"
        `),
      ),
      [
        `a.${me}. 60 CNAME www.${OTHER.label}.`,
        `b.${me}. 60 CNAME www.kad.alt.`,
        `c.${me}. 60 SRV 1 2 3 ${me}.`,
        `d.${me}. 60 TXT "${me}.kad.alt."`,
        `e.${me}. 60 DNAME x.${OTHER.label}.`,
        `f.${me}. 60 NAPTR 1 2 "s" "${me}.kad.alt" "" _s._tcp.${me}.`,
        `g.${me}. 60 URI 1 2 "https://${me}.kad.alt/"`,
      ],
    )
  })

  test('without a suffix (the root) nothing is taken off', () => {
    const [record] = parse(`a | CNAME | 60 | www.${me}.kad.alt.`, ROOT)
    assert.ok(record)
    assert.equal(linesOf([record])[0], `a.${me}. 60 CNAME www.${me}.kad.alt.`)
  })

  test('the highest TTL is 2^31 - 1', () => {
    assert.equal(parse('a | A | 2147483647 | 192.0.2.1')[0]?.ttl, 2_147_483_647)
  })
})

describe('what is wrong with records', () => {
  const table: [fault: string, text: string, places: string[]][] = [
    ['a name outside the zone', 'example.org. | A | 60 | 192.0.2.1', ['0 name']],
    ['a name that only ends like the zone', `bad${me}. | A | 60 | 192.0.2.1`, ['0 name']],
    ["another key's name under the suffix", `${OTHER.label}.kad.alt. | A | 60 | 192.0.2.1`, ['0 name']],
    ['an empty name', ' | A | 60 | 192.0.2.1', ['0 name']],
    ['an empty label', 'a..b | A | 60 | 192.0.2.1', ['0 name']],
    ['a name too long under the zone', `${'a.'.repeat(101)}b | A | 60 | 192.0.2.1`, ['0 name']],
    ['an unknown type', 'a | AAA | 60 | 192.0.2.1', ['0 type']],
    ['an SOA, which the node makes', '@ | SOA | 60 | . . 1 2 3 4 5', ['0 type']],
    ['type 0', 'a | TYPE0 | 60 | \\# 0', ['0 type']],
    ['OPT', 'a | OPT | 60 | \\# 0', ['0 type']],
    ['RRSIG', 'a | RRSIG | 60 | \\# 0', ['0 type']],
    ['NSEC', 'a | NSEC | 60 | \\# 0', ['0 type']],
    ['ANY', 'a | ANY | 60 | \\# 0', ['0 type']],
    ['AXFR by its number', 'a | TYPE252 | 60 | \\# 0', ['0 type']],
    ['the first type that only questions have', 'a | TYPE128 | 60 | \\# 0', ['0 type']],
    ['a negative TTL', 'a | A | -1 | 192.0.2.1', ['0 ttl']],
    ['a TTL over 2^31 - 1', 'a | A | 2147483648 | 192.0.2.1', ['0 ttl']],
    ['a TTL with a fraction', 'a | A | 1.5 | 192.0.2.1', ['0 ttl']],
    ['a TTL that is no number', 'a | A | soon | 192.0.2.1', ['0 ttl']],
    ['a value of another type', 'a | A | 60 | 2001:db8::1', ['0 value']],
    ['a value of two lines', 'a | MX | 60 | 10', ['0 value']],
    ['a value whose octets are not of its type', 'a | A | 60 | \\# 3 c00002', ['0 value']],
    ['a CNAME at the apex', '@ | CNAME | 60 | www', ['0 record']],
    ['a CNAME beside other data', 'a | A | 60 | 192.0.2.1\nA | CNAME | 60 | b', ['1 record']],
    ['two CNAMEs', 'a | CNAME | 60 | b\na | CNAME | 60 | c', ['0 record']],
    ['a DNAME beside a CNAME', 'a | DNAME | 60 | b\nA | CNAME | 60 | b', ['1 record']],
    ['two DNAMEs', 'a | DNAME | 60 | b\nA | DNAME | 60 | c', ['1 record']],
    ['two DNAMEs at the apex', '@ | DNAME | 60 | b.\n@ | DNAME | 60 | c.', ['1 record']],
    ['a DNAME at a cut', 'a | NS | 60 | ns.example.org.\na | DNAME | 60 | b', ['1 record']],
    ['a DNAME for a wildcard', '*.a | DNAME | 60 | b', ['0 record']],
    ['a record below a DNAME', 'X.a | A | 60 | 192.0.2.1\nA | DNAME | 60 | b', ['0 record']],
    [
      'records far below a DNAME',
      'a | DNAME | 60 | b\n*.y.a | TXT | 60 | x\nz.a | NS | 60 | c',
      ['1 record', '2 record'],
    ],
    ['a DNAME below a DNAME', 'a | DNAME | 60 | b\nc.a | DNAME | 60 | b', ['1 record']],
    ['a record below a DNAME at the apex', '@ | DNAME | 60 | b.\nwww | A | 60 | 192.0.2.1', ['1 record']],
    [
      'the same record twice',
      'a | A | 60 | 192.0.2.1\nb | A | 60 | 192.0.2.1\nA | TYPE1 | 60 | \\# 4 c0000201',
      ['2 record'],
    ],
    ['one set with two TTLs', 'a | A | 60 | 192.0.2.1\na | A | 61 | 192.0.2.2', ['1 record']],
  ]
  for (const [fault, text, places] of table) {
    test(`${fault}: ${places.join(', ')}`, () => assert.deepEqual(placesOf(text), places))
  }

  const told: [text: string, message: string][] = [
    ['a | CNAME | 60 | b\na | DNAME | 60 | c', 'A CNAME stands alone: nothing else may have its name.'],
    ['a | DNAME | 60 | b\na | DNAME | 60 | c', 'A name has one DNAME at most, and record 1 is one.'],
    ['a | NS | 60 | b.\na | DNAME | 60 | c', 'A DNAME cannot stand beside NS, which hand its name over.'],
    ['*.a | DNAME | 60 | b', 'A DNAME cannot have a wildcard for its name: it would redirect nothing.'],
    [
      'x.a | A | 60 | 192.0.2.1\na | DNAME | 60 | c',
      'Its name lies below the DNAME of record 2, which redirects it: nobody would see it.',
    ],
  ]
  for (const [text, message] of told) {
    test(`in words: ${message}`, () =>
      assert.deepEqual(
        faultsOf(text).map((fault) => fault.message),
        [message],
      ))
  }

  const fine: [what: string, text: string][] = [
    ['the same value under two names', 'a | A | 60 | 192.0.2.1\nb | A | 60 | 192.0.2.1'],
    ['two values of one set', 'a | A | 60 | 192.0.2.1\na | A | 60 | 192.0.2.2'],
    ['another TTL for another type', 'a | A | 60 | 192.0.2.1\na | AAAA | 61 | 2001:db8::1'],
    ['a CNAME below a name with data', 'a | A | 60 | 192.0.2.1\nb.a | CNAME | 60 | a'],
    ['a DNAME beside data', 'a | DNAME | 60 | b\na | A | 60 | 192.0.2.1\na | MX | 60 | 10 m'],
    ['a DNAME beside NS at the apex', '@ | DNAME | 60 | b.\n@ | NS | 60 | ns.example.org.'],
    [
      'a DNAME below data and beside its like',
      'a | A | 60 | 192.0.2.1\nb.a | DNAME | 60 | c\nxb.a | A | 60 | 192.0.2.1',
    ],
    ['a DNAME to a name below itself', 'a | DNAME | 60 | x.a'],
    ['NS at the apex', '@ | NS | 60 | ns.example.org.'],
    [
      'the type below and above those of questions',
      'a | TYPE127 | 60 | \\# 0\na | TYPE256 | 60 | \\# 5 0000000061',
    ],
    ['nothing but one record', 'a | TXT | 0 | ""'],
  ]
  for (const [what, text] of fine) test(`${what} is fine`, () => assert.deepEqual(faultsOf(text), []))

  test('no records at all are fine', () => assert.deepEqual(parseRecords([], KEY, SUFFIX), []))

  test('everything wrong is told at once, with the record and the field, in sentences', () => {
    const text = `
      example.org. | AAA | -1 | x
      a..b         | A   | 60 | 300.0.2.1
      www          | A   | 60 | 192.0.2.1
      www          | CNAME | 60 | ..
      www          | CNAME | 60 | b
      @            | SOA | 60 | . . 1 2 3 4 5
    `
    assert.deepEqual(placesOf(text), [
      '0 name',
      '0 type',
      '0 ttl',
      '1 name',
      '1 value',
      '3 value',
      '5 type',
      '4 record',
    ])
    for (const { message } of faultsOf(text)) assert.match(message, /^[A-Z"\\].*\.$/)
    assert.throws(() => parse(text), {
      name: 'RecordsFault',
      message:
        /^Record 1: The name "example\.org\." lies outside the zone .*Record 6: The SOA is made by the node/,
    })
  })

  test('a bug is no fault of the records', () => {
    const broken = { name: 'a', type: 'A', ttl: 60, value: undefined as unknown as string }
    assert.throws(() => parseRecords([broken], KEY, SUFFIX), TypeError)
  })
})

describe('records as text', () => {
  test('names are relative to the zone, @ its apex, and can be read again', () => {
    const records = recordsFrom(
      `@ 60 IN MX 10 mail\nwww 60 IN CNAME @\na\\.b.\\@.c 60 IN TXT "x"\n${me.toUpperCase()}. 60 IN A 192.0.2.1`,
      KEY.apex,
    )
    const texts = records.map((record) => formatRecordText(record, KEY))
    assert.deepEqual(texts, [
      { name: '@', type: 'MX', ttl: 60, value: `10 mail.${me}.` },
      { name: 'www', type: 'CNAME', ttl: 60, value: `${me}.` },
      { name: 'a\\.b.\\@.c', type: 'TXT', ttl: 60, value: '"x"' },
      { name: '@', type: 'A', ttl: 60, value: '192.0.2.1' },
    ])
    assert.deepEqual(linesOf(parseRecords(texts.slice(0, 3), KEY, SUFFIX)), linesOf(records.slice(0, 3)))
  })
})

describe('a name of a zone under the suffix', () => {
  const table: [name: string, shown: string][] = [
    [`www.${me}.`, `www.${me}.kad.alt.`],
    [`${me.toUpperCase()}.`, `${me.toUpperCase()}.kad.alt.`],
    ['www.example.org.', 'www.example.org.'],
    [`${me}.example.org.`, `${me}.example.org.`],
    [`${'y'.repeat(52)}.`, `${'y'.repeat(52)}.`],
    ['.', '.'],
  ]
  for (const [name, shown] of table) {
    test(`${name.replace(me, '<key>')} is shown as ${shown.replace(me, '<key>')}`, () => {
      assert.equal(formatName(withSuffix(parseName(name), SUFFIX)), shown)
    })
  }

  test('that would be over 255 octets is refused', () => {
    const name = parseName(`${'a.'.repeat(97)}${me}.`)
    assert.equal(name.length, 248)
    assertDnsFault(() => withSuffix(name, SUFFIX), 'bad-name', /256 octets/)
  })
})
