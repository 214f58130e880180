/** Where a name lies in a signed zone, and what the zone's records are called and how long they last where they are asked for. */
import type { Clock } from '../clock.ts'
import { RecordType, type ResourceRecord } from '../dns/message.ts'
import { isUnder, joinNames, MAX_NAME_OCTETS, type Name, ROOT, relativeTo } from '../dns/name.ts'
import { mapNamesInRdata } from '../dns/rdata.ts'
import { type Whose, whoseName } from '../names/whose.ts'
import type { Lookup } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import type { Found } from '../zone/look-up.ts'
import { withSuffix } from '../zone/records.ts'

export interface Place {
  readonly key: PublicKey
  /** The name as the zone spells it. */
  readonly inZone: Name
  /** The zone's apex as it was asked for: `<key>.kad.alt.`, or the cut that hands over to it. */
  readonly apex: Name
  /** What keys were asked under: the suffix, or the root for a bare key. */
  readonly suffix: Name
}

export type FoundLookup = Extract<Lookup, { kind: 'found' }>

export interface TtlRules {
  readonly clock: Clock
  readonly maxNegativeTtl: number
}

/** Seconds an answer lasts from a copy that the network could not confirm just now. */
const UNCONFIRMED_TTL = 10

/** Of a name that is asked for. */
export function placeOf({ key, inZone, apex, suffix }: Extract<Whose, { kind: 'zone' }>): Place {
  return { key, inZone, apex, suffix }
}

/** The same name in the zone of the key that a cut hands it over to (protocol 3). @param cut as the zone above spells it */
export function placeBelow({ key, inZone, apex, suffix }: Place, cut: Name, to: PublicKey): Place {
  return {
    key: to,
    inZone: joinNames(relativeTo(inZone, cut), to.apex),
    apex: joinNames(relativeTo(cut, key.apex), apex),
    suffix,
  }
}

/** What a DNAME makes of a name is too long, too, where only what it is asked under makes it so (RFC 6672 3.2). */
export function fitted(found: Found, { key, apex, suffix }: Place): Found {
  if (found.kind !== 'alias') return found
  const longer = isUnder(found.target, key.apex) ? apex.length - key.apex.length : suffix.length - 1
  if (found.target.length + longer <= MAX_NAME_OCTETS) return found
  const [dname] = found.records.filter(({ type }) => type === RecordType.DNAME)
  return dname && whoseName(found.target, ROOT).kind === 'zone'
    ? { kind: 'too-long', records: [dname] }
    : found
}

/** Seconds the found records, or the word that there are none, may be kept (RFC 2308 5), counted from confirmation. */
export function ttlOf(found: Found, { zone }: FoundLookup, { maxNegativeTtl }: TtlRules): number {
  if ('records' in found) return found.records[0]?.ttl ?? 0
  return Math.min(zone.records[0]?.ttl ?? 0, zone.soa.minimum, maxNegativeTtl)
}

/** What is left of that, bounded by the time to the next confirmation and to the signed expiry. */
export function remainingTtl(found: Found, lookup: FoundLookup, rules: TtlRules): number {
  const ttl = ttlOf(found, lookup, rules)
  const toExpiry = (lookup.zone.expires - rules.clock.now()) / 1000
  const fresh = Math.min(ttl - lookup.age, lookup.freshFor)
  const left = fresh > 0 ? fresh : Math.min(ttl, UNCONFIRMED_TTL)
  return Math.max(0, Math.min(Math.ceil(left), Math.floor(toExpiry)))
}

/** Whether the TTL is over since the copy was confirmed, and could not be now. Of one that never was nobody can tell. */
export function isStale(found: Found, lookup: FoundLookup, rules: TtlRules): boolean {
  const ttl = ttlOf(found, lookup, rules)
  return ttl > 0 && lookup.age >= ttl && lookup.age < Infinity
}

/**
 * A record with names as the asker writes them: `….<key>.` becomes `….<key>.kad.alt.` where that was asked.
 * @throws DnsFault `bad-name` where one becomes longer than names are
 */
export function asAsked(record: ResourceRecord, { key, apex, suffix }: Place, ttl: number): ResourceRecord {
  const rename = (name: Name): Name =>
    isUnder(name, key.apex) ? joinNames(relativeTo(name, key.apex), apex) : withSuffix(name, suffix)
  return {
    ...record,
    ttl,
    name: rename(record.name),
    data: mapNamesInRdata(record.type, record.data, rename),
  }
}
