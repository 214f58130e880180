/** z-base-32 (Zooko O'Whielacronx, 2002), most significant bit first, for octet strings of any length. */

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769'
const VALUE_OF = new Map(Array.from(ALPHABET, (character, value) => [character, value]))

export function encodeZBase32(octets: Uint8Array): string {
  let text = ''
  let pending = 0
  let bits = 0
  for (const octet of octets) {
    pending = ((pending << 8) | octet) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(pending >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + ALPHABET[(pending << (5 - bits)) & 31] : text
}

/** The octets, or undefined when a character is none of the alphabet (upper case is not) or a spare bit is not zero. */
export function decodeZBase32(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(Math.floor((text.length * 5) / 8))
  let at = 0
  let pending = 0
  let bits = 0
  for (const character of text) {
    const value = VALUE_OF.get(character)
    if (value === undefined) return undefined
    pending = ((pending << 5) | value) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      octets[at++] = (pending >> bits) & 0xff
    }
  }
  return bits < 5 && (pending & ((1 << bits) - 1)) === 0 ? octets : undefined
}
