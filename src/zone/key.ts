/** Public keys: 32 octets of ed25519 that are at the same time the name of a zone. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { boundedCache } from '../cache.ts'
import { type Name, nameFromLabels } from '../dns/name.ts'
import { ZoneFault } from './fault.ts'
import { decodeZBase32, encodeZBase32 } from './z-base-32.ts'

declare const checked: unique symbol

/**
 * Octets that have been found canonical and not of small order; only the two functions below make one. Whether they are
 * a point at all is for verification to say: no signature verifies under octets that are none.
 */
export interface PublicKey {
  readonly [checked]: true
  readonly bytes: Uint8Array
  /** z-base-32: 52 characters of lower case. */
  readonly label: string
  /** `<label>.`, the apex of this key's zone as it is signed. */
  readonly apex: Name
  /** What node:crypto verifies with; made when first needed. */
  readonly verifier: KeyObject
}

export const KEY_OCTETS = 32
const LABEL = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/

/** Throws ZoneFault `key` unless these are 32 octets, canonical, and not those of a point of small order. */
export function publicKeyFromBytes(bytes: Uint8Array): PublicKey {
  if (bytes.length !== KEY_OCTETS) throw new ZoneFault('key', `A key has 32 octets, not ${bytes.length}.`)
  const key = keyOf(encodeZBase32(bytes), bytes)
  if (!key) throw new ZoneFault('key', 'These 32 octets are no ed25519 public key.')
  return key
}

/** Keys by label, with the verifiers made for them, since every question and every peer asks. */
const known = boundedCache<PublicKey>(10_000)

/** The key a label spells; undefined when the label is not the one valid spelling of a valid key. Case is folded. */
export function publicKeyFromLabel(label: string): PublicKey | undefined {
  const folded = label.toLowerCase()
  if (!LABEL.test(folded)) return undefined
  return keyOf(folded, decodeZBase32(folded))
}

function keyOf(label: string, bytes: Uint8Array | undefined): PublicKey | undefined {
  const key = known.get(label)
  if (key) return key
  if (!bytes || !isCanonical(bytes) || isSmallOrder(bytes)) return undefined
  const made = makeKey(Uint8Array.from(bytes))
  known.set(label, made)
  return made
}

/** Whether a label has the shape of a key, valid or not: such a name is never anybody else's. */
export function looksLikeKey(label: string): boolean {
  return LABEL.test(label.toLowerCase())
}

/** The eight points of small order, under which a signature can be made for anything, as hexadecimal. */
const SMALL_ORDER = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
])
/** RFC 8032 5.1.3, step 4: where x is 0, the sign cannot be 1. */
const SIGN_OF_ZERO = new Set([
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
])

/** @param point 32 octets, canonical */
export function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.has(Buffer.from(point).toString('hex'))
}

/** RFC 8032 5.1.3, but for what takes a root: y below p = 2^255 - 19, and no sign where x is 0. */
function isCanonical(point: Uint8Array): boolean {
  const hex = Buffer.from(point).toString('hex')
  return !SIGN_OF_ZERO.has(hex) && !/^(e[d-f]|f.)(ff){30}[7f]f$/.test(hex)
}

function makeKey(bytes: Uint8Array): PublicKey {
  const label = encodeZBase32(bytes)
  let verifier: KeyObject | undefined
  return {
    bytes,
    label,
    apex: nameFromLabels([label]),
    get verifier() {
      verifier ??= createPublicKey({
        format: 'jwk',
        key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(bytes).toString('base64url') },
      })
      return verifier
    },
  } as PublicKey
}
