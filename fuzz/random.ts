/** Chance that can be had again: the same numbers for the same seed, target and case, on every machine. */

/** Numbers of one case (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number, target: string, number: number) {
    // FNV-1a over all three, so that neighbouring cases have nothing in common.
    let hash = 0x811c9dc5
    for (const octet of Buffer.from(`${seed}/${target}/${number}`)) hash = Math.imul(hash ^ octet, 0x01000193)
    this.#state = hash
  }

  /** From 0 to below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value
  }
}
