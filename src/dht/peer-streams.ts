/** The streams this node asks by: one to each peer, opened when first needed, over a live connection or a dial. */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { abortable } from './abortable.ts'
import type { DhtConfig } from './config.ts'
import { dialAddresses, peerIdOf } from './contacts.ts'
import { isDialRefused } from './dial-budget.ts'
import { DhtFault } from './fault.ts'
import { type Contact, type Notice, type Request, type TimedReply, ZONE_PROTOCOL } from './frames.ts'
import { PeerStream } from './peer-stream.ts'

export interface PeerStreamsNeeds {
  readonly node: Pick<Libp2p, 'getConnections' | 'dial' | 'peerStore'>
  readonly clock: Clock
  readonly config: Pick<DhtConfig, 'requestTimeout' | 'maxRequestsInFlight'>
  /** A peer says, unasked, that a zone has changed. Never rejects. @returns whether that was true */
  changed(notice: Notice, contact: Contact): Promise<boolean>
  /** Told of every peer that was reached, or could not be. */
  reached(peer: PeerId, alive: boolean): void
  /** Told of every reply: the time the peer says it is, and the milliseconds it took there and back. */
  timed(peer: PeerId, time: number, roundTrip: number): void
}

/** Peers of which is remembered how they answered. */
const MAX_TIMED = 2000

export class PeerStreams implements Disposable {
  readonly #needs: PeerStreamsNeeds
  readonly #opening = new Map<string, Promise<PeerStream>>()
  readonly #open = new Set<PeerStream>()
  /** Milliseconds of the last exchange with each peer, on a stream that was open. */
  readonly #roundTrips = boundedCache<number>(MAX_TIMED)
  /** Peers that left their last request unanswered. */
  readonly #silent = boundedCache<true>(MAX_TIMED)
  #closed = false

  constructor(needs: PeerStreamsNeeds) {
    this.#needs = needs
  }

  /**
   * One request, one reply. A dial that takes longer than the request may goes on, for the next one.
   * @throws DhtFault `connect`, `protocol`, `timeout`, `stream`, `busy` or `frame`, or the signal's reason
   */
  async request(contact: Contact, request: Request, signal: AbortSignal): Promise<TimedReply> {
    const peer = peerIdOf(contact)
    using waiting = new DisposableStack()
    const timeout = Promise.withResolvers<never>()
    let reason: DhtFault['reason'] = 'connect'
    const giveUp = () => {
      if (reason === 'timeout') this.#silent.set(peer.toString(), true)
      timeout.reject(new DhtFault(reason, `Peer ${peer} did not answer in time.`))
    }
    waiting.use(this.#needs.clock.after(this.#needs.config.requestTimeout, giveUp))
    const reply = this.#streamTo(peer, contact).then(async (stream) => {
      reason = 'timeout'
      const began = this.#needs.clock.monotonic()
      const answer = await exchange(stream, request, waiting)
      this.#silent.delete(peer.toString())
      if (wasPassedOn(request, answer)) return answer // how long that took says nothing of this peer
      const roundTrip = this.#needs.clock.monotonic() - began
      this.#roundTrips.set(peer.toString(), roundTrip)
      this.#needs.timed(peer, answer.time, roundTrip)
      return answer
    })
    return await abortable(Promise.race([reply, timeout.promise]), signal)
  }

  /** Whether there is a stream to a peer, or one is being opened: to ask it takes one round trip. */
  has(contact: Contact): boolean {
    return this.#opening.has(peerIdOf(contact).toString())
  }

  /** Opens a stream where there is none, and a connection for it. @throws DhtFault `connect`, `protocol`, `stream` or `busy` */
  async open(contact: Contact): Promise<void> {
    await this.#streamTo(peerIdOf(contact), contact)
  }

  /** Milliseconds the last exchange took; undefined for a peer that has not answered lately. */
  roundTripOf(contact: Contact): number | undefined {
    return this.#roundTrips.get(peerIdOf(contact).toString())
  }

  isSilent(contact: Contact): boolean {
    return this.#silent.has(peerIdOf(contact).toString())
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const stream of this.#open) stream.abort(new DhtFault('stream', 'This node is closing.'))
  }

  async #streamTo(peer: PeerId, contact: Contact): Promise<PeerStream> {
    const name = peer.toString()
    const known = this.#opening.get(name)
    if (known) return await known
    const opening = this.#openTo(peer, contact)
    this.#opening.set(name, opening)
    opening.catch(() => this.#opening.delete(name))
    return await opening
  }

  async #openTo(peer: PeerId, contact: Contact): Promise<PeerStream> {
    const connection = await this.#connect(peer, contact)
    const stream = await newStream(connection)
    const opened: PeerStream = new PeerStream(stream, this.#needs.config.maxRequestsInFlight, {
      changed: async (notice) => await this.#needs.changed(notice, contact),
      ended: () => {
        this.#opening.delete(peer.toString())
        this.#open.delete(opened)
      },
    })
    this.#open.add(opened)
    if (this.#closed) opened.abort(new DhtFault('stream', 'This node is closing.'))
    return opened
  }

  async #connect(peer: PeerId, contact: Contact): Promise<Connection> {
    const live = this.#needs.node.getConnections(peer).find(({ status }) => status === 'open')
    if (live) return live
    try {
      const connection = await this.#dial(peer, contact)
      this.#needs.reached(peer, true)
      return connection
    } catch (cause) {
      if (isDialRefused(cause)) throw new DhtFault('busy', `Peer ${peer} was not dialled.`, { cause })
      if (!this.#closed) this.#needs.reached(peer, false)
      throw new DhtFault('connect', `There is no connection to peer ${peer}.`, { cause })
    }
  }

  /** libp2p, told to dial a peer without an address, would begin a lookup of its own; that must not happen here. */
  async #dial(peer: PeerId, contact: Contact): Promise<Connection> {
    const { node } = this.#needs
    const known = (await node.peerStore.has(peer)) && (await node.peerStore.get(peer)).addresses.length > 0
    if (known) return await node.dial(peer)
    const addresses = dialAddresses(contact, peer)
    if (addresses.length === 0) throw new DhtFault('connect', `No address of peer ${peer} is known.`)
    return await node.dial(addresses)
  }
}

function wasPassedOn({ hopsLeft }: Request, { kind }: TimedReply): boolean {
  return hopsLeft > 0 && (kind === 'relayed' || kind === 'absent')
}

/** @param waiting disposed when nobody waits for the reply any more */
async function exchange(stream: PeerStream, request: Request, waiting: DisposableStack): Promise<TimedReply> {
  if (waiting.disposed) throw new DhtFault('timeout', 'The stream was opened too late for this request.')
  const { reply, forget } = stream.request(request)
  waiting.defer(forget)
  return await reply
}

async function newStream(connection: Connection): Promise<Stream> {
  try {
    return await connection.newStream([ZONE_PROTOCOL])
  } catch (cause) {
    const unknown = cause instanceof Error && cause.name === 'UnsupportedProtocolError'
    throw new DhtFault(unknown ? 'protocol' : 'stream', `Peer ${connection.remotePeer} opens no stream.`, {
      cause,
    })
  }
}
