import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatType, parseType } from '../../src/dns/message.ts'
import { formatName, parseName } from '../../src/dns/name.ts'
import { formatRdata } from '../../src/dns/rdata-text.ts'
import { lookUp } from '../../src/zone/look-up.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signRevocation } from '../../src/zone/signed-zone.ts'
import { ALICE, BOB, zoneOf } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)
const BOB_LABEL = publicKeyOf(BOB).label

/** What the zone says to `name type`, in one line; names below the apex without it. */
function ask(zone: SignedZone, question: string): string {
  const [name = '', word = ''] = question.split(' ')
  const found = lookUp(zone, parseName(name, KEY.apex), parseType(word) ?? 0)
  const shown =
    found.kind === 'no-data' || found.kind === 'no-name'
      ? []
      : found.records.map(
          (record) =>
            `${formatName(record.name)} ${record.ttl} ${formatType(record.type)} ${formatRdata(record.type, record.data)}`,
        )
  const where =
    found.kind === 'delegation'
      ? ` at ${formatName(found.cut)}`
      : found.kind === 'alias'
        ? ` to ${formatName(found.target)}`
        : ''
  return [`${found.kind}${where}`, ...shown]
    .join(' | ')
    .replaceAll(`.${KEY.label}.`, '')
    .replaceAll(`${KEY.label}.`, '@')
    .replaceAll(BOB_LABEL, '<bob>')
}

function table(zone: SignedZone, rows: readonly [question: string, answer: string][]): void {
  for (const [question, answer] of rows) {
    test(`${question.replaceAll(BOB_LABEL, '<bob>')}: ${answer}`, () =>
      assert.equal(ask(zone, question), answer))
  }
}

describe('names and types', () => {
  const zone = zoneOf(`
    @       300 IN A     192.0.2.1
    @       300 IN A     192.0.2.2
    @       60  IN TXT   "apex"
    Www     60  IN CNAME Target
    out     60  IN CNAME example.org.
    two     90  IN A     192.0.2.1
    two     30  IN A     192.0.2.2
    a.b.c   60  IN A     192.0.2.1
    a\\.b   60  IN A     192.0.2.3
    x       60  IN TYPE65280 \\# 1 ff
  `)
  table(zone, [
    ['@ A', 'answer | @ 300 A 192.0.2.1 | @ 300 A 192.0.2.2'],
    ['@ TXT', 'answer | @ 60 TXT "apex"'],
    ['@ AAAA', 'no-data'],
    ['@ NS', 'no-data'],
    ['x TYPE65280', 'answer | x 60 TYPE65280 \\# 1 ff'],
    ['a\\.b A', 'answer | a\\.b 60 A 192.0.2.3'],
    ['a.b A', 'no-name'],
    ['nothing A', 'no-name'],
    ['nothing.nothing A', 'no-name'],
    ['below.two A', 'no-name'],
    // RFC 2181 5.2: one set, one TTL, the smallest.
    ['two A', 'answer | two 30 A 192.0.2.1 | two 30 A 192.0.2.2'],
    // The answer carries the name as it was asked.
    ['TWO A', 'answer | TWO 30 A 192.0.2.1 | TWO 30 A 192.0.2.2'],
    ['WWW A', 'alias to Target | WWW 60 CNAME Target'],
    ['www AAAA', 'alias to Target | www 60 CNAME Target'],
    ['www CNAME', 'answer | www 60 CNAME Target'],
    ['out A', 'alias to example.org. | out 60 CNAME example.org.'],
    ['target A', 'no-name'],
    // Names that exist because of the names below them (RFC 4592 2.2.2, RFC 8020).
    ['b.c A', 'no-data'],
    ['c A', 'no-data'],
    ['z.b.c A', 'no-name'],
  ])

  test('the SOA is at the apex', () => {
    assert.match(ask(zone, '@ SOA'), /^answer \| @ 60 SOA \. \. \d+ 300 60 604800 60$/)
  })

  test('the apex is found in upper case', () => {
    assert.equal(lookUp(zone, parseName(`${KEY.label.toUpperCase()}.`), 1).kind, 'answer')
  })

  test('asked again the answer is the same', () => {
    assert.equal(ask(zone, 'two A'), ask(zone, 'two A'))
  })

  test('of a revoked zone only the apex is left', () => {
    const revoked = signRevocation(ALICE)
    assert.equal(ask(revoked, '@ A'), 'no-data')
    assert.equal(ask(revoked, 'www A'), 'no-name')
  })
})

