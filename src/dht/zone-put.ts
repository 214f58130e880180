/** What the zone store needs, how a zone comes to it, and what becomes of it there. */
import type { Datastore } from 'interface-datastore'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { DhtConfig } from './config.ts'

export interface ZoneStoreNeeds {
  readonly datastore: Datastore
  readonly clock: Clock
  readonly logger: Logger
  readonly config: StoreLimits
  /** Where this node is in Kademlia's space. */
  readonly self: Uint8Array
}

type StoreLimits = Pick<
  DhtConfig,
  'keep' | 'maxZones' | 'maxRevocations' | 'maxFloors' | 'cachedZones' | 'maxNewZonesPerMinute'
>

export type PutOutcome =
  /** It is the newest known now, on disk, and the watchers have been told. */
  | { readonly kind: 'new' }
  /** The very bytes held already. */
  | { readonly kind: 'refreshed' }
  /** Below what is held, or was once seen (then there is nothing to show). */
  | { readonly kind: 'older'; readonly newest: SignedZone | undefined }
  /** There is no room for another zone of others. */
  | { readonly kind: 'full' }
  /** Its IP group brings new zones too fast. */
  | { readonly kind: 'busy' }

export interface PutOptions {
  /** Whether this node signs it. */
  readonly own: boolean
  /** It comes from this node's own publisher, and no other node has seen it yet. */
  readonly unheard?: boolean
  /** Given where it may be held before it is on disk: called in between. */
  readonly held?: (() => void) | undefined
  /** The IP group it comes from; none when this node asked for it itself. */
  readonly from?: string | undefined
}
