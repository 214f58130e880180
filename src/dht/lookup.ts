/** Kademlia's iterative lookup of one zone. It knows no libp2p: who asks a peer, and what is a valid zone, is handed in. */
import { abortable } from './abortable.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { Copies } from './copies.ts'
import { DhtFault } from './fault.ts'
import type { Findings, Verdict } from './findings.ts'
import type { Contact, GetReply, GetRequest } from './frames.ts'
import type { Heard, LookupGoal, LookupTools } from './lookup-goal.ts'
import { digestOf, encodeRecordKey, kademliaId } from './record-key.ts'

/** Good copies that end a lookup. */
const ENOUGH = { first: 1, second: 2, closest: Infinity }

/**
 * Protocol 5, "Forwarding": so many of the nearest connected peers are asked before all others, and may pass the question
 * on over their connections. In a large network the nearest peers known are hardly ever connected, and to dial one takes
 * longer than all of this.
 */
const RELAYS = 2
/** What each of them may spend. */
const RELAY = { hopsLeft: 3, messagesLeft: 3 }
/** A peer that is asked alone is waited for less: as if its answer took so many round trips. */
const ALONE = 0.8
const ASK_ONLY = { hopsLeft: 0, messagesLeft: 0 }

/** Protocol 2, "Without SOA": so many have to have answered, for the newest of what they hold to be the answer. */
const HEARD_OF_BARE = 5

/** Protocol 5: fewer than this say nothing about what the network lacks. */
const MIN_ABSENT = 3

export interface WalkNeeds {
  readonly tools: LookupTools
  readonly signal: AbortSignal
  /** Further peers to begin with, read once those at the start do not do. */
  readonly more?: () => readonly Contact[]
}

/**
 * Looks for a zone, beginning with `start`; ends by itself at the goal's timeout. Peers still being asked then go on
 * in the background, so that the connections being made are there for the next lookup.
 * @throws the signal's reason when that aborts
 */
export async function walk(goal: LookupGoal, start: readonly Contact[], needs: WalkNeeds): Promise<Findings> {
  return await new Walk(goal, needs).run(start)
}

class Walk {
  readonly #goal: LookupGoal
  readonly #tools: LookupTools
  readonly #signal: AbortSignal
  readonly #place: Uint8Array
  readonly #candidates: Candidates
  #more: WalkNeeds['more']
  readonly #began: number
  readonly #inFlight = new Set<Promise<void>>()
  /** Of those in flight, the ones that take so long that others are asked beside them. */
  readonly #late = new Set<Candidate>()
  #lateCame = Promise.withResolvers<void>()
  readonly #copies: Copies
  #dialsLeft: number
  #outOfDials = false
  #asked = 0
  /** The only one asked so far should hold the zone: as long as it is not late, nobody is asked beside it. */
  #waitsForOne = false

