/** The server's end of `/kadns/zone/1`: gets and puts from the zone store, with closer peers from the routing table. */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { Buckets } from '../rate.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { loopbackFactor } from './addresses.ts'
import type { DhtConfig } from './config.ts'
import { type ContactBook, contactOf } from './contacts.ts'
import { FrameStream } from './frame-stream.ts'
import {
  type Contact,
  decodeRequest,
  encodeNotice,
  encodeReply,
  type GetReply,
  type GetRequest,
  MAX_CLOSER,
  type Numbered,
  type PutReply,
  type Refusal,
  type Reply,
  type Request,
  ZONE_PROTOCOL,
} from './frames.ts'
import { capGroups, ipGroupOfAddress } from './ip-group.ts'
import type { RoutingTable } from './kad.ts'
import { digestOf, encodeRecordKey, kademliaId, type Replica } from './record-key.ts'
import type { SharedStore } from './scope.ts'

export interface ZoneServerNeeds {
  readonly node: Pick<Libp2p, 'handle' | 'getConnections'>
  readonly store: SharedStore
  readonly routingTable: RoutingTable
  readonly contacts: ContactBook
  groupOf(contact: Contact): string | undefined
  /** A zone not held here, from a peer nearer to its place. Never rejects. */
  forward(request: GetRequest, asker: Uint8Array): Promise<Uint8Array | undefined>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<
    DhtConfig,
    'listen' | 'maxInboundStreams' | 'maxRequestsInFlight' | 'maxRequestsPerSecond'
  >
}

/** Of so many of the closest peers those that are told are chosen; of more, when one hand has too many of them. */
const CHOICE = 2 * MAX_CLOSER + 1
const WIDE_CHOICE = 8 * MAX_CLOSER
/** Zones of which one stream's peer is told that they changed, and milliseconds from when it asked. */
const MAX_ASKED = 1000
const TOLD_FOR = 3_600_000
/** Seconds of its rate that a peer may use at once. */
const BURST_SECONDS = 2

/** Registers the protocol; from then on peers are answered, and until disposed told of changes. */
export async function serveZones(needs: ZoneServerNeeds): Promise<Disposable> {
  const perSecond = needs.config.maxRequestsPerSecond * loopbackFactor(needs.config)
  const rates = new Buckets({ perSecond, burst: BURST_SECONDS * perSecond }, needs.clock)
  const sessions = new Set<ZoneSession>()
  const serve = (stream: Stream, connection: Connection) => {
    const session = new ZoneSession(stream, connection, {
      ...needs,
      rates,
      ended: () => sessions.delete(session),
    })
    sessions.add(session)
  }
  await needs.node.handle(ZONE_PROTOCOL, serve, { maxInboundStreams: needs.config.maxInboundStreams })
  return needs.store.watch((zone) => {
    for (const session of sessions) session.tell(zone)
  })
}

interface ZoneSessionNeeds extends ZoneServerNeeds {
  /** Of requests, for each peer, whatever streams they come on. */
  readonly rates: Buckets
  ended(): void
}

/** One stream of one peer. It ends with the first frame that is none. */
class ZoneSession {
  readonly #needs: ZoneSessionNeeds
  readonly #peer: PeerId
  /** The IP group of the connection. */
  readonly #group: string | undefined
  readonly #frames: FrameStream
  /** Zones it asked for and got, with the time by the monotonic clock. */
  readonly #asked = new Map<string, number>()
  #inFlight = 0

