/** The peers one lookup knows of, closest first, and what has become of each. */
import type { Contact, GetReply } from './frames.ts'
import { distance, kademliaId } from './record-key.ts'

export interface Candidate {
  readonly contact: Contact
  /** XOR distance to what is looked for. */
  readonly distance: Buffer
  /** How many peers stand one behind the other on the way to it, itself counted. */
  readonly depth: number
  /** `silent`: connected but gave no answer of use; `dead`: could not be connected to. */
  state: 'new' | 'asked' | 'silent' | 'dead' | GetReply['kind']
}

/** Limits: `window` is Kademlia's k, `total` bounds what is remembered at all. */
export interface CandidateLimits {
  readonly window: number
  readonly total: number
}

export class Candidates {
  readonly #target: Uint8Array
  readonly #limits: CandidateLimits
  readonly #known = new Set<string>()
  #sorted: Candidate[] = []

  /** @param target the point in Kademlia's space that is looked for; `self` (a multihash) is never a candidate */
  constructor(target: Uint8Array, self: Uint8Array, limits: CandidateLimits) {
    this.#target = target
    this.#limits = limits
    this.#known.add(hex(self))
  }

  /** Where a lookup begins: peers of the routing table. */
  start(contacts: readonly Contact[]): void {
    this.#add(contacts, 1, () => true)
  }

  /**
   * Kademlia's progress: of what a peer tells, what is closer than itself is of use. Anything else is too while fewer
   * than k are known, or a node that has just joined by one peer would never hear of those behind it.
   */
  learn(from: Candidate, contacts: readonly Contact[]): void {
    const room = this.window().length < this.#limits.window
    this.#add(contacts, from.depth + 1, (away) => room || Buffer.compare(away, from.distance) < 0)
  }

  /** The closest that nobody has asked yet and that is among the k closest that may still answer. */
  next(): Candidate | undefined {
    return this.window().find(({ state }) => state === 'new')
  }

  /** The k closest, without those that gave no answer: the next ones take their place. */
  window(): Candidate[] {
    return this.#sorted
      .filter(({ state }) => state !== 'dead' && state !== 'silent')
      .slice(0, this.#limits.window)
  }

  count(state: Candidate['state']): number {
    return this.#sorted.reduce((sum, candidate) => sum + Number(candidate.state === state), 0)
  }

  /** How many of the k closest known, whatever became of them, could not be connected to. */
  deadAmongClosest(): number {
    return this.#sorted.slice(0, this.#limits.window).filter(({ state }) => state === 'dead').length
  }

  get size(): number {
    return this.#sorted.length
  }

  #add(contacts: readonly Contact[], depth: number, useful: (away: Buffer) => boolean): void {
    const before = this.#sorted.length
    for (const contact of contacts) {
      const name = hex(contact.id)
      const away = distance(kademliaId(contact.id), this.#target)
      if (this.#known.has(name) || this.#sorted.length >= this.#limits.total || !useful(away)) continue
      this.#known.add(name)
      this.#sorted.push({ contact, distance: away, depth, state: 'new' })
    }
    if (this.#sorted.length > before) this.#sorted.sort((a, b) => Buffer.compare(a.distance, b.distance))
  }
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')
}
