/** Names of ours: answered from their key's signed zone, or one it hands them over to. Below this layer there is only the ordinary DNS. */
import { ExtendedError, Rcode } from '../../dns/message.ts'
import type { Name } from '../../dns/name.ts'
import type { Petnames } from '../../names/petname.ts'
import { whoseName } from '../../names/whose.ts'
import type { Lookup, LookupEffort, ZoneDirectory } from '../../zone/directory.ts'
import { type Found, lookUp } from '../../zone/look-up.ts'
import { heirOf } from '../delegation.ts'
import { ResolveFault, staleWord } from '../fault.ts'
import { type NameServers, type NameServersDeps, openNameServers } from '../name-servers.ts'
import { answerOfNode } from '../node-names.ts'
import { type Answer, emptyAnswer, type Footing, type Layer, type Query } from '../query.ts'
import { emptyApex, noName } from '../synthetic.ts'
import {
  asAsked,
  type FoundLookup,
  fitted,
  isStale,
  type Place,
  placeBelow,
  placeOf,
  remainingTtl,
  type TtlRules,
  ttlOf,
} from '../zone-place.ts'

export interface ZonesDeps extends TtlRules, NameServersDeps {
  readonly directory: ZoneDirectory
  readonly suffix: Name
  readonly petnames: Petnames
  /** Whether a client may have one more name searched for. */
  readonly maySearch: (address: string) => boolean
}

/** Seconds an answer lasts that says nobody owns a name: a zone may be published any moment (protocol, section 5). */
const ABSENT_TTL = 30
/** Keys that may hand a name over, one to the next. */
const MAX_HOPS = 8

const RCODE_OF = {
  answer: Rcode.NoError,
  alias: Rcode.NoError,
  'too-long': Rcode.YxDomain,
  'no-data': Rcode.NoError,
  'no-name': Rcode.NxDomain,
} as const

export const zones =
  (deps: ZonesDeps): Layer =>
  (next) => {
    const nameServers = openNameServers(deps, next)
    return async (query) => {
      const whose = whoseName(query.question.name, deps.suffix, deps.petnames)
      switch (whose.kind) {
        case 'ordinary':
          return next(query)
        case 'empty':
          return emptyApex(whose.apex, query.question.type, ABSENT_TTL)
        case 'nobody':
          return noName(whose.apex, ABSENT_TTL)
        case 'node':
          checkSearch(query, deps)
          return await answerOfNode(whose, query, deps.directory)
        case 'zone':
          return answerAt(placeOf(whose), query, { ...deps, nameServers })
      }
    }
  }

interface Needs extends ZonesDeps {
  readonly nameServers: NameServers
}

/** The zones passed on the way to an answer: it lasts no longer than any of them says, and rests on all. */
class Way {
  readonly zones: Footing[] = []
  ttl = Number.POSITIVE_INFINITY
  isStale = false
  effort: LookupEffort = { asked: 0, hops: 0, milliseconds: 0 }
  readonly #seen = new Set<string>()

