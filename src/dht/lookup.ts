/** Kademlia's iterative lookup of one zone. It knows no libp2p: who asks a peer, and what is a valid zone, is handed in. */
import type { Clock } from '../clock.ts'
import type { LookupEffort } from '../zone/directory.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { compareZones, type SignedZone } from '../zone/signed-zone.ts'
import { abortable } from './abortable.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { DhtFault } from './fault.ts'
import type { Contact, GetReply, GetRequest } from './frames.ts'
import { digestOf, encodeRecordKey, kademliaId, type Replica } from './record-key.ts'

/** What a lookup is for. */
export interface LookupGoal {
  readonly key: PublicKey
  readonly replica: Replica
  /** The copy at home: only something newer is worth sending. */
  readonly have?: SignedZone | undefined
  /** A zone below this sequence is never the answer. */
  readonly floor: bigint
  /** `first`, `second`: so many good copies end it; `closest`: it ends when the k closest peers have answered. */
  readonly until: 'first' | 'second' | 'closest'
  /** Milliseconds. */
  readonly timeout: number
  /** Peers asked at a time, where it is not the usual number. */
  readonly parallelism?: number
  /** Peers, by their names, that have just answered for another place of the zone: most of them need not answer again. */
  readonly heard?: ReadonlySet<string>
}

export interface LookupTools {
  /** Rejects with DhtFault `connect` when there is no such peer, with anything else when it did not answer. */
  ask(contact: Contact, request: GetRequest, signal: AbortSignal): Promise<GetReply>
  /** Milliseconds after which a peer that has not answered is not waited for alone. */
  hedgeAfter(contact: Contact): number
  /** The peer's IP group, by its connection, else by its address; undefined when neither is known, and on loopback. */
  groupOf(contact: Contact): string | undefined
  /** @throws ZoneFault when these octets are no valid zone of the key, or not of this time */
  accept(bytes: Uint8Array, key: PublicKey): SignedZone
  readonly clock: Clock
  /** This node's own peer id as a multihash. */
  readonly self: Uint8Array
  readonly limits: { readonly parallelism: number; readonly maxAsked: number; readonly maxCandidates: number }
}

export type Verdict =
  | { readonly kind: 'found'; readonly zone: SignedZone }
  /** The copy at home is what the network holds. */
  | { readonly kind: 'same' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'bogus'; readonly rejected: number }
  | { readonly kind: 'unreachable'; readonly cause: string }

export interface Findings {
  readonly verdict: Verdict
  readonly effort: LookupEffort
  /** The closest peers that answered, closest first. */
  readonly closest: readonly Contact[]
  /** Of these, those that hold the newest zone heard of. */
  readonly holders: readonly Contact[]
  /** Of these, those that hold an older one. */
  readonly behind: readonly Contact[]
  /** In how many hands, told apart by IP group, the holders are. */
  readonly hands: number
  /** Whether fewer than k peers are known at all: then every replica is in their hands. */
  readonly fewPeers: boolean
}

/** Good copies that end a lookup. */
const ENOUGH = { first: 1, second: 2, closest: Infinity }

/** Protocol 5: fewer than this say nothing about what the network lacks. */
const MIN_ABSENT = 3

/**
 * Looks for a zone, beginning with `start`; ends by itself at the goal's timeout. Peers still being asked then go on
 * in the background, so that the connections being made are there for the next lookup.
 * @throws the signal's reason when that aborts
 */
export async function walk(
  goal: LookupGoal,
  start: readonly Contact[],
  { tools, signal }: { readonly tools: LookupTools; readonly signal: AbortSignal },
): Promise<Findings> {
  return await new Walk(goal, tools, signal).run(start)
}

class Walk {
  readonly #goal: LookupGoal
  readonly #tools: LookupTools
  readonly #signal: AbortSignal
  readonly #candidates: Candidates
  readonly #began: number
  readonly #inFlight = new Set<Promise<void>>()
  /** Of those in flight, the ones that take so long that others are asked beside them. */
  readonly #late = new Set<Candidate>()
  #lateCame = Promise.withResolvers<void>()
  /** What each that has a good zone has. */
  readonly #copies = new Map<Candidate, SignedZone>()
  #newest: SignedZone | undefined
  #confirmed = false
  #goodCopies = 0
  #asked = 0
  #hops = 0
  #rejected = 0

