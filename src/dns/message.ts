/** The words of a DNS message (RFC 1035 4, RFC 9499) as values. */
import type { Name } from './name.ts'

/** Types this program knows by name. Others stay numbers and are written TYPE12345 (RFC 3597). */
export const RecordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  SIG: 24,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const

export const RecordClass = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const

export const Opcode = { Query: 0, Status: 2, Notify: 4, Update: 5 } as const

/** Extended by OPT to twelve bits (RFC 6891 6.1.3). */
export const Rcode = {
  NoError: 0,
  FormErr: 1,
  ServFail: 2,
  NxDomain: 3,
  NotImp: 4,
  Refused: 5,
  YxDomain: 6,
  BadVers: 16,
} as const

/** Extended DNS Errors (RFC 8914 4). */
export const ExtendedError = {
  Other: 0,
  StaleAnswer: 3,
  Bogus: 6,
  CachedError: 13,
  NotReady: 14,
  Blocked: 15,
  Filtered: 17,
  Prohibited: 18,
  StaleNxDomain: 19,
  NotSupported: 21,
  NoReachableAuthority: 22,
  NetworkError: 23,
  InvalidData: 24,
} as const

export interface Question {
  readonly name: Name
  readonly type: number
  readonly class: number
}

/** One record. `data` is RDATA in wire form without compression: what was signed is what is served. */
export interface ResourceRecord {
  readonly name: Name
  readonly type: number
  readonly class: number
  /** Seconds, at most 2^31 - 1 (RFC 2181 8). */
  readonly ttl: number
  readonly data: Uint8Array
}

export interface Edns {
  /** Octets a UDP message to the sender may have. */
  readonly payloadSize: number
  readonly version: number
  readonly dnssecOk: boolean
  readonly error?: EdnsError | undefined
}

/** An Extended DNS Error (RFC 8914): a code, and words for people. */
export interface EdnsError {
  readonly code: number
  readonly text: string
}

export interface Flags {
  readonly response: boolean
  readonly authoritative: boolean
  readonly truncated: boolean
  readonly recursionDesired: boolean
  readonly recursionAvailable: boolean
  readonly authenticData: boolean
  readonly checkingDisabled: boolean
}

/** Every flag unset; what is set is put over it. */
export const NO_FLAGS: Flags = {
  response: false,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
}

/** RFC 2181 8: seconds, the highest bit unused. */
export const MAX_TTL = 0x7fff_ffff

/** A whole message. */
export interface Message {
  readonly id: number
  readonly opcode: number
  readonly flags: Flags
  readonly rcode: number
  readonly questions: readonly Question[]
  readonly answers: readonly ResourceRecord[]
  readonly authority: readonly ResourceRecord[]
  readonly additional: readonly ResourceRecord[]
  readonly edns: Edns | undefined
}

const RCODE_TEXT = new Map<number, string>(
  Object.entries(Rcode).map(([text, rcode]) => [rcode, text.toUpperCase()]),
)

/** "NXDOMAIN" for 3, as dig writes it. */
export function formatRcode(rcode: number): string {
  return RCODE_TEXT.get(rcode) ?? `RCODE${rcode}`
}

/** The number of an RCODE written as dig does, in any case; undefined when it is none that has a name. */
export function parseRcode(text: string): number | undefined {
  return [...RCODE_TEXT].find(([, word]) => word === text.toUpperCase())?.[0]
}

const NAME_OF = new Map<number, string>(Object.entries(RecordType).map(([text, type]) => [type, text]))

/** "AAAA" for 28; "TYPE65280" for what has no name here (RFC 3597 5). */
export function formatType(type: number): string {
  return NAME_OF.get(type) ?? `TYPE${type}`
}

/** The number of a type written as a word or TYPE12345, in any case; undefined when it is neither. */
export function parseType(text: string): number | undefined {
  const upper = text.toUpperCase()
  if (Object.hasOwn(RecordType, upper)) return RecordType[upper as keyof typeof RecordType]
  const number = /^TYPE(\d{1,5})$/.exec(upper)?.[1]
  return number !== undefined && Number(number) <= 0xffff ? Number(number) : undefined
}
