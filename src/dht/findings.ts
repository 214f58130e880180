/** What came of a lookup. */
import type { LookupEffort } from '../zone/directory.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { Contact } from './frames.ts'

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
  /** Whether peers were left unasked because too many had no connection: then these may not be the closest. */
  readonly outOfDials: boolean
}

export function nothingFound(cause: string): Findings {
  return {
    verdict: { kind: 'unreachable', cause },
    effort: { asked: 0, hops: 0, milliseconds: 0 },
    closest: [],
    holders: [],
    behind: [],
    hands: 0,
    fewPeers: true,
    outOfDials: false,
  }
}
