/** RFC 4648 6 without padding, lower case: how kad-dht spells record keys in its datastore. */
import { DhtFault } from './fault.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** @throws DhtFault `frame` for a character that is none of the alphabet */
export function decodeBase32(text: string): Uint8Array {
  const octets = new Uint8Array(Math.floor((text.length * 5) / 8))
  let pending = 0
  let bits = 0
  let at = 0
  for (const character of text) {
    const value = ALPHABET.indexOf(character)
    if (value < 0) throw new DhtFault('frame', `"${character}" is no character of base32.`)
    pending = ((pending << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    octets[at++] = (pending >> bits) & 0xff
  }
  return octets
}
