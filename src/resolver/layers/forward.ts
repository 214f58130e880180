/** The last layer: the ordinary DNS, asked of the upstream servers; only the chain from the question is believed. */
import { ExtendedError, type Message, Rcode } from '../../dns/message.ts'
import { isUnder, type Name } from '../../dns/name.ts'
import { ALT, whoseName } from '../../names/whose.ts'
import { ResolveFault } from '../fault.ts'
import { emptyAnswer, type Query, type Resolve } from '../query.ts'
import { type ScrubLimits, scrub } from '../scrub.ts'
import { isSpecialName } from './special.ts'

/** One server of the ordinary DNS, or several as one. */
export interface Upstream {
  /** A reply to this question and no other. Rejects when none comes in time. */
  exchange(query: Query): Promise<Message>
  /** Lets go of what it keeps open. */
  close?(): void
}

/** All that are configured. */
export interface Upstreams {
  /** Those that are asked for a name, as one; undefined when nobody is. */
  of(name: Name): Upstream | undefined
  /** Whether a name has servers of its own: nobody else is asked for it, and it may be one that is special elsewhere. */
  isApart(name: Name): boolean
}

export interface ForwardDeps {
  readonly upstreams: Upstreams
  readonly suffix: Name
  readonly limits: ScrubLimits
}

export const forward =
  ({ upstreams, suffix, limits }: ForwardDeps): Resolve =>
  async (query) => {
    // RFC 1035 4.1.1: without RD nobody asked us to ask others.
    if (!query.recursionDesired) return emptyAnswer(Rcode.Refused, 'local')
    const upstream = upstreams.of(query.question.name)
    if (!upstream) throw new ResolveFault(ExtendedError.NotReady, 'no upstream server is configured')
    const reply = await upstream.exchange(query)
    // An alias to a name that others are asked for ends what these servers may say.
    const isOrdinary = (name: Name) =>
      whoseName(name, suffix).kind === 'ordinary' &&
      upstreams.of(name) === upstream &&
      (upstreams.isApart(name) || !isSpecialName(name))
    const mayRedirect = (owner: Name) => !isUnder(suffix, owner) && !isUnder(ALT, owner)
    const answer = scrub(reply, query, { ...limits, isOrdinary, mayRedirect })
    // RFC 3225 3: without EDNS no signatures come. A forged FORMERR gets us there, so it is not remembered.
    return query.dnssecOk && !reply.edns ? { ...answer, unfinished: true } : answer
  }