  /** @throws ResolveFault for a way that has no end */
  enter({ key, inZone }: Place): void {
    const step = `${key.label} ${inZone.toLowerCase()}`
    if (this.#seen.has(step))
      throw new ResolveFault(ExtendedError.Other, 'the keys of this name hand it over in a circle')
    if (this.#seen.size > MAX_HOPS)
      throw new ResolveFault(ExtendedError.Other, `more than ${MAX_HOPS} keys hand this name over`)
    this.#seen.add(step)
  }

  pass({ zone, effort }: FoundLookup): void {
    this.zones.push(zone)
    this.effort = {
      asked: this.effort.asked + effort.asked,
      hops: Math.max(this.effort.hops, effort.hops),
      milliseconds: this.effort.milliseconds + effort.milliseconds,
    }
  }

  found(found: Found, lookup: FoundLookup, rules: TtlRules): void {
    this.ttl = Math.min(this.ttl, remainingTtl(found, lookup, rules))
    this.isStale ||= isStale(found, lookup, rules)
  }
}

async function answerAt(first: Place, query: Query, needs: Needs): Promise<Answer> {
  const way = new Way()
  for (let place = first; ; ) {
    way.enter(place)
    const lookup = await findAt(place, query, needs)
    if (lookup.kind !== 'found') return notFound(place, lookup, way)
    way.pass(lookup)
    const { zone } = lookup
    const { zones, effort } = way
    if (zone.revoked) return { ...noName(place.suffix, ABSENT_TTL), origin: 'zone', zones, effort }
    const found = fitted(lookUp(zone, place.inZone, query.question.type), place)
    way.found(found, lookup, needs)
    if (found.kind !== 'delegation') return answerFrom(found, place, { lookup, way })
    const heir = heirOf(found.records)
    if (heir.kind === 'hosts') {
      if (!query.recursionDesired) return emptyAnswer(Rcode.Refused, 'local')
      const below = { ...place, cut: found.cut, zone, hosts: heir.hosts }
      const { ttl } = way
      return { ...(await needs.nameServers.ask(below, query, ttl)), origin: 'zone', zones, effort }
    }
    place = placeBelow(place, found.cut, heir.key)
  }
}

/** @throws ResolveFault */
function checkSearch({ client }: Query, { maySearch }: Pick<ZonesDeps, 'maySearch'>): void {
  if (!maySearch(client.address))
    throw new ResolveFault(ExtendedError.Prohibited, 'this client has too many names searched for')
}

/** The zone as new as its record's TTL demands: what was promised to last so long is asked for again when that is over. */
async function findAt({ key, inZone }: Place, query: Query, needs: Needs): Promise<Lookup> {
  const { directory } = needs
  const { signal } = query
  checkSearch(query, needs)
  const lookup = await directory.find(key, { signal })
  if (lookup.kind !== 'found') return lookup
  const ttl = ttlOf(lookUp(lookup.zone, inZone, query.question.type), lookup, needs)
  const justAsked = lookup.effort.asked > 0 || lookup.freshFor <= 0
  if (ttl > lookup.age || justAsked) return lookup
  const confirmed = await directory.find(key, { signal, maxAge: ttl })
  return confirmed.kind === 'found' ? confirmed : lookup
}

function notFound(place: Place, lookup: Exclude<Lookup, { kind: 'found' }>, way: Way): Answer {
  if (lookup.kind === 'bogus')
    throw new ResolveFault(ExtendedError.Bogus, 'every copy of this zone that was found is forged or damaged')
  if (lookup.kind === 'unreachable') throw new ResolveFault(ExtendedError.NoReachableAuthority, lookup.cause)
  // Protocol 3: the name is there, since a zone that is there hands it over.
  if (way.zones.length > 0)
    throw new ResolveFault(
      ExtendedError.NoReachableAuthority,
      'nobody holds the zone of the key that this name is handed over to',
    )
  const zones = [{ key: place.key, sequence: -1n, expires: Number.POSITIVE_INFINITY }]
  return { ...noName(place.suffix, ABSENT_TTL), origin: 'zone', zones, effort: lookup.effort }
}

function answerFrom(
  found: Exclude<Found, { kind: 'delegation' }>,
  place: Place,
  { lookup, way }: { lookup: FoundLookup; way: Way },
): Answer {
  const isThere = 'records' in found
  const rcode = RCODE_OF[found.kind]
  const { ttl, zones, effort } = way
  return {
    rcode,
    error: way.isStale ? staleWord(rcode) : undefined,
    records: isThere ? found.records.map((record) => asAsked(record, place, ttl)) : [],
    authority: isThere ? [] : lookup.zone.records.slice(0, 1).map((record) => asAsked(record, place, ttl)),
    origin: 'zone',
    zones,
    effort,
  }
}
