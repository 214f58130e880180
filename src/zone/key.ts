/** Public keys: 32 octets of ed25519 that are at the same time the name of a zone. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { Point } from '@noble/ed25519'
import { boundedCache } from '../cache.ts'
import { type Name, nameFromLabels } from '../dns/name.ts'
import { ZoneFault } from './fault.ts'
import { decodeZBase32, encodeZBase32 } from './z-base-32.ts'

declare const checked: unique symbol

/** A key that has been found canonical and not of small order; only the two functions below make one. */
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

/** Throws ZoneFault `key` unless these are 32 octets that encode, canonically, a point that is not of small order. */
export function publicKeyFromBytes(bytes: Uint8Array): PublicKey {
  if (bytes.length !== KEY_OCTETS) throw new ZoneFault('key', `A key has 32 octets, not ${bytes.length}.`)
  const key = keyOf(encodeZBase32(bytes), bytes)
  if (!key) throw new ZoneFault('key', 'These 32 octets are no ed25519 public key.')
  return key
}

/** Keys by label as they were found, since finding a point takes a fifth of a millisecond, and every question and every peer asks. */
const found = boundedCache<{ readonly key: PublicKey | undefined }>(10_000)

/** The key a label spells; undefined when the label is not the one valid spelling of a valid key. Case is folded. */
export function publicKeyFromLabel(label: string): PublicKey | undefined {
  const folded = label.toLowerCase()
  if (!LABEL.test(folded)) return undefined
  return keyOf(folded, decodeZBase32(folded))
}

function keyOf(label: string, bytes: Uint8Array | undefined): PublicKey | undefined {
  const known = found.get(label)
  if (known) return known.key
  const key = bytes && isStrictPoint(bytes) ? makeKey(Uint8Array.from(bytes)) : undefined
  found.set(label, { key })
  return key
}

/** Whether a label has the shape of a key, valid or not: such a name is never anybody else's. */
export function looksLikeKey(label: string): boolean {
  return LABEL.test(label.toLowerCase())
}

// RFC 8032 5.1.3: y below p, and x with the sign asked for, exist. Small order would verify anything.
function isStrictPoint(bytes: Uint8Array): boolean {
  try {
    return !Point.fromBytes(bytes, false).isSmallOrder()
  } catch {
    return false
  }
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
