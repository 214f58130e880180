/** Chance that is the same in every run of one seed. */
import { createHash } from 'node:crypto'

export class Random {
  #state: number

  /** @param seed any text; another text is another sequence */
  constructor(seed: string) {
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  }

  /** From 0 up to 1, 1 left out (Marsaglia's additive step, mixed as in murmur3). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to `end`, `end` left out. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** Of the normal distribution of mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!
  }

  /** `count` of the values, none twice; all when there are no more. The order says nothing. */
  sample<Value>(values: readonly Value[], count: number): Value[] {
    const left = [...values]
    if (left.length <= count) return left
    for (let at = 0; at < count; at++) {
      const other = at + this.below(left.length - at)
      ;[left[at], left[other]] = [left[other]!, left[at]!]
    }
    return left.slice(0, count)
  }

  octets(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)))
  }
}
