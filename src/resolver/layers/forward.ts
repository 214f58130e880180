/** The last layer: the ordinary DNS, asked of the upstream servers; only the chain from the question is believed. */
import { ExtendedError, type Message, Rcode } from '../../dns/message.ts'
import { isUnder, type Name } from '../../dns/name.ts'
import { ALT, whoseName } from '../../names/whose.ts'
import { ResolveFault } from '../fault.ts'
import { emptyAnswer, type Query, type Resolve } from '../query.ts'
import { type ScrubLimits, scrub } from '../scrub.ts'
import { isSpecialName } from './special.ts'

/** One server of the ordinary DNS. */
export interface Upstream {
  /** A reply to this question and no other. Rejects when none comes in time. */
  exchange(query: Query): Promise<Message>
  /** Lets go of what it keeps open. */
  close?(): void
}

export interface ForwardDeps {
  readonly upstreams: readonly Upstream[]
  readonly suffix: Name
  readonly limits: ScrubLimits
}

export const forward =
  ({ upstreams, suffix, limits }: ForwardDeps): Resolve =>
  async (query) => {
    // RFC 1035 4.1.1: without RD nobody asked us to ask others.
    if (!query.recursionDesired) return emptyAnswer(Rcode.Refused, 'local')
    if (upstreams.length === 0)
      throw new ResolveFault(ExtendedError.NotReady, 'no upstream server is configured')
    const reply = await firstUsable(upstreams, query)
    const isOrdinary = (name: Name) => whoseName(name, suffix).kind === 'ordinary' && !isSpecialName(name)
    const mayRedirect = (owner: Name) => !isUnder(suffix, owner) && !isUnder(ALT, owner)
    const answer = scrub(reply, query, { ...limits, isOrdinary, mayRedirect })
    // RFC 3225 3: without EDNS no signatures come. A forged FORMERR gets us there, so it is not remembered.
    return query.dnssecOk && !reply.edns ? { ...answer, unfinished: true } : answer
  }

/** YXDOMAIN: the name a DNAME makes is too long (RFC 6672 2.2), and is so wherever one asks. */
const USABLE = new Set<number>([Rcode.NoError, Rcode.NxDomain, Rcode.YxDomain])

/** In the order they are configured; the next one when a server is silent or has no answer. */
async function firstUsable(upstreams: readonly Upstream[], query: Query): Promise<Message> {
  let last = 'no upstream server answered'
  for (const upstream of upstreams) {
    query.signal.throwIfAborted()
    try {
      const reply = await upstream.exchange(query)
      if (USABLE.has(reply.rcode)) return reply
      last = `upstream answered with code ${reply.rcode}`
    } catch {
      last = 'no upstream server answered'
    }
  }
  throw new ResolveFault(ExtendedError.NetworkError, last)
}
