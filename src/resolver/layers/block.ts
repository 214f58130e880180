/** Names on the block lists of this node's owner are answered here, and so is what hides one behind an alias (CNAME cloaking). */
import { ExtendedError, Rcode, RecordClass, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { fold, type Name, parentOf } from '../../dns/name.ts'
import { decodeRdata } from '../../dns/rdata.ts'
import type { NameRules } from '../blocking/name-rules.ts'
import type { Answer, Layer } from '../query.ts'
import { noData, noName } from '../synthetic.ts'

export interface Blocking {
  readonly rules: NameRules
  readonly answer: 'null' | 'nxdomain'
}

/** Seconds: whoever excepts a name wants to see it. */
const BLOCKED_TTL = 60
const BLOCKED = { code: ExtendedError.Blocked, text: 'this name is on a block list of this resolver' }
/** Octets of the address that is nobody's, by type. */
const NULL_ADDRESS = new Map<number, number>([
  [RecordType.A, 4],
  [RecordType.AAAA, 16],
])

/** @param current what holds now: it may change while an answer is waited for */
export const block =
  (current: () => Blocking): Layer =>
  (next) =>
  async (query) => {
    const { name, type } = query.question
    const verdict = current().rules.judge(fold(name))
    if (verdict === 'blocked') return blocked(name, type, current().answer)
    const answer = await next(query)
    const { rules, answer: kind } = current()
    return verdict === 'unknown' && hidesBlocked(answer, rules) ? blocked(name, type, kind) : answer
  }

function hidesBlocked({ records }: Answer, rules: NameRules): boolean {
  if (rules.size === 0) return false
  return records.some(({ type, data }) => {
    if (type !== RecordType.CNAME) return false
    return rules.judge(fold(decodeRdata(type, data)[0] as Name)) === 'blocked'
  })
}

function blocked(name: Name, type: number, kind: Blocking['answer']): Answer {
  if (kind === 'nxdomain') return { ...noName(parentOf(name), BLOCKED_TTL), error: BLOCKED }
  const octets = NULL_ADDRESS.get(type)
  if (octets === undefined) return { ...noData(name, BLOCKED_TTL), error: BLOCKED }
  const data = new Uint8Array(octets)
  const record: ResourceRecord = { name, type, class: RecordClass.IN, ttl: BLOCKED_TTL, data }
  return {
    rcode: Rcode.NoError,
    records: [record],
    authority: [],
    origin: 'local',
    error: BLOCKED,
    zones: [],
  }
}
