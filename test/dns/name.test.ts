import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  fold,
  formatName,
  isUnder,
  joinNames,
  labelsOf,
  type Name,
  nameFromLabels,
  nameFromWire,
  nameToWire,
  parentOf,
  parseName,
  ROOT,
  relativeTo,
  sameName,
} from '../../src/dns/name.ts'
import { assertDnsFault } from '../support/faults.ts'
import { octets } from '../support/wire.ts'

const LABEL_63 = 'a'.repeat(63)
// 3 × (1 + 63) + (1 + 61) + 1 = 255
const NAME_255 = [LABEL_63, LABEL_63, LABEL_63, 'b'.repeat(61)]

describe('a name as text', () => {
  const table: [text: string, labels: string[], written: string][] = [
    ['.', [], '.'],
    ['www.example.org.', ['www', 'example', 'org'], 'www.example.org.'],
    ['www.example.org', ['www', 'example', 'org'], 'www.example.org.'],
    ['a\\.b.org.', ['a.b', 'org'], 'a\\.b.org.'],
    ['a\\046b.org.', ['a.b', 'org'], 'a\\.b.org.'],
    ['\\000.\\255.', ['\0', '\xff'], '\\000.\\255.'],
    ['\\\\.\\"\\;\\(\\)\\@\\$.', ['\\', '";()@$'], '\\\\.\\"\\;\\(\\)\\@\\$.'],
    ['\\032\\009.', [' \t'], '\\032\\009.'],
    ['\\@.', ['@'], '\\@.'],
    ['\\097bc.', ['abc'], 'abc.'],
    ['*._tcp.', ['*', '_tcp'], '*._tcp.'],
    ['WWW.Example.', ['WWW', 'Example'], 'WWW.Example.'],
  ]
  for (const [text, labels, written] of table) {
    test(`${text} has the labels ${JSON.stringify(labels)} and is written ${written}`, () => {
      assert.deepEqual(labelsOf(parseName(text)), labels)
      assert.equal(formatName(parseName(text)), written)
    })
  }

  const broken: [text: string, reason: 'bad-name' | 'bad-text', sentence: RegExp][] = [
    ['', 'bad-name', /empty/],
    ['a..b', 'bad-name', /empty label/],
    ['.a', 'bad-name', /empty label/],
    ['..', 'bad-name', /empty label/],
    ['a b', 'bad-name', /escaped/],
    ['bücher.example', 'bad-name', /xn--/],
    ['a\x7f', 'bad-name', /escaped/],
    ['a\\', 'bad-text', /escapes nothing/],
    ['a\\1b', 'bad-text', /escapes nothing/],
    ['a\\ü', 'bad-text', /escapes nothing/],
    ['a\\256', 'bad-text', /\\256 is no octet/],
  ]
  for (const [text, reason, sentence] of broken) {
    test(`${JSON.stringify(text)} is no name (${reason})`, () =>
      assertDnsFault(() => parseName(text), reason, sentence))
  }

  test('a name without a final dot stands under the origin, and @ is the origin', () => {
    const origin = parseName('example.org.')
    assert.equal(formatName(parseName('www', origin)), 'www.example.org.')
    assert.equal(formatName(parseName('www.', origin)), 'www.')
    assert.equal(formatName(parseName('www\\.', origin)), 'www\\..example.org.')
    assert.equal(formatName(parseName('@', origin)), 'example.org.')
    assert.equal(formatName(parseName('.', origin)), '.')
  })
})

describe('a name of any octets', () => {
  const labels = fc
    .array(
      fc.uint8Array({ minLength: 1, maxLength: 20 }).map((octet) => Buffer.from(octet).toString('latin1')),
      { maxLength: 8 },
    )
    .map((list) => ({ list, name: nameFromLabels(list) }))

  test('comes out of text as it went in', () => {
    fc.assert(fc.property(labels, ({ name }) => assert.equal(parseName(formatName(name)), name)))
  })

  test('comes out of its wire form as it went in, and so do its labels', () => {
    fc.assert(
      fc.property(labels, ({ list, name }) => {
        assert.equal(nameFromWire(nameToWire(name)), name)
        assert.deepEqual(labelsOf(name), list)
      }),
    )
  })

  test('a label with a dot, a NUL and 0xff in it is one label on the wire', () => {
    assert.deepEqual(nameToWire(nameFromLabels(['a.b\0\xff', 'c'])), octets('05 61 2e 62 00 ff 01 63 00'))
  })
})

