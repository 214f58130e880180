/** What a lookup is for, and what it has to work with. */
import type { Clock } from '../clock.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { Contact, GetReply, GetRequest } from './frames.ts'
import type { Replica } from './record-key.ts'

/** What a lookup is for. */
export interface LookupGoal {
  readonly key: PublicKey
  readonly replica: Replica
  /** The copy at home: only something newer is worth sending. */
  readonly have?: SignedZone | undefined
  /** A zone below this sequence is never the answer. It may still be being read: until then no answer counts. */
  readonly floor: bigint | Promise<bigint>
  /** `first`, `second`: so many good copies end it; `closest`: it ends when the k closest peers have answered. */
  readonly until: 'first' | 'second' | 'closest'
  /** Milliseconds. */
  readonly timeout: number
  /** Peers asked at a time, where it is not the usual number. */
  readonly parallelism?: number
  /** Peers, by their names, that have just answered for another place of the zone: most of them need not answer again. */
  readonly heard?: ReadonlySet<string>
  /** Told of each peer that is asked, and of what it said. */
  readonly watch?: (heard: Heard) => void
}

/** One peer of a lookup. */
export interface Heard {
  readonly contact: Contact
  /** How many peers stand one behind the other on the way to it, itself counted. */
  readonly hop: number
  /** What it said; undefined as long as it is being asked. */
  readonly reply: GetReply | 'silent' | 'dead' | undefined
  /** What it gave, where that is a good one. */
  readonly zone: SignedZone | undefined
  /** Since it was asked. */
  readonly milliseconds: number
}

export interface LookupTools {
  /** Rejects with DhtFault `connect` when there is no such peer, with anything else when it did not answer. */
  ask(contact: Contact, request: GetRequest, signal: AbortSignal): Promise<GetReply>
  /** Milliseconds after which a peer that has not answered is not waited for alone, where its answer takes so many round trips. */
  hedgeAfter(contact: Contact, roundTrips: number): number
  /** The peer's IP group, by its connection, else by its address; undefined when neither is known, and on loopback. */
  groupOf(contact: Contact): string | undefined
  /** Whether a connection to it is open and it answers: then asking it takes one round trip. */
  isConnected(contact: Contact): boolean
  /** Whether it stands so near to the place that it should hold what belongs there. */
  isLikelyHolder(contact: Contact, place: Uint8Array): boolean
  /** @throws ZoneFault when these octets are no valid zone of the key, or not of this time */
  accept(bytes: Uint8Array, key: PublicKey): SignedZone
  readonly clock: Clock
  /** This node's own peer id as a multihash. */
  readonly self: Uint8Array
  readonly limits: {
    readonly parallelism: number
    readonly maxAsked: number
    readonly maxCandidates: number
    readonly maxDialsPerLookup: number
  }
}
