/** A get passed on: to peers nearer to the zone, over connections that are open. It knows no libp2p. */
import type { Clock } from '../clock.ts'
import { type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { nameOf } from './candidates.ts'
import type { Contact, GetReply, GetRequest } from './frames.ts'

export interface ForwarderNeeds {
  /** Connected peers nearer to the zone's place than this node, nearest first; none where this node should hold it itself. */
  nearer(request: GetRequest): readonly Contact[]
  /** Rejects when the peer gives no answer. */
  ask(contact: Contact, request: GetRequest, signal: AbortSignal): Promise<GetReply>
  /** Milliseconds after which a peer that has not answered is not waited for alone, where its answer takes so many round trips. */
  hedgeAfter(contact: Contact, roundTrips: number): number
  /** @throws ZoneFault when these octets are no valid zone of the key, or not of this time */
  accept(bytes: Uint8Array, key: PublicKey): SignedZone
  /** The peer's IP group; undefined when it is not known, and on loopback. */
  groupOf(contact: Contact): string | undefined
  readonly clock: Clock
  readonly limits: { readonly maxForwards: number; readonly requestTimeout: number }
}

/** Protocol 5, "Forwarding": whatever a request says, it is passed on so often and makes so many requests here and beyond. */
const MAX_HOPS = 3
const MAX_MESSAGES = 6
/** Of so many of the nearest connected peers those that a get is passed on to are chosen. */
export const FORWARD_CHOICE = 8
/** The share of all that are passed on at once that one IP group, or a peer that is in none, may have. */
const ASKER_SHARE = 1 / 4
/** The share of the time a request may take that is left to whom it is passed on to: the answer has to come back in time. */
const TIME_SHARE = 0.75

export class Forwarder {
  readonly #needs: ForwarderNeeds
  #underWay = 0
  readonly #ofAsker = new Map<string, number>()

  constructor(needs: ForwarderNeeds) {
    this.#needs = needs
  }

  /**
   * A zone that somebody nearer gave, verified; undefined where that may not be asked for, or nobody gave it in time.
   * Never rejects.
   */
  async forward(request: GetRequest, asker: Uint8Array): Promise<Uint8Array | undefined> {
    if (request.hopsLeft === 0 || request.messagesLeft === 0) return undefined
    const others = this.#needs.nearer(request).filter(({ id }) => Buffer.compare(id, asker) !== 0)
    if (others.length === 0) return undefined
    const contact = { id: asker, addresses: [] }
    using slot = this.#takeSlot(this.#needs.groupOf(contact) ?? nameOf(contact))
    return slot && (await new Forwarding(this.#needs, request).run(others))
  }

  #takeSlot(asker: string): Disposable | undefined {
    const { maxForwards } = this.#needs.limits
    const before = this.#ofAsker.get(asker) ?? 0
    if (this.#underWay >= maxForwards || before >= Math.ceil(maxForwards * ASKER_SHARE)) return undefined
    this.#count(asker, 1)
    return { [Symbol.dispose]: () => this.#count(asker, -1) }
  }

  #count(asker: string, change: 1 | -1): void {
    const count = (this.#ofAsker.get(asker) ?? 0) + change
    this.#underWay += change
    if (count === 0) this.#ofAsker.delete(asker)
    else this.#ofAsker.set(asker, count)
  }
}

/** One request being passed on: to one peer, and when that is late or has none, to the next. */
class Forwarding {
  readonly #needs: ForwarderNeeds
  readonly #request: GetRequest
  readonly #milliseconds: number
  /** To the last peer that may be asked, this one's counted. */
  readonly #hops: number
  readonly #given = Promise.withResolvers<Uint8Array | undefined>()
  readonly #ended = new AbortController()
  #messagesLeft: number

  constructor(needs: ForwarderNeeds, request: GetRequest) {
    this.#needs = needs
    this.#request = request
    this.#hops = Math.min(request.hopsLeft, MAX_HOPS)
    this.#messagesLeft = Math.min(request.messagesLeft, MAX_MESSAGES)
    this.#milliseconds = TIME_SHARE * Math.min(request.millisecondsLeft, needs.limits.requestTimeout)
  }

  async run(peers: readonly Contact[]): Promise<Uint8Array | undefined> {
    using _deadline = this.#needs.clock.after(this.#milliseconds, () => this.#given.resolve(undefined))
    void this.#passOn(peers)
    try {
      return await this.#given.promise
    } finally {
      this.#ended.abort()
    }
  }

  /** Never rejects. */
  async #passOn(peers: readonly Contact[]): Promise<void> {
    const asked: Promise<void>[] = []
    for (const peer of peers) {
      if (this.#messagesLeft === 0 || this.#ended.signal.aborted) break
      const asking = this.#ask(peer)
      asked.push(asking)
      await this.#answeredOrLate(asking, peer)
    }
    await Promise.all(asked)
    this.#given.resolve(undefined)
  }

  /** It gets as many requests as its hops need; what is left stays here, for another peer if this one has nothing. Never rejects. */
  async #ask(peer: Contact): Promise<void> {
    const { key, replica } = this.#request
    const hops = this.#hops - 1
    const messagesLeft = Math.min(hops, this.#messagesLeft - 1)
    this.#messagesLeft -= 1 + messagesLeft
    const budget = { hopsLeft: hops, messagesLeft, millisecondsLeft: this.#milliseconds }
    try {
      const { signal } = this.#ended
      const reply = await this.#needs.ask(peer, { kind: 'get', key, replica, ...budget }, signal)
      if (reply.kind !== 'found' && reply.kind !== 'relayed') return
      this.#given.resolve(this.#needs.accept(reply.bytes, publicKeyFromBytes(key)).bytes)
    } catch {
      // Nothing of use came: whoever asks hears that this node has no zone, and looks further by itself.
    }
  }

  async #answeredOrLate(asking: Promise<void>, peer: Contact): Promise<void> {
    const late = Promise.withResolvers<void>()
    using _alarm = this.#needs.clock.after(this.#needs.hedgeAfter(peer, this.#hops), late.resolve)
    await Promise.race([asking, late.promise])
  }
}
