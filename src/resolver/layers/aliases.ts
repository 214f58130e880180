/** Follows CNAMEs, a DNAME's among them, to their end (RFC 1034 3.6.2), through zones and the ordinary DNS. The only loop here. */
import { ExtendedError, Rcode, RecordType } from '../../dns/message.ts'
import { fold, type Name } from '../../dns/name.ts'
import { decodeRdata } from '../../dns/rdata.ts'
import { ResolveFault } from '../fault.ts'
import type { Answer, Layer, Query } from '../query.ts'

/** @param limit CNAMEs that may follow one another */
export const aliases =
  (limit: number): Layer =>
  (next) =>
  async (query) => {
    let last = await next(query)
    let answer = last
    const seen = new Set([fold(query.question.name)])
    // Asked of the last answer alone: when that is empty, the alias before it has been followed already.
    for (let target = openEnd(last, query); target !== undefined; target = openEnd(last, query)) {
      if (seen.has(fold(target)))
        throw new ResolveFault(ExtendedError.Other, 'the aliases of this name lead in a circle')
      if (seen.size > limit)
        throw new ResolveFault(ExtendedError.Other, `more than ${limit} aliases follow one another`)
      seen.add(fold(target))
      last = await next({ ...query, question: { ...query.question, name: target } })
      answer = joined(answer, last)
    }
    return answer
  }

/** What can be said of the last name: there, absent, or too long to be one. */
const ENDS = new Set<number>([Rcode.NoError, Rcode.NxDomain, Rcode.YxDomain])

/** Where an answer stops at an alias, with neither the data asked for nor a word that there is none: the alias's target. */
function openEnd({ rcode, records, authority }: Answer, { question }: Query): Name | undefined {
  const last = records.findLast(({ type }) => type !== RecordType.RRSIG)
  const isDenied = authority.some(({ type }) => type === RecordType.SOA)
  if (rcode !== Rcode.NoError || isDenied || question.type === RecordType.CNAME) return undefined
  return last?.type === RecordType.CNAME ? (decodeRdata(RecordType.CNAME, last.data)[0] as Name) : undefined
}

// RFC 6604 3: the RCODE is that of the last name; an alias whose end cannot be reached is no answer at all.
function joined(first: Answer, rest: Answer): Answer {
  // RFC 1034 4.3.2: without recursion, as far as we know it ourselves.
  if (rest.rcode === Rcode.Refused) return { ...first, unfinished: true }
  if (!ENDS.has(rest.rcode)) return rest
  return {
    ...rest,
    ...(first.unfinished && { unfinished: true }),
    ...((first.isMixed || first.origin !== rest.origin) && { isMixed: true }),
    records: [...first.records, ...rest.records],
    authority: [...first.authority, ...rest.authority],
    origin: first.origin,
    zones: [...first.zones, ...rest.zones],
    effort: first.effort ?? rest.effort,
  }
}