  constructor(stream: Stream, { remotePeer: peer, remoteAddr }: Connection, needs: ZoneSessionNeeds) {
    this.#needs = needs
    this.#peer = peer
    this.#group = ipGroupOfAddress(remoteAddr)
    this.#frames = new FrameStream(stream, {
      frame: (octets) => this.#accept(decodeRequest(octets)),
      ended: (cause) => {
        needs.ended()
        needs.logger.debug({ peer: peer.toString(), err: cause }, 'a peer stopped asking')
      },
    })
  }

  /** Protocol 5, "Fresh": who asked for a zone within the last hour is told that it has changed. */
  tell({ key, sequence }: SignedZone): void {
    const at = this.#asked.get(key.label)
    if (at === undefined || this.#needs.clock.monotonic() - at > TOLD_FOR) return
    this.#frames.send(encodeNotice({ kind: 'changed', key: key.bytes, sequence }))
  }

  #accept(request: Numbered<Request>): void {
    const { config, rates } = this.#needs
    if (this.#inFlight < config.maxRequestsInFlight && rates.take(this.#peer.toString())) {
      this.#inFlight++
      void this.#serve(request).finally(() => this.#inFlight--)
    } else {
      this.#reply(request, { kind: 'busy' })
    }
  }

  /** Never rejects. */
  async #serve(request: Numbered<Request>): Promise<void> {
    try {
      this.#reply(request, await this.#answer(request))
    } catch (cause) {
      this.#needs.logger.error({ err: cause }, 'a request of a peer failed')
      this.#frames.abort(cause instanceof Error ? cause : new Error(String(cause)))
    }
  }

  #reply({ request }: Numbered<Request>, reply: Reply): void {
    this.#frames.send(encodeReply({ ...reply, request, time: this.#needs.clock.now() }))
  }

  async #answer(request: Request): Promise<Reply> {
    if (request.kind === 'put') return await this.#put(request.bytes)
    const zone = await this.#needs.store.getByOctets(request.key)
    if (zone) return await this.#answerWith(zone, request)
    const closer = await this.#closer(request.key, request.replica)
    const bytes = await this.#needs.forward(request, this.#peer.toMultihash().bytes)
    return bytes ? { kind: 'relayed', bytes, closer } : { kind: 'absent', closer }
  }

  async #answerWith(zone: SignedZone, request: GetRequest): Promise<GetReply> {
    this.#note(zone)
    const reply = replyWith(zone, request.have)
    // Who lets the question be passed on wants the zone and nothing else: it has it now.
    if (request.hopsLeft > 0 && reply.kind !== 'older') return reply
    return { ...reply, closer: await this.#closer(request.key, request.replica) }
  }

  /** The one it asked for longest ago makes room. A map has no room set aside, and there are many streams. */
  #note({ key: { label } }: SignedZone): void {
    this.#asked.delete(label)
    this.#asked.set(label, this.#needs.clock.monotonic())
    const [oldest] = this.#asked.keys()
    if (this.#asked.size > MAX_ASKED && oldest !== undefined) this.#asked.delete(oldest)
  }

  async #put(bytes: Uint8Array): Promise<PutReply> {
    if (await this.#needs.store.holding(bytes)) return { kind: 'stored' }
    try {
      const outcome = await this.#needs.store.put(verifyZone(bytes), { own: false, from: this.#group })
      if (outcome.kind === 'busy') return { kind: 'busy' }
      if (outcome.kind === 'full') return { kind: 'refused', refusal: 'full' }
      if (outcome.kind !== 'older') return { kind: 'stored' }
      return outcome.newest
        ? { kind: 'newer', bytes: outcome.newest.bytes }
        : { kind: 'refused', refusal: 'older' }
    } catch (cause) {
      if (!(cause instanceof ZoneFault)) throw cause
      return { kind: 'refused', refusal: refusalFor(cause) }
    }
  }

  /** The peers closest to where the zone belongs, but for the asker and those nobody else could dial. */
  async #closer(key: Uint8Array, replica: Replica): Promise<Contact[]> {
    const target = kademliaId(encodeRecordKey({ bytes: key }, replica))
    const others = this.#livelyFirst(this.#fromManyHands(target)).slice(0, MAX_CLOSER)
    const contacts = await Promise.all(others.map((peer) => this.#needs.contacts.find(peer)))
    return contacts.filter((contact) => contact !== undefined)
  }

  /** The closest, or if too many of them are of one IP group, those beyond. */
  #fromManyHands(target: Uint8Array): PeerId[] {
    const { routingTable, groupOf } = this.#needs
    const among = (count: number) => {
      const peers = routingTable.closestPeers(target, { count }).filter((peer) => !peer.equals(this.#peer))
      return capGroups(peers, 2 * MAX_CLOSER, (peer) => groupOf(contactOf(peer)))
    }
    const near = among(CHOICE)
    const { chosen, surplus } = near.surplus.length === 0 ? near : among(WIDE_CHOICE)
    return [...chosen, ...surplus]
  }

  /** The routing table may hold peers that have died unnoticed; those with a connection have not. */
  #livelyFirst(peers: readonly PeerId[]): PeerId[] {
    const connected = new Set(peers.filter((peer) => this.#needs.node.getConnections(peer).length > 0))
    return [...connected, ...peers.filter((peer) => !connected.has(peer))]
  }
}

function replyWith(zone: SignedZone, have: GetRequest['have']): Exclude<GetReply, { kind: 'busy' }> {
  const closer: readonly Contact[] = []
  if (have && zone.sequence < have.sequence) return { kind: 'older', sequence: zone.sequence, closer }
  const same = have && zone.sequence === have.sequence && digestOf(zone.bytes).equals(have.digest)
  return same ? { kind: 'same', closer } : { kind: 'found', bytes: zone.bytes, closer }
}

function refusalFor(fault: ZoneFault): Refusal {
  switch (fault.reason) {
    case 'future':
      return 'clock'
    case 'expired':
      return 'expired'
    default:
      return 'invalid'
  }
}
