/** Asks peers for zones and gives them zones: by our protocol, and by kad-dht's own requests where a peer lacks it. */
import type { PeerId } from '@libp2p/interface'
import { boundedCache } from '../cache.ts'
import { peerIdOf } from './contacts.ts'
import { DhtFault } from './fault.ts'
import type { Contact, GetReply, GetRequest, PutReply, PutRequest } from './frames.ts'
import type { Host } from './host.ts'
import { getValue, type Kad, putValue } from './kad.ts'
import type { PeerStreams } from './peer-streams.ts'

const MAX_REMEMBERED = 2000

export class ZoneClient {
  readonly #streams: PeerStreams
  readonly #kad: Kad
  readonly #named: Host['named']
  /** Peers seen to speak kad-dht only. */
  readonly #kadOnly = boundedCache<true>(MAX_REMEMBERED)

  constructor(streams: PeerStreams, { kad, named }: Pick<Host, 'kad' | 'named'>) {
    this.#streams = streams
    this.#kad = kad
    this.#named = named
  }

  /** @throws DhtFault, or the signal's reason */
  async get(contact: Contact, request: GetRequest, signal: AbortSignal): Promise<GetReply> {
    const ours = async () =>
      this.#heard(contact, getReply(await this.#streams.request(contact, request, signal)))
    return await this.#either(contact, ours, (peer) => getValue(this.#kad, { peer, signal }, request))
  }

  /** @throws DhtFault, or the signal's reason */
  async put(contact: Contact, request: PutRequest, signal: AbortSignal): Promise<PutReply> {
    const ours = async () => putReply(await this.#streams.request(contact, request, signal))
    return await this.#either(contact, ours, (peer) => putValue(this.#kad, { peer, signal }, request))
  }

  /** Milliseconds; undefined when nothing is known. */
  roundTripOf(contact: Contact): number | undefined {
    return this.#streams.roundTripOf(contact)
  }

  /** Whether it left the last request unanswered. */
  isSilent(contact: Contact): boolean {
    return this.#streams.isSilent(contact)
  }

  #heard(contact: Contact, reply: GetReply): GetReply {
    if (reply.kind !== 'busy')
      this.#named(
        peerIdOf(contact),
        reply.closer.flatMap(({ addresses }) => addresses),
      )
    return reply
  }

  async #either<R>(
    contact: Contact,
    ours: () => Promise<R>,
    theirs: (peer: PeerId) => Promise<R>,
  ): Promise<R> {
    const peer = peerIdOf(contact)
    if (this.#kadOnly.has(peer.toString())) return await theirs(peer)
    try {
      return await ours()
    } catch (cause) {
      if (!(cause instanceof DhtFault) || cause.reason !== 'protocol') throw cause
      this.#kadOnly.set(peer.toString(), true)
      return await theirs(peer)
    }
  }
}

function getReply(reply: GetReply | PutReply): GetReply {
  if (reply.kind === 'stored' || reply.kind === 'newer' || reply.kind === 'refused') {
    throw new DhtFault('frame', `A get was answered with "${reply.kind}".`)
  }
  return reply
}

function putReply(reply: GetReply | PutReply): PutReply {
  if (reply.kind === 'stored' || reply.kind === 'newer' || reply.kind === 'refused' || reply.kind === 'busy')
    return reply
  throw new DhtFault('frame', `A put was answered with "${reply.kind}".`)
}
