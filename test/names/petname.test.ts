/** What may be a petname, and which look alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseName } from '../../src/dns/name.ts'
import { formatPetname, PetnameFault, parsePetname, skeletonOf } from '../../src/names/petname.ts'
import { whoseName } from '../../src/names/whose.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { ALICE } from '../support/zones.ts'

const KEY = publicKeyOf(ALICE)

describe('a petname', () => {
  for (const [text, label] of [
    ['alice', 'alice'],
    ['Alice', 'alice'],
    ['my-laptop2', 'my-laptop2'],
    ['Müller', 'xn--mller-kva'],
    ['xn--mller-kva', 'xn--mller-kva'],
    ['алиса', 'xn--80aaxl5a'],
    ['東京タワー', 'xn--5hqx8r9t9c5b9k'],
  ] as const) {
    test(`${text} is ${label}`, () => {
      const parsed = parsePetname(text)
      if (text !== '東京タワー') assert.equal(parsed, label)
      assert.equal(formatPetname(parsed), text.startsWith('xn--') ? 'müller' : text.toLowerCase())
    })
  }

  for (const [text, why] of [
    ['', /one label/],
    ['a.b', /one label/],
    ['-a', /one label/],
    ['a_b', /one label/],
    ['x'.repeat(64), /one label/],
    [KEY.label, /looks like a key/],
    ['peer', /kept for something else/],
    ['alice-k7m2x9qa', /ends like a short name/],
    ['org', /top-level domain/],
    ['de', /top-level domain/],
    ['xn--p1ai', /top-level domain/],
    ['аlice', /mixes letters of several scripts/],
    ['pаypаl', /mixes letters/],
  ] as const) {
    test(`"${text.slice(0, 20)}" is none`, () =>
      assert.throws(
        () => parsePetname(text),
        (fault) => fault instanceof PetnameFault && why.test(fault.message),
      ))
  }

  for (const [one, other] of [
    ['paypal', 'раураl'],
    ['alice', 'a1ice'],
    ['modern', 'rnodern'],
    ['google', 'g00gle'],
  ] as const) {
    test(`${one} looks like ${other}`, () => assert.equal(skeletonOf(one), skeletonOf(other)))
  }

  test('names that differ to the eye do not look alike', () => {
    const names = ['alice', 'bob', 'carol', 'dave', 'mum', 'printer', 'laptop', 'router', 'work', 'home']
    assert.equal(new Set(names.map(skeletonOf)).size, names.length)
  })
})

describe('whose a name under a petname is', () => {
  const SUFFIX = parseName('kad.alt')
  const book = { keyOf: (label: string) => (label.toLowerCase() === 'alice' ? KEY : undefined) }

  test("the key's, called as it was asked", () => {
    const whose = whoseName(parseName('www.Alice.kad.alt'), SUFFIX, book)
    assert.deepEqual(whose, {
      kind: 'zone',
      key: KEY,
      inZone: parseName(`www.${KEY.label}`),
      apex: parseName('Alice.kad.alt'),
      suffix: SUFFIX,
    })
  })

  test("nobody's without the book, in another book, at the top level, or where it becomes too long", () => {
    assert.equal(whoseName(parseName('alice.kad.alt'), SUFFIX).kind, 'nobody')
    assert.equal(whoseName(parseName('bob.kad.alt'), SUFFIX, book).kind, 'nobody')
    assert.equal(whoseName(parseName('www.alice'), SUFFIX, book).kind, 'ordinary')
    const long = `${`${'x'.repeat(63)}.`.repeat(3)}${'y'.repeat(40)}.alice.kad.alt`
    assert.equal(whoseName(parseName(long), SUFFIX, book).kind, 'nobody')
  })

  test('a key stays a key, whatever the book says', () => {
    const liar = { keyOf: () => publicKeyOf(Buffer.alloc(32, 9)) }
    const whose = whoseName(parseName(`www.${KEY.label}.kad.alt`), SUFFIX, liar)
    assert.equal(whose.kind === 'zone' && whose.key.label, KEY.label)
    assert.equal(whoseName(parseName('peer.kad.alt'), SUFFIX, liar).kind, 'empty')
  })
})
