/** The seam between names and network: what a directory of zones can do. dht/ implements it; resolver, publisher and api use it. */
import type { PublicKey } from './key.ts'
import type { SignedZone } from './signed-zone.ts'

/** How a zone was looked for, for people who want to see it. */
export interface LookupEffort {
  /** Peers asked. */
  readonly asked: number
  /** How many peers stood one behind the other on the way to the answer; 0 when it was at home. */
  readonly hops: number
  readonly milliseconds: number
}

/** What came of looking for a zone. Each kind has its own answer in DNS. */
export type Lookup =
  | {
      readonly kind: 'found'
      readonly zone: SignedZone
      /** Seconds since the network last confirmed that this is the newest; Infinity when it never has. */
      readonly age: number
      /** Seconds until the directory confirms it again by itself; 0 when it could not be confirmed just now. */
      readonly freshFor: number
      readonly effort: LookupEffort
    }
  /** Enough peers answered, and none holds it. */
  | { readonly kind: 'absent'; readonly effort: LookupEffort }
  /** All that came back failed verification. */
  | { readonly kind: 'bogus'; readonly rejected: number; readonly effort: LookupEffort }
  /** Too few peers answered to say anything. */
  | { readonly kind: 'unreachable'; readonly cause: string; readonly effort: LookupEffort }

export interface FindOptions {
  readonly signal: AbortSignal
  /** Seconds: a copy confirmed longer ago than this is confirmed again before it is returned, where a peer can be reached. */
  readonly maxAge?: number
}

/** One step of a lookup, as it happens: a peer is asked, or has said something. */
export type LookupStep =
  | { readonly step: 'asked'; readonly peer: string; readonly hop: number }
  | {
      readonly step: 'answered'
      readonly peer: string
      readonly hop: number
      /** `found`: it gave a zone; `absent`: it holds none; `silent`: no answer of use; `dead`: it could not be connected to. */
      readonly said: 'found' | 'absent' | 'busy' | 'silent' | 'dead'
      /** Of the zone it gave, where that is a good one. */
      readonly sequence?: bigint
      /** Peers it named, that stand closer or might. */
      readonly closer: readonly string[]
      readonly milliseconds: number
    }

export interface FollowOptions {
  readonly signal: AbortSignal
  /** `first`: until somebody gives the zone, as a question does it; `closest`: until all of the closest peers were heard. */
  readonly until: 'first' | 'closest'
  /** Told of each step, at once. */
  tell?(step: LookupStep): void
}

/** What came of following a lookup. What is at home played no part. */
export interface Followed {
  readonly kind: Lookup['kind']
  /** The newest that was found. */
  readonly sequence?: bigint
  /** Peers of those asked that hold the newest. */
  readonly copies: number
  readonly effort: LookupEffort
}

export interface RelayOptions {
  readonly from: string
  readonly signal: AbortSignal
}

export type Relayed =
  /** So many other nodes have taken it. */
  | { readonly kind: 'taken'; readonly storedOn: number }
  /** New keys come too fast from there. */
  | { readonly kind: 'busy' }

/** What came of looking for a node by its name. */
export type NodeLookup =
  | { readonly kind: 'found'; readonly places: readonly NodePlace[] }
  /** There is no such node, or it has not chosen to be found. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreachable'; readonly cause: string }

export interface NodePlace {
  /** An IP address. */
  readonly host: string
  readonly port: number
  /** The same as others dial it, its peer id at the end. */
  readonly multiaddr: string
}

/** Told, with every further node that acknowledges a zone, how many have, and the peer id of that one. */
export type Acknowledged = (storedOn: number, by: string) => void

export interface ZoneDirectory {
  /** The newest verified, unexpired zone for `key`; never older than one returned before. Rejects only when `signal` aborts. */
  find(key: PublicKey, options: FindOptions): Promise<Lookup>
  /** Looks for a zone among other nodes, whatever is at home, and tells how. Rejects only when `signal` aborts. */
  follow(key: PublicKey, options: FollowOptions): Promise<Followed>
  /**
   * Keeps a zone of this node's own, hands it to the network, and asks there whether a newer one came meanwhile. Throws
   * ZoneFault `older` when one is known.
   * @returns the number of other nodes that did
   */
  publish(
    zone: SignedZone,
    signal: AbortSignal,
    acknowledged?: Acknowledged,
  ): Promise<{ readonly storedOn: number }>
  /**
   * Takes a zone of somebody else from a client at the IP address `from`, by the limits for what peers bring, and hands it to
   * the network. Throws ZoneFault `older`, `future`, `expired` or `scope`.
   */
  relay(zone: SignedZone, options: RelayOptions): Promise<Relayed>
  /** Where a node is reached that chose to be found by name. @param label its peer id in base36; rejects only when `signal` aborts */
  findNode(label: string, options: { readonly signal: AbortSignal }): Promise<NodeLookup>
  /** The highest sequence ever seen for `key`; 0n for a stranger. */
  floorOf(key: PublicKey): Promise<bigint>
  /** Whether what this node signs of the same key next has to be above `zone`, which it signed itself. */
  isBinding(zone: SignedZone): Promise<boolean>
  /** Tells of every zone that becomes the newest known for its key, from now until disposed. */
  watch(listener: (zone: SignedZone) => void): Disposable
  /** Tells when a node to publish to appears, from now until disposed. */
  watchPeers(listener: () => void): Disposable
}