describe('wildcards', () => {
  const zone = zoneOf(`
    *.foo     60 IN A     192.0.2.1
    *.foo     60 IN TXT   "any"
    is.foo    60 IN AAAA  2001:db8::1
    a.ent.foo 60 IN A     192.0.2.2
    *.alias   60 IN CNAME target
    *.cut     60 IN A     192.0.2.3
    sub.cut   60 IN NS    ns.example.org.
  `)
  table(zone, [
    ['bar.foo A', 'answer | bar.foo 60 A 192.0.2.1'],
    ['BAR.Foo TXT', 'answer | BAR.Foo 60 TXT "any"'],
    ['bar.foo AAAA', 'no-data'],
    ['*.foo A', 'answer | *.foo 60 A 192.0.2.1'],
    // RFC 4592 2.2.1: any number of labels, when the names between do not exist.
    ['x.bar.foo A', 'answer | x.bar.foo 60 A 192.0.2.1'],
    ['y.x.bar.foo A', 'answer | y.x.bar.foo 60 A 192.0.2.1'],
    // It speaks for no name that exists, and for none below one.
    ['is.foo A', 'no-data'],
    ['is.foo AAAA', 'answer | is.foo 60 AAAA 2001:db8::1'],
    ['x.is.foo A', 'no-name'],
    ['ent.foo A', 'no-data'],
    ['x.ent.foo A', 'no-name'],
    ['foo A', 'no-data'],
    ['x.*.foo A', 'no-name'],
    ['bar A', 'no-name'],
    ['www.alias A', 'alias to target | www.alias 60 CNAME target'],
    ['www.alias CNAME', 'answer | www.alias 60 CNAME target'],
    ['www.cut A', 'answer | www.cut 60 A 192.0.2.3'],
    ['www.sub.cut A', 'delegation at sub.cut | sub.cut 60 NS ns.example.org.'],
  ])

  table(zoneOf('* 60 IN A 192.0.2.1'), [
    ['www A', 'answer | www 60 A 192.0.2.1'],
    ['a.b.c A', 'answer | a.b.c 60 A 192.0.2.1'],
    ['@ A', 'no-data'],
  ])

  test('a wildcard answers the longest name there is', () => {
    const name = parseName(['aa', ...Array<string>(99).fill('a')].join('.'), KEY.apex)
    assert.equal(name.length, 255)
    const found = lookUp(zoneOf('* 60 IN A 192.0.2.1'), name, 1)
    assert.equal(found.kind === 'answer' && found.records[0]?.name, name)
  })
})

