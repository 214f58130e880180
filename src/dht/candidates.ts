/** The peers one lookup knows of, closest first, and what has become of each. */
import { pointOf } from './contacts.ts'
import type { Contact, GetReply } from './frames.ts'
import { capGroups } from './ip-group.ts'
import { distance } from './record-key.ts'

export interface Candidate {
  readonly contact: Contact
  /** XOR distance to what is looked for. */
  readonly distance: Buffer
  /** How many peers stand one behind the other on the way to it, itself counted. */
  readonly depth: number
  /** Its IP group; undefined as long as that is not known, and where there are none. */
  group: string | undefined
  /** `heard`: has answered just now for another place; `silent`: connected but gave no answer of use; `dead`: could not be connected to. */
  state: 'new' | 'heard' | 'asked' | 'silent' | 'dead' | GetReply['kind']
}

export interface CandidateNeeds {
  /** Kademlia's k. */
  readonly window: number
  /** How many are remembered at all. */
  readonly total: number
  /** Peers, by their names, that have just answered for another place of the zone. */
  readonly heard?: ReadonlySet<string> | undefined
  groupOf(contact: Contact): string | undefined
}

const HAS_SAID: ReadonlySet<Candidate['state']> = new Set(['found', 'relayed', 'same', 'older', 'absent'])

/** Of the closest so many are asked though they have been heard: who is closest knows best who is closer still. */
const ASKED_ANEW = 3

export class Candidates {
  readonly #target: Uint8Array
  readonly #needs: CandidateNeeds
  readonly #known = new Set<string>()
  #sorted: Candidate[] = []

  /** @param target the point in Kademlia's space that is looked for; `self` (a multihash) is never a candidate */
  constructor(target: Uint8Array, self: Uint8Array, needs: CandidateNeeds) {
    this.#target = target
    this.#needs = needs
    this.#known.add(nameOf({ id: self }))
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
    from.group = this.#needs.groupOf(from.contact) // it has answered: now there is a connection to know it by
    const room = this.#first().chosen.length < this.#needs.window
    this.#add(contacts, from.depth + 1, (away) => room || Buffer.compare(away, from.distance) < 0)
  }

  /** The closest that nobody has asked yet and that is among the k closest that may still answer. */
  next(): Candidate | undefined {
    return this.window().find(({ state }, at) => state === 'new' || (state === 'heard' && at < ASKED_ANEW))
  }

  /** Of those that nobody has asked yet and that are so, the closest; none of a group that was asked. */
  nearest(isSo: (contact: Contact) => boolean): Candidate | undefined {
    const asked = new Set(this.#sorted.map(({ state, group }) => (state === 'new' ? undefined : group)))
    const isOther = ({ group }: Candidate) => group === undefined || !asked.has(group)
    return this.#sorted.find((each) => each.state === 'new' && isOther(each) && isSo(each.contact))
  }

  /**
   * The k closest, without those that gave no answer: the next ones take their place. Where a group has too many, its
   * surplus stands behind all others.
   */
  window(): Candidate[] {
    const { chosen, surplus } = this.#first()
    return [...chosen, ...surplus]
  }

  count(state: Candidate['state']): number {
    return this.#sorted.reduce((sum, candidate) => sum + Number(candidate.state === state), 0)
  }

  /** How many have said what they hold. */
  answered(): number {
    return this.#sorted.reduce((sum, { state }) => sum + Number(HAS_SAID.has(state)), 0)
  }

  /** How many of the k closest known, whatever became of them, could not be connected to. */
  deadAmongClosest(): number {
    return this.#sorted.slice(0, this.#needs.window).filter(({ state }) => state === 'dead').length
  }

  get size(): number {
    return this.#sorted.length
  }

  #first(): { chosen: Candidate[]; surplus: Candidate[] } {
    const living = this.#sorted.filter(({ state }) => state !== 'dead' && state !== 'silent')
    return capGroups(living, this.#needs.window, ({ group }) => group)
  }

  #add(contacts: readonly Contact[], depth: number, useful: (away: Buffer) => boolean): void {
    const before = this.#known.size
    for (const contact of contacts) {
      const name = nameOf(contact)
      const away = distance(pointOf(contact), this.#target)
      if (this.#known.has(name) || !useful(away)) continue
      this.#known.add(name)
      const group = this.#needs.groupOf(contact)
      const state = this.#needs.heard?.has(name) ? 'heard' : 'new'
      this.#sorted.push({ contact, distance: away, depth, group, state })
    }
    if (this.#known.size === before) return
    this.#sorted.sort((a, b) => Buffer.compare(a.distance, b.distance))
    this.#forget(this.#sorted.length - this.#needs.total)
  }

  /** Those that cannot be reached first, then the furthest: whoever names many that are none pushes nobody out. */
  #forget(surplus: number): void {
    if (surplus <= 0) return
    const furthestFirst = this.#sorted.toReversed()
    const lost = furthestFirst.filter(({ state }) => state === 'dead' || state === 'silent')
    const others = furthestFirst.filter(({ state }) => state === 'new')
    const forgotten = new Set([...lost, ...others].slice(0, surplus))
    this.#sorted = this.#sorted.filter((candidate) => !forgotten.has(candidate))
  }
}

/** What a peer is known by in sets and maps. */
export function nameOf({ id }: Pick<Contact, 'id'>): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex')
}
