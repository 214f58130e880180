/** Which names are blocked and which are excepted: a million of them in two flat arrays. The names themselves are kept, so that no other name is ever taken for one. */
import { type Name, parentOf, ROOT } from '../../dns/name.ts'

/** What is said of a name; several may be. */
export const Rule = {
  /** This name alone. */
  block: 1,
  /** This name and all below it. */
  blockBelow: 2,
  /** Likewise never blocked, whatever else says so. */
  allowBelow: 4,
} as const

export type Verdict = 'allowed' | 'blocked' | 'unknown'

/** Names put into the table in one go: a millisecond or two. */
const SLICE = 1000

/** Takes names down one after the other. */
export class RuleWriter {
  readonly #octets: Buffer
  #end = 0
  #count = 0

  /** @param room octets of all names in their wire form, and two of each besides, at most */
  constructor(room: number) {
    // Pages that are never written to take no memory.
    this.#octets = Buffer.allocUnsafeSlow(room)
  }

  /** @param name folded */
  add(name: Name, rule: number): void {
    this.#octets[this.#end] = rule
    this.#octets[this.#end + 1] = name.length
    this.#octets.write(name, this.#end + 2, 'latin1')
    this.#end += 2 + name.length
    this.#count++
  }

  /** Makes the table to find them by. @param breathe lets others work in between */
  async finish(breathe: () => Promise<void>): Promise<NameRules> {
    const octets = this.#octets
    const table = new Uint32Array(2 ** Math.ceil(Math.log2(this.#count * 2 + 2)))
    let size = 0
    let at = 0
    for (let seen = 1; at < this.#end; seen++) {
      const length = octets[at + 1] as number
      const slot = findSlot({ octets, table }, octets.toString('latin1', at + 2, at + 2 + length))
      const known = table[slot] as number
      if (known > 0) octets[known - 1] = (octets[known - 1] as number) | (octets[at] as number)
      else {
        table[slot] = at + 1 // 0 is an empty slot
        size++
      }
      at += 2 + length
      if (seen % SLICE === 0) await breathe()
    }
    return new NameRules({ octets, table }, size)
  }
}

interface Arrays {
  /** Of each name: its rules, its length, its octets. */
  readonly octets: Buffer
  /** Where a name begins, plus one; 0: nothing. Open addressing, at most half full. */
  readonly table: Uint32Array
}

export class NameRules {
  readonly #arrays: Arrays
  /** Different names. */
  readonly size: number

  constructor(arrays: Arrays, size: number) {
    this.#arrays = arrays
    this.size = size
  }

  /** @param name folded */
  judge(name: Name): Verdict {
    if (this.size === 0) return 'unknown'
    let found = this.#rulesOf(name)
    for (let above = name; above !== ROOT; ) {
      above = parentOf(above)
      found |= this.#rulesOf(above) & ~Rule.block
    }
    if ((found & Rule.allowBelow) > 0) return 'allowed'
    return found > 0 ? 'blocked' : 'unknown'
  }

  #rulesOf(name: Name): number {
    const { octets, table } = this.#arrays
    const place = table[findSlot(this.#arrays, name)] as number
    return place === 0 ? 0 : (octets[place - 1] as number)
  }
}

/** The slot that holds the name, or the empty one where it would be. */
function findSlot({ octets, table }: Arrays, name: string): number {
  const mask = table.length - 1
  for (let slot = hash(name) & mask; ; slot = (slot + 1) & mask) {
    const place = table[slot] as number
    if (place === 0 || isAt(octets, place - 1, name)) return slot
  }
}

function isAt(octets: Buffer, place: number, name: string): boolean {
  if (octets[place + 1] !== name.length) return false
  for (let at = 0; at < name.length; at++) if (octets[place + 2 + at] !== name.charCodeAt(at)) return false
  return true
}

/** FNV-1a, and the mixing MurmurHash3 ends with: its low bits alone are too much alike for names that end alike. */
function hash(name: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < name.length; at++) value = Math.imul(value ^ name.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
