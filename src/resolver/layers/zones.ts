/** Names of ours: answered from their key's signed zone and never passed on. Below this layer there is only the ordinary DNS. */
import type { Clock } from '../../clock.ts'
import { ExtendedError, Rcode, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { isUnder, joinNames, MAX_NAME_OCTETS, type Name, ROOT, relativeTo } from '../../dns/name.ts'
import { mapNamesInRdata } from '../../dns/rdata.ts'
import { type Whose, whoseName } from '../../names/whose.ts'
import type { Lookup, ZoneDirectory } from '../../zone/directory.ts'
import { type Found, lookUp } from '../../zone/look-up.ts'
import { withSuffix } from '../../zone/records.ts'
import { ResolveFault, staleWord } from '../fault.ts'
import type { Answer, Layer, Query } from '../query.ts'
import { emptyApex, noName } from '../synthetic.ts'

export interface ZonesDeps {
  readonly clock: Clock
  readonly directory: ZoneDirectory
  readonly suffix: Name
  readonly maxNegativeTtl: number
  /** Whether a client may have one more name searched for. */
  readonly maySearch: (address: string) => boolean
}

/** Seconds an answer lasts that says nobody owns a name: a zone may be published any moment (protocol, section 5). */
const ABSENT_TTL = 30
/** Seconds an answer lasts from a copy that the network could not confirm just now. */
const UNCONFIRMED_TTL = 10

const RCODE_OF = {
  answer: Rcode.NoError,
  alias: Rcode.NoError,
  'too-long': Rcode.YxDomain,
  'no-data': Rcode.NoError,
  'no-name': Rcode.NxDomain,
} as const

type ZoneName = Extract<Whose, { kind: 'zone' }>
type FoundLookup = Extract<Lookup, { kind: 'found' }>

export const zones =
  (deps: ZonesDeps): Layer =>
  (next) =>
  async (query) => {
    const whose = whoseName(query.question.name, deps.suffix)
    switch (whose.kind) {
      case 'ordinary':
        return next(query)
      case 'empty':
        return emptyApex(whose.apex, query.question.type, ABSENT_TTL)
      case 'nobody':
        return noName(whose.apex, ABSENT_TTL)
      case 'zone':
        return answerFor(deps, whose, query)
    }
  }

async function answerFor(deps: ZonesDeps, whose: ZoneName, query: Query): Promise<Answer> {
  if (!deps.maySearch(query.client.address))
    throw new ResolveFault(ExtendedError.Prohibited, 'this client has too many names searched for')
  const lookup = await deps.directory.find(whose.key, { signal: query.signal })
  switch (lookup.kind) {
    case 'found':
      return answerFound(deps, whose, { query, lookup })
    case 'absent':
      return absent(whose, lookup)
    case 'bogus':
      throw new ResolveFault(
        ExtendedError.Bogus,
        'every copy of this zone that was found is forged or damaged',
      )
    case 'unreachable':
      throw new ResolveFault(ExtendedError.NoReachableAuthority, lookup.cause)
  }
}

function absent(whose: ZoneName, { effort }: Lookup): Answer {
  const zones = [{ key: whose.key, sequence: -1n, expires: Number.POSITIVE_INFINITY }]
  return { ...noName(suffixOf(whose), ABSENT_TTL), origin: 'zone', zones, effort }
}

async function answerFound(
  deps: ZonesDeps,
  whose: ZoneName,
  { query, lookup }: { query: Query; lookup: FoundLookup },
): Promise<Answer> {
  const { type } = query.question
  const found = lookUp(lookup.zone, whose.inZone, type)
  const ttl = ttlOf(found, lookup, deps)
  const justAsked = lookup.effort.asked > 0 || lookup.freshFor <= 0
  if (ttl > lookup.age || justAsked) return answerFrom(deps, whose, { query, lookup })
  // This record's TTL is over since the copy was confirmed: what was promised to last so long is asked for again.
  const confirmed = await deps.directory.find(whose.key, { signal: query.signal, maxAge: ttl })
  return answerFrom(deps, whose, { query, lookup: confirmed.kind === 'found' ? confirmed : lookup })
}

function answerFrom(
  deps: ZonesDeps,
  whose: ZoneName,
  { query, lookup }: { query: Query; lookup: FoundLookup },
): Answer {
  const { zone, effort } = lookup
  if (zone.revoked) return { ...noName(suffixOf(whose), ABSENT_TTL), origin: 'zone', zones: [zone], effort }
  const found = fitted(lookUp(zone, whose.inZone, query.question.type), suffixOf(whose))
  if (found.kind === 'delegation') {
    throw new ResolveFault(
      ExtendedError.NotSupported,
      'this name is delegated, and delegations are not followed yet',
    )
  }
  const ttl = remainingTtl(found, lookup, deps)
  const dress = (record: ResourceRecord) => asAsked(record, { whose, ttl })
  const isThere = 'records' in found
  const rcode = RCODE_OF[found.kind]
  return {
    rcode,
    error: isStale(found, lookup, deps) ? staleWord(rcode) : undefined,
    records: isThere ? found.records.map(dress) : [],
    authority: isThere ? [] : zone.records.slice(0, 1).map(dress),
    origin: 'zone',
    zones: [zone],
    effort,
  }
}

/** What a DNAME makes of a name is too long, too, where only the suffix makes it so (RFC 6672 3.2). */
function fitted(found: Found, suffix: Name): Found {
  if (found.kind !== 'alias' || found.target.length + suffix.length - 1 <= MAX_NAME_OCTETS) return found
  const [dname] = found.records.filter(({ type }) => type === RecordType.DNAME)
  return dname && whoseName(found.target, ROOT).kind === 'zone'
    ? { kind: 'too-long', records: [dname] }
    : found
}

/** Seconds the found records, or the word that there are none, may be kept (RFC 2308 5), counted from confirmation. */
function ttlOf(found: Found, { zone }: FoundLookup, { maxNegativeTtl }: ZonesDeps): number {
  if ('records' in found) return found.records[0]?.ttl ?? 0
  return Math.min(zone.records[0]?.ttl ?? 0, zone.soa.minimum, maxNegativeTtl)
}

/** What is left of that, bounded by the time to the next confirmation and to the signed expiry. */
function remainingTtl(found: Found, lookup: FoundLookup, deps: ZonesDeps): number {
  const ttl = ttlOf(found, lookup, deps)
  const toExpiry = (lookup.zone.expires - deps.clock.now()) / 1000
  const fresh = Math.min(ttl - lookup.age, lookup.freshFor)
  const left = fresh > 0 ? fresh : Math.min(ttl, UNCONFIRMED_TTL)
  return Math.max(0, Math.min(Math.ceil(left), Math.floor(toExpiry)))
}

/** Whether the TTL is over since the copy was confirmed, and could not be now. Of one that never was nobody can tell. */
function isStale(found: Found, lookup: FoundLookup, deps: ZonesDeps): boolean {
  const ttl = ttlOf(found, lookup, deps)
  return ttl > 0 && lookup.age >= ttl && lookup.age < Infinity
}

/** A record with names as the asker writes them: `….<key>.` becomes `….<key>.kad.alt.` where that was asked. */
function asAsked(record: ResourceRecord, { whose, ttl }: { whose: ZoneName; ttl: number }): ResourceRecord {
  const suffix = suffixOf(whose)
  const rename = (name: Name): Name =>
    isUnder(name, whose.key.apex)
      ? joinNames(relativeTo(name, whose.key.apex), whose.apex)
      : withSuffix(name, suffix)
  return {
    ...record,
    ttl,
    name: rename(record.name),
    data: mapNamesInRdata(record.type, record.data, rename),
  }
}

/** What the key was asked under: the suffix, or the root for a bare key. */
function suffixOf({ apex, key }: ZoneName): Name {
  return apex.slice(key.apex.length - 1) as Name
}