  constructor(goal: LookupGoal, { tools, signal, more }: WalkNeeds) {
    const { maxAsked, maxCandidates, maxDialsPerLookup } = tools.limits
    this.#place = kademliaId(encodeRecordKey(goal.key, goal.replica))
    this.#more = more
    this.#goal = goal
    this.#tools = tools
    this.#signal = signal
    this.#candidates = new Candidates(this.#place, tools.self, {
      window: maxAsked,
      total: maxCandidates,
      heard: goal.heard,
      groupOf: (contact) => tools.groupOf(contact),
    })
    this.#copies = new Copies({ have: goal.have, accept: (bytes) => tools.accept(bytes, goal.key) })
    this.#dialsLeft = maxDialsPerLookup
    this.#began = tools.clock.monotonic()
  }

  async run(start: readonly Contact[]): Promise<Findings> {
    this.#candidates.start(start)
    const end = Promise.withResolvers<void>()
    using _deadline = this.#tools.clock.after(this.#goal.timeout, end.resolve)
    await abortable(Promise.race([this.#walk(), end.promise]), this.#signal)
    return this.#findings()
  }

  async #walk(): Promise<void> {
    for (;;) {
      this.#askMore()
      if (this.#done() || this.#inFlight.size === 0) return
      await Promise.race([...this.#inFlight, this.#lateCame.promise])
    }
  }

  #done(): boolean {
    const { good, bare } = this.#copies
    if (good >= ENOUGH[this.#goal.until]) return true
    return bare > 0 && this.#goal.until !== 'closest' && this.#candidates.answered() >= HEARD_OF_BARE
  }

  #askMore(): void {
    if (this.#done() || this.#millisecondsLeft() <= 0 || this.#signal.aborted) return
    while (this.#inFlight.size - this.#late.size < this.#parallelism()) {
      const relay = this.#nextRelay()
      const candidate = relay ?? this.#nextWithinReach()
      if (!candidate) return
      this.#begin(candidate, relay ? RELAY : ASK_ONLY)
    }
  }

  #parallelism(): number {
    return this.#waitsForOne ? 1 : (this.#goal.parallelism ?? this.#tools.limits.parallelism)
  }

  #nextRelay(): Candidate | undefined {
    if (this.#goal.until !== 'first' || this.#asked >= RELAYS) return undefined
    return this.#candidates.nearest(this.#tools.isConnected)
  }

  /** Protocol 5, "Dials": a reply may name whom it likes, and a lookup is not to be what knocks at all their doors. */
  #nextWithinReach(): Candidate | undefined {
    this.#candidates.start(this.#more?.() ?? [])
    this.#more = undefined
    for (;;) {
      const candidate = this.#candidates.next()
      if (!candidate || this.#tools.isConnected(candidate.contact)) return candidate
      if (this.#dialsLeft > 0) {
        this.#dialsLeft--
        return candidate
      }
      candidate.state = 'silent'
      this.#outOfDials = true
    }
  }

  #begin(candidate: Candidate, spend: typeof ASK_ONLY): void {
    const asking = this.#ask(candidate, spend).finally(() => this.#inFlight.delete(asking))
    this.#inFlight.add(asking)
  }

  /** Never rejects. */
  async #ask(candidate: Candidate, spend: typeof ASK_ONLY): Promise<void> {
    candidate.state = 'asked'
    this.#waitsForOne = this.#asked === 0 && this.#isLikelyHolder(candidate)
    this.#asked++
    const told = this.#watched(candidate)
    using _hedge = this.#hedge(candidate, this.#waitsForOne ? ALONE : 1 + spend.hopsLeft)
    try {
      const request = { ...this.#request(), ...spend }
      const reply = await this.#tools.ask(candidate.contact, request, this.#signal)
      this.#copies.floor ??= await this.#goal.floor
      this.#hear(candidate, reply)
      told?.(reply)
    } catch (cause) {
      const reason = cause instanceof DhtFault ? cause.reason : undefined
      candidate.state = reason === 'connect' ? 'dead' : 'silent'
      if (reason === 'busy') this.#outOfDials = true // this node itself would not ask it
      told?.(candidate.state === 'dead' ? 'dead' : 'silent')
    } finally {
      this.#waitsForOne = false
    }
  }

  /** Undefined where nobody watches. */
  #watched(candidate: Candidate): ((reply: NonNullable<Heard['reply']>) => void) | undefined {
    const { watch } = this.#goal
    if (!watch) return undefined
    const began = this.#tools.clock.monotonic()
    const { contact, depth: hop } = candidate
    watch({ contact, hop, reply: undefined, zone: undefined, milliseconds: 0 })
    return (reply) => {
      const milliseconds = this.#tools.clock.monotonic() - began
      watch({ contact, hop, reply, zone: this.#copies.givenBy(candidate), milliseconds })
    }
  }

  #isLikelyHolder({ contact }: Candidate): boolean {
    return this.#goal.until === 'first' && this.#tools.isLikelyHolder(contact, this.#place)
  }

  /** Protocol 5, "Get": a peer that is late keeps nobody waiting, and its answer still counts. */
  #hedge(candidate: Candidate, roundTrips: number): Disposable {
    const patience = this.#tools.hedgeAfter(candidate.contact, roundTrips)
    const alarm = this.#tools.clock.after(patience, () => {
      this.#late.add(candidate)
      this.#waitsForOne = false
      this.#lateCame.resolve()
      this.#lateCame = Promise.withResolvers()
    })
    return {
      [Symbol.dispose]: () => {
        alarm[Symbol.dispose]()
        this.#late.delete(candidate)
      },
    }
  }

  #request(): Omit<GetRequest, 'hopsLeft' | 'messagesLeft'> {
    const { key, replica, have } = this.#goal
    return {
      kind: 'get',
      key: key.bytes,
      replica,
      have: have && { sequence: have.sequence, digest: digestOf(have.bytes) },
      millisecondsLeft: this.#millisecondsLeft(),
    }
  }

  #hear(candidate: Candidate, reply: GetReply): void {
    candidate.state = reply.kind
    if (reply.kind !== 'busy') this.#candidates.learn(candidate, reply.closer)
    if (reply.kind === 'same') this.#copies.same(candidate)
    if (reply.kind === 'found' || reply.kind === 'relayed')
      this.#copies.given(candidate, reply.bytes, reply.kind === 'relayed')
  }

  #millisecondsLeft(): number {
    return this.#goal.timeout - (this.#tools.clock.monotonic() - this.#began)
  }

  #findings(): Findings {
    const copies = this.#copies
    const answered = this.#candidates.window().filter(({ state }) => state !== 'new' && state !== 'asked')
    const furthest = answered.reduce((most, { depth }) => Math.max(most, depth), 0)
    const holders = answered.filter((each) => copies.isHolder(each))
    const milliseconds = this.#tools.clock.monotonic() - this.#began
    return {
      verdict: this.#verdict(),
      effort: { asked: this.#asked, hops: copies.hops || furthest, milliseconds },
      closest: answered.map(({ contact }) => contact),
      holders: holders.map(({ contact }) => contact),
      behind: answered.filter((each) => copies.isBehind(each)).map(({ contact }) => contact),
      hands: new Set(holders.map((each) => each.group ?? each)).size,
      fewPeers: this.#candidates.size < this.#tools.limits.maxAsked,
      outOfDials: this.#outOfDials,
    }
  }

  #verdict(): Verdict {
    const { newest, confirmed, rejected } = this.#copies
    if (newest) return { kind: 'found', zone: newest }
    if (confirmed) return { kind: 'same' }
    if (this.#lacking()) return { kind: 'absent' }
    if (rejected > 0) return { kind: 'bogus', rejected }
    return { kind: 'unreachable', cause: this.#cause() }
  }

  /**
   * Protocol 5: at least three, and two thirds of the k closest live peers, have said that they lack it. Where most of
   * the closest are dead, those further away are asked in vain: they never were to hold it.
   */
  #lacking(): boolean {
    const window = this.#candidates.window()
    const absent = window.filter(({ state }) => state === 'absent').length
    const live = window.length + this.#candidates.count('silent')
    return absent >= MIN_ABSENT && absent * 3 >= live * 2 && absent * 2 >= this.#candidates.deadAmongClosest()
  }

  #cause(): string {
    if (this.#candidates.size === 0) return 'No other node is known.'
    const answered = this.#candidates
      .window()
      .filter(({ state }) => state !== 'new' && state !== 'asked').length
    if (answered === 0) return `None of ${this.#candidates.size} known nodes answered.`
    return `Only ${answered} of ${this.#candidates.size} known nodes answered: too few to say that nobody holds it.`
  }
}
