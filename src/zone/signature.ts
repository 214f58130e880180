/** Ed25519 as every KadNS node must judge it: RFC 8032 5.1.7 without cofactor, no small order, nothing non-canonical. */
import { createHash, verify } from 'node:crypto'
import { getPublicKey, hashes, sign, utils } from '@noble/ed25519'
import { isSmallOrder, type PublicKey, publicKeyFromBytes } from './key.ts'

hashes.sha512 = (message: Uint8Array) => Uint8Array.from(createHash('sha512').update(message).digest())

export const SIGNATURE_OCTETS = 64
export const SECRET_OCTETS = 32

/** A new secret key: 32 octets from the system's random source. */
export function newSecretKey(): Uint8Array {
  return utils.randomSecretKey()
}

/** @param secret 32 octets, the seed of RFC 8032 5.1.5 */
export function publicKeyOf(secret: Uint8Array): PublicKey {
  return publicKeyFromBytes(getPublicKey(secret))
}

export function signBytes(message: Uint8Array, secret: Uint8Array): Uint8Array {
  return sign(message, secret)
}

/**
 * Whether `signature` (64 octets: R, S) is the key's over `message`. node:crypto checks S < L and compares R octet by
 * octet, so R is canonical; it refuses a key that is no point; the key is a PublicKey and so canonical and not of small
 * order; what is left is R of small order, which OpenSSL 3.5 refuses by itself and 3.0 does not.
 */
export function verifyBytes(message: Uint8Array, signature: Uint8Array, key: PublicKey): boolean {
  if (signature.length !== SIGNATURE_OCTETS) return false
  if (isSmallOrder(signature.subarray(0, 32))) return false
  return verify(null, message, key.verifier, signature)
}
