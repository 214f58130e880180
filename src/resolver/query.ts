/** Question in, answer out: the words every layer of the resolver speaks. */
import type { EdnsError, Question, ResourceRecord } from '../dns/message.ts'
import type { LookupEffort } from '../zone/directory.ts'
import type { SignedZone } from '../zone/signed-zone.ts'

/** A zone an answer rests on. A zone found absent has the sequence -1n. */
export type Footing = Pick<SignedZone, 'key' | 'sequence' | 'expires'>

/** `self`: nobody has asked yet; the resolver does, ahead of those who will. */
export type Transport = 'udp' | 'tcp' | 'tls' | 'https' | 'api' | 'self'

/** Who asks, and by which door they came in. */
export interface Client {
  readonly address: string
  readonly transport: Transport
}

/** One question on its way through the resolver. Never changed; a layer that asks something else makes a new one. */
export interface Query {
  readonly question: Question
  readonly client: Client
  readonly recursionDesired: boolean
  readonly dnssecOk: boolean
  readonly checkingDisabled: boolean
  /** Aborts when the time for an answer is spent. */
  readonly signal: AbortSignal
}

/** Whether whoever asked did not wait for an answer, nor its time to be over. */
export function hasLeft({ signal }: Query): boolean {
  return signal.aborted && (signal.reason as Error).name !== 'TimeoutError'
}

/** Where an answer came from; shown in logs and by the API, never on the wire. */
export type Origin = 'cache' | 'zone' | 'upstream' | 'local' | 'stale' | 'failure'

/** A whole reply as a value. A layer that wants another answer returns another one. */
export interface Answer {
  readonly rcode: number
  readonly records: readonly ResourceRecord[]
  readonly authority: readonly ResourceRecord[]
  readonly origin: Origin
  readonly error?: EdnsError | undefined
  /** Whether it stops at an alias since its asker wants no recursion, or lacks the signatures DO asks for: not remembered. */
  readonly unfinished?: true
  /** Whether more than one source had a part in it, as where an alias of the ordinary DNS leads to a name of the house. */
  readonly isMixed?: true
  /** Every zone it rests on: it may not be remembered once one of them has a newer one, nor past its expiry. */
  readonly zones: readonly Footing[]
  /** How the zone was looked for, when one was. */
  readonly effort?: LookupEffort | undefined
}

/** Turns a query into an answer. The only verb of this room; a source is one, and so is the whole pipeline. */
export type Resolve = (query: Query) => Promise<Answer>

/** Wraps a `Resolve` in one concern: answers itself, or asks `next`. */
export type Layer = (next: Resolve) => Resolve

/** The first layer is outermost; `last` answers what nobody above it did. */
export function compose(layers: readonly Layer[], last: Resolve): Resolve {
  return layers.reduceRight((next, layer) => layer(next), last)
}

/** An answer without records. */
export function emptyAnswer(rcode: number, origin: Origin, error?: EdnsError): Answer {
  return { rcode, records: [], authority: [], origin, error, zones: [] }
}
