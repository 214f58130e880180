/** How a zone comes to the zone store, and what becomes of it there. */
import type { SignedZone } from '../zone/signed-zone.ts'

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
