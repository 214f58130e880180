/** No stranger's name leads into the house: else a page of theirs could have its reader's browser speak to the reader's router (DNS rebinding). */
import { type EdnsError, ExtendedError, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { type Name, parseName, sameName } from '../../dns/name.ts'
import { decodeRdata } from '../../dns/rdata.ts'
import type { PublicKey } from '../../zone/key.ts'
import { isInward } from '../inward-addresses.ts'
import type { Answer, Layer } from '../query.ts'
import { syntheticSoa } from '../synthetic.ts'

/** A reason that stands beside what is left of an answer. */
const because = (text: string) => ({ code: ExtendedError.Filtered, text })
const ofZone = ({ label }: PublicKey) =>
  because(`private addresses of a zone that is not trusted were left out: kadns allow ${label}`)
const OF_UPSTREAM = because('private addresses of a name outside upstream.private_names were left out')
/** Octets of one address in the hints of SVCB and HTTPS, by key (RFC 9460 7.3). */
const HINT_OCTETS = new Map([
  [4, 4],
  [6, 16],
])

/** Names with private addresses on purpose: Windows asks for the one to see whether it is online, NAT64 is found by the other (RFC 8880). */
const INWARD_BY_NATURE = ['dns.msftncsi.com', 'ipv4only.arpa'].map((name) => parseName(name))

export interface InwardDeps {
  /** Whether a key's zone may lead anywhere. */
  readonly isTrusted: (key: PublicKey) => boolean
  /** Whether a name of the ordinary DNS may. */
  readonly mayLeadInward: (name: Name) => boolean
  /** Told of each answer that was made less. */
  readonly leftOut: () => void
}

export const inward =
  ({ isTrusted, mayLeadInward, leftOut }: InwardDeps): Layer =>
  (next) =>
  async (query) => {
    const { name, type } = query.question
    const answer = await next(query)
    // Of the whole chain: an alias in a stranger's zone may lead inward over anybody's names.
    const stranger = answer.zones.find(({ key }) => !isTrusted(key))
    // It begins with the name that was asked for: the alias of a stranger may lead to the house's own names too.
    const isOutside = answer.origin === 'upstream' && !mayLeadInward(name) && !isByNature(name)
    if (!stranger && !isOutside) return answer
    const less = filtered(answer, type, stranger ? ofZone(stranger.key) : OF_UPSTREAM)
    if (less !== answer) leftOut()
    return less
  }

function isByNature(name: Name): boolean {
  return INWARD_BY_NATURE.some((known) => sameName(name, known))
}

function filtered(answer: Answer, type: number, error: EdnsError): Answer {
  const [dropped] = answer.records.filter(leadsInward)
  if (!dropped) return answer
  const records = answer.records.filter((record) => !leadsInward(record))
  const isLeft = records.some((record) => record.type === type)
  const authority = isLeft ? answer.authority : [syntheticSoa(dropped.name, dropped.ttl)]
  return { ...answer, records, authority, error }
}

function leadsInward(record: ResourceRecord): boolean {
  return addressesIn(record).some(isInward)
}

function addressesIn({ type, data }: ResourceRecord): Uint8Array[] {
  if (type === RecordType.A || type === RecordType.AAAA) return [data]
  if (type !== RecordType.SVCB && type !== RecordType.HTTPS) return []
  return hintsIn(decodeRdata(type, data)[2] as Buffer)
}

// RFC 9460 2.2: key, length, value.
function hintsIn(params: Buffer): Uint8Array[] {
  const hints: Uint8Array[] = []
  for (let at = 0; at < params.length; ) {
    const size = HINT_OCTETS.get(params.readUInt16BE(at))
    const start = at + 4
    at = start + params.readUInt16BE(at + 2)
    for (let hint = start; size !== undefined && hint < at; hint += size)
      hints.push(params.subarray(hint, Math.min(hint + size, at)))
  }
  return hints
}
