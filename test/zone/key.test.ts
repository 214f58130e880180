import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Point } from '@noble/ed25519'
import fc from 'fast-check'
import { formatName } from '../../src/dns/name.ts'
import { looksLikeKey, publicKeyFromBytes, publicKeyFromLabel } from '../../src/zone/key.ts'
import { verifyBytes } from '../../src/zone/signature.ts'
import { encodeZBase32 } from '../../src/zone/z-base-32.ts'
import { assertZoneFault } from '../support/faults.ts'
import { readFixture } from '../support/fixture.ts'
import { octets } from '../support/wire.ts'

interface Points {
  readonly smallOrder: { order: number; hex: string }[]
  readonly nonCanonical: { fault: string; hex: string }[]
  readonly noPoint: { fault: string; hex: string }[]
}

const { smallOrder, nonCanonical, noPoint } = readFixture<Points>('ed25519-points.json')
const HEX = '796f7457532cd39697f4fccd1a2d7074e6c1f6c59e6ecf5dc16c8ecd6e3fea6c'
const LABEL = 'xfzzei4ufuj3pf9w9ugtwmmoquucd7sfu3zc6zqbp18c45t97jsy'
const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769'

test("the protocol's key has the protocol's label, which is the apex of its zone", () => {
  const key = publicKeyFromBytes(octets(HEX))
  assert.equal(key.label, LABEL)
  assert.equal(formatName(key.apex), `${LABEL}.`)
  assert.deepEqual(Buffer.from(publicKeyFromLabel(LABEL)?.bytes ?? []), octets(HEX))
})

test('a key keeps its octets when the buffer it was read from changes', () => {
  const buffer = octets(HEX)
  const key = publicKeyFromBytes(buffer)
  buffer.fill(0)
  assert.deepEqual(Buffer.from(key.bytes), octets(HEX))
})

test('of the 16 spellings of 32 octets one is a key, and all of them look like one', () => {
  // The last of 52 characters holds one bit of the key and four spare ones.
  const spellings = Array.from(ALPHABET, (last) => LABEL.slice(0, -1) + last)
  assert.ok(spellings.every(looksLikeKey))
  const sameOctets = spellings.filter((label) => ALPHABET.indexOf(label.slice(-1)) < 16)
  assert.equal(sameOctets.length, 16)
  assert.deepEqual(
    sameOctets.filter((label) => publicKeyFromLabel(label)),
    [LABEL],
  )
})

test('upper case spells the same key', () => {
  assert.equal(publicKeyFromLabel(LABEL.toUpperCase())?.label, LABEL)
  assert.ok(looksLikeKey(LABEL.toUpperCase()))
})

test('labels of another length or alphabet are no keys and do not look like one', () => {
  for (const label of [
    '',
    LABEL.slice(1),
    `${LABEL}y`,
    `l${LABEL.slice(1)}`,
    `${LABEL.slice(1)}\n`,
    `${LABEL}\n`,
    'www',
  ]) {
    assert.ok(!looksLikeKey(label), label)
    assert.equal(publicKeyFromLabel(label), undefined, label)
  }
})

describe('octets that are no key', () => {
  const refused: [fault: string, hex: string][] = [
    ...smallOrder.map(({ order, hex }): [string, string] => [`a point of order ${order}`, hex]),
    ...nonCanonical.map(({ fault, hex }): [string, string] => [`no canonical encoding (${fault})`, hex]),
  ]
  for (const [fault, hex] of refused) {
    test(`${fault}: ${hex.slice(0, 4)}…${hex.slice(-4)}`, () => {
      assertZoneFault(() => publicKeyFromBytes(octets(hex)), 'key', /no ed25519 public key/)
    })
  }

  for (const length of [0, 31, 33]) {
    test(`${length} octets`, () =>
      assertZoneFault(() => publicKeyFromBytes(new Uint8Array(length)), 'key', /32 octets/))
  }

  for (const { fault, hex } of noPoint) {
    test(`no point (${fault}): no signature is one of theirs`, () => {
      const key = publicKeyFromBytes(octets(hex))
      const neutral = octets('01'.padEnd(64, '0'))
      for (const signature of [
        Buffer.alloc(64),
        Buffer.alloc(64, 1),
        Buffer.concat([neutral, Buffer.alloc(32)]),
      ])
        assert.ok(!verifyBytes(Buffer.from('hello'), signature, key))
    })
  }

  test('are the same by the curve, but for those that are no point', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const isKey = publicKeyFromLabel(encodeZBase32(bytes)) !== undefined
        assert.ok(isKey === isStrictPoint(bytes) || (isKey && !hasRoot(bytes)))
      }),
    )
  })

  test('their labels look like keys and are none', () => {
    // The point of order 4 with y = 0 is a zero key.
    const label = 'y'.repeat(52)
    assert.ok(looksLikeKey(label))
    assert.equal(publicKeyFromLabel(label), undefined)
  })
})

function isStrictPoint(bytes: Uint8Array): boolean {
  return hasRoot(bytes) && !Point.fromBytes(bytes, false).isSmallOrder()
}

function hasRoot(bytes: Uint8Array): boolean {
  try {
    Point.fromBytes(bytes, false)
    return true
  } catch {
    return false
  }
}