describe('the limits of a name', () => {
  test('a label may have 63 octets and not 64', () => {
    assert.deepEqual(labelsOf(parseName(LABEL_63)), [LABEL_63])
    assertDnsFault(() => parseName(`${LABEL_63}a`), 'bad-name', /64 octets; 63 are allowed/)
  })

  test('a name may have 255 octets and not 256', () => {
    assert.equal(nameFromLabels(NAME_255).length, 255)
    assertDnsFault(() => nameFromLabels([...NAME_255.slice(0, 3), 'b'.repeat(62)]), 'bad-name', /256 octets/)
  })

  test('what an origin makes too long is refused as well', () => {
    const origin = nameFromLabels(NAME_255.slice(1))
    assert.equal(parseName(LABEL_63, origin).length, 255)
    assertDnsFault(() => parseName(`c.${'a'.repeat(62)}`, origin), 'bad-name', /256 octets/)
  })

  test('a label cannot be empty', () => {
    assertDnsFault(() => nameFromLabels(['a', '', 'b']), 'bad-name', /empty label/)
  })
})

describe('names side by side', () => {
  test('case is kept, and folded for ASCII letters only', () => {
    const name = nameFromLabels(['WwW', 'É\xc9[@`{'])
    assert.equal(formatName(name), 'WwW.\\201\\201[\\@`{.')
    assert.deepEqual(labelsOf(fold(name)), ['www', 'É\xc9[@`{'])
  })

  test('two names are the same when they differ in ASCII case alone', () => {
    assert.ok(sameName(parseName('WWW.example.ORG.'), parseName('www.EXAMPLE.org.')))
    assert.ok(!sameName(parseName('\\201.'), parseName('\\233.')))
    assert.ok(!sameName(parseName('a\\.b.'), parseName('a.b.')))
  })

  const under: [name: string, zone: string, answer: boolean][] = [
    ['www.example.org.', 'example.org.', true],
    ['WWW.EXAMPLE.ORG.', 'example.org.', true],
    ['example.org.', 'Example.Org.', true],
    ['badexample.org.', 'example.org.', false],
    ['x.badexample.org.', 'example.org.', false],
    ['www\\.example.org.', 'example.org.', false],
    ['org.', 'example.org.', false],
    ['.', 'example.org.', false],
    ['example.org.', '.', true],
    ['.', '.', true],
    // The octets "\x07example\x03org" stand at the end of this name too, but inside a label.
    ['x\\007example\\003org.', 'example.org.', false],
  ]
  for (const [name, zone, answer] of under) {
    test(`${name} is ${answer ? '' : 'not '}under ${zone}`, () =>
      assert.equal(isUnder(parseName(name), parseName(zone)), answer))
  }

  test('what stands left of a zone and the zone make the name again', () => {
    const name = parseName('a\\.b.WWW.example.org.')
    for (const zone of ['example.org.', 'EXAMPLE.org.', 'a\\.b.www.example.org.', '.'].map((text) =>
      parseName(text),
    )) {
      assert.ok(sameName(joinNames(relativeTo(name, zone), zone), name))
    }
    assert.equal(formatName(relativeTo(name, parseName('example.org.'))), 'a\\.b.WWW.')
    assert.equal(relativeTo(name, name), ROOT)
    assert.equal(joinNames(ROOT, name), name)
  })

  test('the root is its own parent, and every name gets there', () => {
    const chain: Name[] = [parseName('a\\.b.c.')]
    while (chain.at(-1) !== ROOT) chain.push(parentOf(chain.at(-1) as Name))
    assert.deepEqual(chain.map(formatName), ['a\\.b.c.', 'c.', '.'])
    assert.equal(parentOf(ROOT), ROOT)
  })
})
