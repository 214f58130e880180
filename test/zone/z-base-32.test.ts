import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeZBase32, encodeZBase32 } from '../../src/zone/z-base-32.ts'
import { octets } from '../support/wire.ts'

// Zooko O'Whielacronx, "human-oriented base-32 encoding" (2002), where whole octets are encoded.
const VECTORS: [hex: string, text: string][] = [
  ['', ''],
  ['00', 'yy'],
  ['f0bfc7', '6n9hq'],
  ['d47a04', '4t7ye'],
  [
    '796f7457532cd39697f4fccd1a2d7074e6c1f6c59e6ecf5dc16c8ecd6e3fea6c',
    'xfzzei4ufuj3pf9w9ugtwmmoquucd7sfu3zc6zqbp18c45t97jsy',
  ],
]
for (const [hex, text] of VECTORS) {
  test(`${hex || 'nothing'} is ${text || 'the empty text'}`, () => {
    assert.equal(encodeZBase32(octets(hex)), text)
    assert.deepEqual(Buffer.from(decodeZBase32(text) ?? [1]), octets(hex))
  })
}

test('any octets come back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(decodeZBase32(encodeZBase32(bytes)), bytes)),
  )
})

test('text is refused when a character is none of the alphabet, a spare bit is set, or a character is too many', () => {
  for (const text of [
    '6n9hQ',
    '6n9h0',
    '6n9hl',
    '6n9hv',
    '6n9h2',
    '6n9h ',
    'ü',
    'y',
    'yb',
    'yn',
    'yyy',
    'yyyyyy',
  ]) {
    assert.equal(decodeZBase32(text), undefined, text)
  }
})
