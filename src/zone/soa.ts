/** The SOA each zone begins with: how long it lives, how often to look for a newer one, and where it may go. */
import { DnsFault } from '../dns/fault.ts'
import { RecordType, type ResourceRecord } from '../dns/message.ts'
import { type Name, nameFromLabels, ROOT, sameName } from '../dns/name.ts'
import { decodeRdata, encodeRdata } from '../dns/rdata.ts'
import { ZoneFault } from './fault.ts'

/** All times in seconds. */
export interface ZoneSoa {
  /** Which networks may carry the zone: any, this local one only, or all but the local one. */
  readonly scope: 'any' | 'lan' | 'wan'
  /** How often to look for a newer zone. */
  readonly refresh: number
  readonly retry: number
  /** Lifetime, counted from the sequence. */
  readonly expire: number
  /** TTL of answers that say no (RFC 2308 4). */
  readonly minimum: number
}

export const DEFAULT_SOA: ZoneSoa = { scope: 'any', refresh: 300, retry: 60, expire: 604_800, minimum: 60 }
/** Of a zone that was signed without one. REFRESH is the longest its records are answered with. */
export const BARE_SOA: ZoneSoa = { scope: 'any', refresh: 300, retry: 60, expire: 0, minimum: 60 }
/** Whatever EXPIRE says, no zone lives longer: 30 days, in seconds. */
export const MAX_LIFETIME = 30 * 86_400

const SCOPE_NAME: Record<ZoneSoa['scope'], Name> = {
  any: ROOT,
  lan: nameFromLabels(['lan']),
  wan: nameFromLabels(['wan']),
}

/** RDATA of the apex SOA. SERIAL is the sequence in seconds, its low 32 bits. */
export function encodeZoneSoa(soa: ZoneSoa, sequence: bigint): Uint8Array {
  const serial = Number((sequence / 1_000_000n) & 0xffff_ffffn)
  const { scope, refresh, retry, expire, minimum } = soa
  return encodeRdata(RecordType.SOA, [SCOPE_NAME[scope], ROOT, serial, refresh, retry, expire, minimum])
}

/** @throws ZoneFault `content` when this is no SOA of ours */
export function decodeZoneSoa(record: ResourceRecord | undefined): ZoneSoa {
  if (!record) throw new ZoneFault('content', 'A zone begins with its SOA.')
  const [mname, , , refresh, retry, expire, minimum] = soaFields(record)
  return { scope: scopeOf(mname), refresh, retry, expire, minimum }
}

type SoaFields = [mname: Name, rname: Name, ...numbers: [number, number, number, number, number]]

function soaFields(record: ResourceRecord): SoaFields {
  try {
    return decodeRdata(RecordType.SOA, record.data) as SoaFields
  } catch (cause) {
    if (!(cause instanceof DnsFault)) throw cause
    throw new ZoneFault('content', 'The SOA of a zone is malformed.', { cause })
  }
}

function scopeOf(mname: Name): ZoneSoa['scope'] {
  for (const scope of ['any', 'lan', 'wan'] as const) if (sameName(mname, SCOPE_NAME[scope])) return scope
  throw new ZoneFault('content', 'The MNAME of a zone is its scope: `.`, `lan.` or `wan.`.')
}
