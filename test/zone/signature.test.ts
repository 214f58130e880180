import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { verify } from '@noble/ed25519'
import { publicKeyFromBytes } from '../../src/zone/key.ts'
import { newSecretKey, publicKeyOf, signBytes, verifyBytes } from '../../src/zone/signature.ts'
import { signedPart } from '../../src/zone/signed-zone.ts'
import { readFixture } from '../support/fixture.ts'
import { readVector } from '../support/protocol-vectors.ts'
import { octets } from '../support/wire.ts'
import { ALICE, BOB } from '../support/zones.ts'

interface Vector {
  readonly id: number
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly result: 'valid' | 'invalid'
  readonly comment: string
}

/** RFC 8032 5.1: the order of the group. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const MESSAGE = Buffer.from('records')

/** Little-endian, as ed25519 has its numbers. */
function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function toOctets(number: bigint): Buffer {
  return octets(number.toString(16).padStart(64, '0')).reverse()
}

/** Whether the equation alone holds, whatever the points are (ZIP 215). */
function equationHolds(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  return verify(signature, message, key, { zip215: true })
}

describe('known signatures', () => {
  test('BEP 44, test 1, as in docs/protocol.md', () => {
    const { key = '', sequence = '', value = '', signature = '' } = readVector('bep44-test-1')
    const signed = signedPart(BigInt(sequence), octets(value))
    assert.equal(`${signed}`, '3:seqi1e1:v12:Hello World!')
    assert.ok(verifyBytes(signed, octets(signature), publicKeyFromBytes(octets(key))))
    assert.ok(!verifyBytes(signedPart(2n, octets(value)), octets(signature), publicKeyFromBytes(octets(key))))
  })

  test('the seed of docs/protocol.md makes the key, label and signature given there', () => {
    const { seed = '', key = '', label = '', sequence = '', value = '', signature = '' } = readVector('seed')
    const made = publicKeyOf(octets(seed))
    assert.deepEqual(Buffer.from(made.bytes), octets(key))
    assert.equal(made.label, label)
    const signed = signedPart(BigInt(sequence), octets(value))
    assert.deepEqual(Buffer.from(signBytes(signed, octets(seed))), octets(signature))
    assert.ok(verifyBytes(signed, octets(signature), made))
  })

  const { vectors } = readFixture<{ vectors: Vector[] }>('wycheproof-ed25519.json')

  test('there are 145 vectors of Wycheproof, 84 of them valid', () => {
    assert.equal(vectors.length, 145)
    assert.equal(vectors.filter(({ result }) => result === 'valid').length, 84)
  })

  for (const vector of vectors) {
    test(`Wycheproof ${vector.id} is ${vector.result} (${vector.comment})`, () => {
      const judged = verifyBytes(
        octets(vector.message),
        octets(vector.signature),
        publicKeyFromBytes(octets(vector.key)),
      )
      assert.equal(judged ? 'valid' : 'invalid', vector.result)
    })
  }
})

describe('a signature', () => {
  const key = publicKeyOf(ALICE)
  const signature = signBytes(MESSAGE, ALICE)

  test('holds for its message and key, and for no other', () => {
    assert.ok(verifyBytes(MESSAGE, signature, key))
    assert.ok(!verifyBytes(Buffer.from('record'), signature, key))
    assert.ok(!verifyBytes(MESSAGE, signature, publicKeyOf(BOB)))
  })

  test('of another length than 64 octets does not hold', () => {
    for (const other of [signature.subarray(0, 63), octets(signature, '00'), new Uint8Array()]) {
      assert.ok(!verifyBytes(MESSAGE, other, key))
    }
  })

  test('does not hold with S + L in place of S', () => {
    const other = octets(signature.subarray(0, 32), toOctets(toNumber(signature.subarray(32)) + L))
    assert.ok(!verifyBytes(MESSAGE, other, key))
  })

  test('made without R, from the neutral point, satisfies the equation and does not hold', () => {
    // RFC 8032 5.1.6 with r = 0: S = k a mod L.
    const hash = createHash('sha512').update(ALICE).digest().subarray(0, 32)
    hash[0] = (hash[0] ?? 0) & 248
    hash[31] = ((hash[31] ?? 0) & 127) | 64
    const neutral = toOctets(1n)
    const k = toNumber(
      createHash('sha512')
        .update(octets(neutral, key.bytes, MESSAGE))
        .digest(),
    )
    const made = octets(neutral, toOctets((k * toNumber(hash)) % L))
    assert.ok(equationHolds(MESSAGE, made, key.bytes))
    assert.ok(!verifyBytes(MESSAGE, made, key))
  })

  test('does not hold with any point of small order as R', () => {
    const { smallOrder } = readFixture<{ smallOrder: { hex: string }[] }>('ed25519-points.json')
    for (const { hex } of smallOrder) {
      assert.ok(!verifyBytes(MESSAGE, octets(hex, signature.subarray(32)), key), hex)
    }
  })

  test('that is valid for every message under the neutral key has no key to be verified with', () => {
    const neutral = toOctets(1n)
    const forged = octets(neutral, new Uint8Array(32))
    assert.ok(equationHolds(MESSAGE, forged, neutral))
    assert.throws(() => publicKeyFromBytes(neutral), { name: 'ZoneFault', reason: 'key' })
  })
})

test('new secret keys are 32 octets, each another', () => {
  const [one, two] = [newSecretKey(), newSecretKey()]
  assert.equal(one.length, 32)
  assert.notDeepEqual(one, two)
  assert.notEqual(publicKeyOf(one).label, publicKeyOf(two).label)
})
