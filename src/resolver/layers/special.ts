/** Names that are never the DNS's to answer (RFC 6761 and after), and questions for everything at once (RFC 8482). */
import { Rcode, RecordClass, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { isUnder, type Name, parseName, sameName } from '../../dns/name.ts'
import { encodeRdata } from '../../dns/rdata.ts'
import type { Answer, Layer, Query } from '../query.ts'
import { emptyApex, noData, noName } from '../synthetic.ts'

// RFC 6303 3: three hours.
const EMPTY_ZONE_TTL = 10_800
const LOCALHOST = parseName('localhost')
const HINFO_TTL = 3600
/** 127.0.0.1 and ::1. */
const LOOPBACK = ['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`].map((name) => parseName(name))

/** Zones that are here and empty: no question about them leaves the house. */
const EMPTY_ZONES = [
  'test invalid onion local', // RFC 6761, 7686, 6762
  'home.arpa resolver.arpa service.arpa', // RFC 8375, 9462 6.4, 9665
  'use-application-dns.net', // Firefox: NXDOMAIN here means that this resolver is wanted
  '0.in-addr.arpa 10.in-addr.arpa 127.in-addr.arpa 254.169.in-addr.arpa 168.192.in-addr.arpa', // RFC 6303 4
  '2.0.192.in-addr.arpa 100.51.198.in-addr.arpa 113.0.203.in-addr.arpa 255.255.255.255.in-addr.arpa',
  range(16, 31, '172.in-addr.arpa'),
  range(64, 127, '100.in-addr.arpa'), // RFC 7793
  `${'0.'.repeat(32)}ip6.arpa 1.${'0.'.repeat(31)}ip6.arpa d.f.ip6.arpa 8.b.d.0.1.0.0.2.ip6.arpa`,
  '8.e.f.ip6.arpa 9.e.f.ip6.arpa a.e.f.ip6.arpa b.e.f.ip6.arpa',
]
  .flatMap((names) => names.split(' '))
  .map((name) => parseName(name))

/** Where the name itself does not exist either: NXDOMAIN is the signal (support.mozilla.org, "canary domain"). */
const ABSENT = new Set([
  parseName('use-application-dns.net'),
  ...['test', 'invalid', 'onion', 'local'].map((tld) => parseName(tld)),
])

/** Whether a name is answered here and by nobody else. */
export function isSpecialName(name: Name): boolean {
  return isUnder(name, LOCALHOST) || EMPTY_ZONES.some((apex) => isUnder(name, apex))
}

function range(from: number, to: number, zone: string): string {
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}.${zone}`).join(' ')
}

/** @param isApart whether a name has servers of its own: a router that knows its `home.arpa`, say */
export const special =
  (isApart: (name: Name) => boolean): Layer =>
  (next) =>
  async (query) => {
    const { name, type } = query.question
    if (type === RecordType.ANY) return everything(query)
    if (isUnder(name, LOCALHOST)) return localhost(name, type)
    if (isApart(name)) return next(query)
    return loopbackName(name, type) ?? emptyZone(name, type) ?? (await next(query))
  }

/** What a zone says that is here and empty; undefined where there is none. */
function emptyZone(name: Name, type: number): Answer | undefined {
  const zone = EMPTY_ZONES.find((apex) => isUnder(name, apex))
  if (!zone) return undefined
  return name.length === zone.length && !ABSENT.has(zone)
    ? emptyApex(zone, type, EMPTY_ZONE_TTL)
    : noName(zone, EMPTY_ZONE_TTL)
}

// RFC 8482 4.2: one small record, so that nobody is flooded with the large answer.
function everything({ question: { name } }: Query): Answer {
  const data = encodeRdata(RecordType.HINFO, [Buffer.from('RFC8482'), Buffer.alloc(0)])
  return local([{ name, type: RecordType.HINFO, class: RecordClass.IN, ttl: HINFO_TTL, data }])
}

/** This machine's own addresses have its own name, as every hosts file says. */
function loopbackName(name: Name, type: number): Answer | undefined {
  if (!LOOPBACK.some((address) => sameName(name, address))) return undefined
  if (type !== RecordType.PTR) return noData(name, EMPTY_ZONE_TTL)
  const data = encodeRdata(RecordType.PTR, [LOCALHOST])
  return local([{ name, type, class: RecordClass.IN, ttl: EMPTY_ZONE_TTL, data }])
}

// RFC 6761 6.3
function localhost(name: Name, type: number): Answer {
  const address = type === RecordType.A ? [127, 0, 0, 1] : [...Array(15).fill(0), 1]
  if (type !== RecordType.A && type !== RecordType.AAAA) return noData(LOCALHOST, EMPTY_ZONE_TTL)
  return local([{ name, type, class: RecordClass.IN, ttl: EMPTY_ZONE_TTL, data: Uint8Array.from(address) }])
}

function local(records: readonly ResourceRecord[]): Answer {
  return { rcode: Rcode.NoError, records, authority: [], origin: 'local', zones: [] }
}
