/** Records made here, for names that belong to no zone anyone signs. */
import { Rcode, RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { type Name, nameFromLabels } from '../dns/name.ts'
import { encodeRdata } from '../dns/rdata.ts'
import type { Answer } from './query.ts'

// RFC 6303 3: the SOA of a zone that is empty on purpose.
const NOBODY = nameFromLabels(['nobody', 'invalid'])

/** An SOA for a negative answer (RFC 2308 3) from a zone that exists only here. @param ttl seconds */
export function syntheticSoa(apex: Name, ttl: number): ResourceRecord {
  const data = encodeRdata(RecordType.SOA, [apex, NOBODY, 1, 3600, 1200, 604_800, ttl])
  return { name: apex, type: RecordType.SOA, class: RecordClass.IN, ttl, data }
}

/** NODATA: the name exists and has nothing of this type. */
export function noData(apex: Name, ttl: number): Answer {
  return {
    rcode: Rcode.NoError,
    records: [],
    authority: [syntheticSoa(apex, ttl)],
    origin: 'local',
    zones: [],
  }
}

/** What the apex of an empty zone says: its SOA, which is there, and nothing of other types. */
export function emptyApex(apex: Name, type: number, ttl: number): Answer {
  const nothing = noData(apex, ttl)
  return type === RecordType.SOA ? { ...nothing, records: nothing.authority, authority: [] } : nothing
}

/** NXDOMAIN: there is no such name, nor any below it. */
export function noName(apex: Name, ttl: number): Answer {
  return { ...noData(apex, ttl), rcode: Rcode.NxDomain }
}