describe('cuts', () => {
  const zone = zoneOf(`
    @        60 IN NS ns.example.org.
    @        60 IN DS 1 8 9 00
    Sub      60 IN NS ns.sub
    sub      60 IN NS ns2.example.org.
    sub      60 IN A  192.0.2.9
    sub      60 IN DS 60485 8 9 ABCD
    ns.sub   60 IN A  192.0.2.10
    deep.sub 60 IN NS ns.example.org.
    key      60 IN NS ${BOB_LABEL}.
    bare     60 IN NS ns.example.org.
  `)
  table(zone, [
    ['sub A', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    ['SUB NS', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    ['www.SUB A', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    ['ns.sub A', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    // The highest cut counts: what lies below it is not this zone's to say.
    ['x.deep.sub A', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    ['key A', 'delegation at key | key 60 NS <bob>.'],
    // DS at a cut is the parent's (RFC 4035 3.1.4.1).
    ['sub DS', 'answer | sub 60 DS 60485 8 9 ABCD'],
    ['bare DS', 'no-data'],
    ['www.sub DS', 'delegation at sub | sub 60 NS ns.sub | sub 60 NS ns2.example.org.'],
    // NS of hosts at the apex are data and hand nothing over.
    ['@ NS', 'answer | @ 60 NS ns.example.org.'],
    ['@ A', 'no-data'],
    ['other A', 'no-name'],
  ])
})

describe('an apex NS', () => {
  const handsOver = (target: string) => ask(zoneOf(`@ 60 IN NS ${target}\nwww 60 IN A 192.0.2.1`), 'www A')

  test('to a key hands the whole zone over', () => {
    assert.equal(handsOver(`${BOB_LABEL}.`), 'delegation at @ | @ 60 NS <bob>.')
    assert.equal(
      handsOver(`${BOB_LABEL.toUpperCase()}.`),
      `delegation at @ | @ 60 NS ${BOB_LABEL.toUpperCase()}.`,
    )
  })

  const data: [what: string, target: string][] = [
    ['a host', 'ns.example.org.'],
    ["a host in a key's zone", `ns.${BOB_LABEL}.`],
    ['a label that looks like a key and is none', `${'y'.repeat(52)}.`],
    ['the root', '.'],
  ]
  for (const [what, target] of data) {
    test(`to ${what} hands nothing over`, () =>
      assert.equal(handsOver(target), 'answer | www 60 A 192.0.2.1'))
  }
})

describe('a DNAME', () => {
  const zone = zoneOf(`
    Old       90 IN DNAME New
    old       30 IN A     192.0.2.1
    out       60 IN DNAME example.org.
    root      60 IN DNAME .
    bob       60 IN DNAME a.${BOB_LABEL}.
    *         60 IN A     192.0.2.2
    in.old    60 IN A     192.0.2.3
    *.old     60 IN A     192.0.2.4
    *.out     60 IN A     192.0.2.5
    cut.old   60 IN NS    ns.example.org.
    b.ent     60 IN DNAME c
    n         60 IN NS    ns.example.org.
    d.n       60 IN DNAME e
    both      60 IN NS    ns.example.org.
    both      60 IN DNAME e
    alias     60 IN CNAME one
    alias     60 IN DNAME two
    *.wild    60 IN DNAME t
  `)
  table(zone, [
    // RFC 6672 2.2: what stands left of the owner stands left of the target, in the case and number of labels asked.
    ['www.old A', 'alias to www.New | old 90 DNAME New | www.old 90 CNAME www.New'],
    ['A.b.OLD AAAA', 'alias to A.b.New | OLD 90 DNAME New | A.b.OLD 90 CNAME A.b.New'],
    ['www.old TYPE65280', 'alias to www.New | old 90 DNAME New | www.old 90 CNAME www.New'],
    [
      'www.out A',
      'alias to www.example.org. | out 60 DNAME example.org. | www.out 60 CNAME www.example.org.',
    ],
    ['a.b.root A', 'alias to a.b. | root 60 DNAME . | a.b.root 60 CNAME a.b.'],
    ['x.bob A', 'alias to x.a.<bob>. | bob 60 DNAME a.<bob>. | x.bob 60 CNAME x.a.<bob>.'],
    ['x.b.ent A', 'alias to x.c | b.ent 60 DNAME c | x.b.ent 60 CNAME x.c'],
    // A question for the CNAME or the DNAME below it is led on like any other.
    ['www.old CNAME', 'alias to www.New | old 90 DNAME New | www.old 90 CNAME www.New'],
    ['www.old DNAME', 'alias to www.New | old 90 DNAME New | www.old 90 CNAME www.New'],
    // RFC 6672 2.3: its own name is not redirected, and has other records.
    ['old DNAME', 'answer | old 90 DNAME New'],
    ['OLD A', 'answer | OLD 30 A 192.0.2.1'],
    ['old AAAA', 'no-data'],
    // RFC 6672 2.4: what a stranger signed below it is hidden, wildcards and cuts included.
    ['in.old A', 'alias to in.New | old 90 DNAME New | in.old 90 CNAME in.New'],
    ['x.in.old A', 'alias to x.in.New | old 90 DNAME New | x.in.old 90 CNAME x.in.New'],
    ['*.old A', 'alias to *.New | old 90 DNAME New | *.old 90 CNAME *.New'],
    ['x.cut.old A', 'alias to x.cut.New | old 90 DNAME New | x.cut.old 90 CNAME x.cut.New'],
    ['cut.old DS', 'alias to cut.New | old 90 DNAME New | cut.old 90 CNAME cut.New'],
    // What is below a cut is not this zone's to say, nor what is at one.
    ['x.d.n A', 'delegation at n | n 60 NS ns.example.org.'],
    ['x.both A', 'delegation at both | both 60 NS ns.example.org.'],
    // Beside a CNAME, which nobody may sign: each for its own names.
    ['alias A', 'alias to one | alias 60 CNAME one'],
    ['x.alias A', 'alias to x.two | alias 60 DNAME two | x.alias 60 CNAME x.two'],
    // RFC 6672 3.3: one made from a wildcard redirects nothing.
    ['x.wild A', 'no-data'],
    ['y.x.wild A', 'no-data'],
    ['x.wild DNAME', 'answer | x.wild 60 DNAME t'],
    // Names beside it are not below it.
    ['sold A', 'answer | sold 60 A 192.0.2.2'],
    ['xold A', 'answer | xold 60 A 192.0.2.2'],
  ])

  test('at the apex redirects every name below, and the apex keeps its records', () => {
    const apex = zoneOf('@ 60 IN DNAME example.org.\n@ 60 IN A 192.0.2.1')
    assert.equal(ask(apex, '@ A'), 'answer | @ 60 A 192.0.2.1')
    assert.equal(
      ask(apex, 'a.b A'),
      'alias to a.b.example.org. | @ 60 DNAME example.org. | a.b 60 CNAME a.b.example.org.',
    )
  })

  test('of the two that stand below each other the upper one counts', () => {
    const two = zoneOf('a 60 IN DNAME upper\nb.a 60 IN DNAME lower')
    assert.equal(ask(two, 'c.b.a A'), 'alias to c.b.upper | a 60 DNAME upper | c.b.a 60 CNAME c.b.upper')
  })

  test('leads to a name of 255 octets, and not to one octet more', () => {
    // A target of 3 * 64 + 1 + 53 = 246 octets.
    const long = zoneOf(`long 60 IN DNAME ${['x', 'y', 'z'].map((letter) => letter.repeat(63)).join('.')}`)
    const fits = lookUp(long, parseName(`${'p'.repeat(8)}.long`, KEY.apex), 1)
    assert.equal(fits.kind === 'alias' && fits.target.length, 255)
    const name = parseName(`${'p'.repeat(9)}.long`, KEY.apex)
    const tooLong = lookUp(long, name, 1)
    assert.equal(tooLong.kind, 'too-long')
    assert.deepEqual(tooLong.kind === 'too-long' && tooLong.records.map(({ type }) => formatType(type)), [
      'DNAME',
    ])
  })
})
