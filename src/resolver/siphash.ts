/** SipHash-2-4 (Aumasson and Bernstein, 2012), the keyed hash of DNS cookies. In 32-bit halves, since every BigInt is an object. */

/** The state v0, v1, v2, v3: of each the low half, then the high one. One hash is made at a time. */
const v = new Int32Array(8)
const START = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
] as const

/**
 * @param key 16 octets as little-endian 32-bit halves, low half first
 * @param words the message in the same way, padded as SipHash pads: whole words of 64 bits, the last octet its length
 * @param out 8 octets
 */
export function sipHash(key: Int32Array, words: Int32Array, out: Uint8Array): void {
  for (let half = 0; half < 8; half++) v[half] = (START[half] as number) ^ (key[half & 3] as number)
  for (let at = 0; at < words.length; at += 2) {
    mix(6, words, at)
    round()
    round()
    mix(0, words, at)
  }
  v[4] = (v[4] as number) ^ 0xff
  for (let left = 4; left > 0; left--) round()
  for (let at = 0; at < 8; at++) {
    const half = at >> 2
    const word =
      (v[half] as number) ^ (v[half + 2] as number) ^ (v[half + 4] as number) ^ (v[half + 6] as number)
    out[at] = word >>> ((at & 3) * 8)
  }
}

function mix(into: number, words: Int32Array, at: number): void {
  v[into] = (v[into] as number) ^ (words[at] as number)
  v[into + 1] = (v[into + 1] as number) ^ (words[at + 1] as number)
}

function round(): void {
  let [v0l, v0h, v1l, v1h] = [v[0] as number, v[1] as number, v[2] as number, v[3] as number]
  let [v2l, v2h, v3l, v3h] = [v[4] as number, v[5] as number, v[6] as number, v[7] as number]
  v0l = (v0l + v1l) | 0
  v0h = (v0h + v1h + carry(v0l, v1l)) | 0
  let low = (v1l << 13) | (v1h >>> 19)
  v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h
  v1l = low ^ v0l
  v2l = (v2l + v3l) | 0
  v2h = (v2h + v3h + carry(v2l, v3l)) | 0
  low = (v3l << 16) | (v3h >>> 16)
  v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h
  v3l = low ^ v2l
  const turned = (v0h + v3l) | 0 // v0 was turned by 32: its halves have changed places
  v0h = (v0l + v3h + carry(turned, v3l)) | 0
  v0l = turned
  low = (v3l << 21) | (v3h >>> 11)
  v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h
  v3l = low ^ v0l
  v2l = (v2l + v1l) | 0
  v2h = (v2h + v1h + carry(v2l, v1l)) | 0
  low = (v1l << 17) | (v1h >>> 15)
  v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h
  v1l = low ^ v2l
  v[0] = v0l
  v[1] = v0h
  v[2] = v1l
  v[3] = v1h
  v[4] = v2h // turned by 32
  v[5] = v2l
  v[6] = v3l
  v[7] = v3h
}

/** What a sum of low halves brings to the high ones. */
function carry(sum: number, added: number): 0 | 1 {
  return sum >>> 0 < added >>> 0 ? 1 : 0
}