  constructor(goal: LookupGoal, tools: LookupTools, signal: AbortSignal) {
    const { maxAsked, maxCandidates } = tools.limits
    const target = kademliaId(encodeRecordKey(goal.key, goal.replica))
    this.#goal = goal
    this.#tools = tools
    this.#signal = signal
    this.#candidates = new Candidates(target, tools.self, {
      window: maxAsked,
      total: maxCandidates,
      heard: goal.heard,
      groupOf: (contact) => tools.groupOf(contact),
    })
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
    return this.#goodCopies >= ENOUGH[this.#goal.until]
  }

  #askMore(): void {
    if (this.#done() || this.#millisecondsLeft() <= 0 || this.#signal.aborted) return
    const parallelism = this.#goal.parallelism ?? this.#tools.limits.parallelism
    while (this.#inFlight.size - this.#late.size < parallelism) {
      const candidate = this.#candidates.next()
      if (!candidate) return
      const asking = this.#ask(candidate).finally(() => this.#inFlight.delete(asking))
      this.#inFlight.add(asking)
    }
  }

  /** Never rejects. */
  async #ask(candidate: Candidate): Promise<void> {
    candidate.state = 'asked'
    this.#asked++
    using _hedge = this.#hedge(candidate)
    try {
      this.#hear(candidate, await this.#tools.ask(candidate.contact, this.#request(), this.#signal))
    } catch (cause) {
      candidate.state = cause instanceof DhtFault && cause.reason === 'connect' ? 'dead' : 'silent'
    }
  }

  /** Protocol 5, "Get": a peer that is late keeps nobody waiting, and its answer still counts. */
  #hedge(candidate: Candidate): Disposable {
    const alarm = this.#tools.clock.after(this.#tools.hedgeAfter(candidate.contact), () => {
      this.#late.add(candidate)
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

  #request(): GetRequest {
    const { key, replica, have } = this.#goal
    return {
      kind: 'get',
      key: key.bytes,
      replica,
      have: have && { sequence: have.sequence, digest: digestOf(have.bytes) },
      hopsLeft: 0,
      messagesLeft: 0,
      millisecondsLeft: this.#millisecondsLeft(),
    }
  }

  #hear(candidate: Candidate, reply: GetReply): void {
    candidate.state = reply.kind
    if (reply.kind !== 'busy') this.#candidates.learn(candidate, reply.closer)
    if (reply.kind === 'same' && this.#goal.have) {
      this.#copies.set(candidate, this.#goal.have)
      this.#confirm(candidate)
    }
    if (reply.kind === 'found') this.#judge(candidate, reply.bytes)
  }

  #judge(candidate: Candidate, bytes: Uint8Array): void {
    const zone = this.#accepted(bytes)
    if (!zone) return
    this.#copies.set(candidate, zone)
    if (zone.sequence < this.#goal.floor) return
    const order = this.#goal.have ? compareZones(zone, this.#goal.have) : 1
    if (order > 0) this.#goodCopies++
    if (order === 0) this.#confirm(candidate)
    if (order <= 0 || (this.#newest && compareZones(zone, this.#newest) <= 0)) return
    this.#newest = zone
    this.#hops = candidate.depth
  }

  /** A zone that has merely expired is a stale holder's, not a liar's. */
  #accepted(bytes: Uint8Array): SignedZone | undefined {
    try {
      return this.#tools.accept(bytes, this.#goal.key)
    } catch (cause) {
      if (!(cause instanceof ZoneFault)) throw cause
      if (cause.reason !== 'expired') this.#rejected++
      return undefined
    }
  }

  #confirm(candidate: Candidate): void {
    this.#confirmed = true
    this.#goodCopies++
    if (!this.#newest) this.#hops = candidate.depth
  }

  #millisecondsLeft(): number {
    return this.#goal.timeout - (this.#tools.clock.monotonic() - this.#began)
  }

  #findings(): Findings {
    const answered = this.#candidates.window().filter(({ state }) => state !== 'new' && state !== 'asked')
    const furthest = answered.reduce((most, { depth }) => Math.max(most, depth), 0)
    const holders = answered.filter((each) => this.#isHolder(each))
    const milliseconds = this.#tools.clock.monotonic() - this.#began
    return {
      verdict: this.#verdict(),
      effort: { asked: this.#asked, hops: this.#hops || furthest, milliseconds },
      closest: answered.map(({ contact }) => contact),
      holders: holders.map(({ contact }) => contact),
      behind: answered.filter((each) => this.#isBehind(each)).map(({ contact }) => contact),
      hands: new Set(holders.map((each) => each.group ?? each)).size,
      fewPeers: this.#candidates.size < this.#tools.limits.maxAsked,
    }
  }

  #isHolder(candidate: Candidate): boolean {
    const newest = this.#newest ?? this.#goal.have
    const copy = this.#copies.get(candidate)
    return newest !== undefined && copy !== undefined && compareZones(copy, newest) === 0
  }

  #isBehind(candidate: Candidate): boolean {
    const hasOne = this.#copies.has(candidate) || candidate.state === 'older'
    return hasOne && !this.#isHolder(candidate)
  }

  #verdict(): Verdict {
    if (this.#newest) return { kind: 'found', zone: this.#newest }
    if (this.#confirmed) return { kind: 'same' }
    if (this.#lacking()) return { kind: 'absent' }
    if (this.#rejected > 0) return { kind: 'bogus', rejected: this.#rejected }
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
