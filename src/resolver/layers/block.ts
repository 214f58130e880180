/** Names on the block lists of this node's owner are answered here, and so is what hides one behind an alias (CNAME cloaking). */
import { ExtendedError, Rcode, RecordClass, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { fold, type Name, parentOf } from '../../dns/name.ts'
import { decodeRdata } from '../../dns/rdata.ts'
import { whoseName } from '../../names/whose.ts'
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

export interface BlockDeps {
  /** What holds now: it may change while an answer is waited for. */
  readonly blocking: () => Blocking
  readonly suffix: Name
}

export const block =
  ({ blocking, suffix }: BlockDeps): Layer =>
  (next) =>
  async (query) => {
    const { name, type } = query.question
    // No list has a say in what belongs to a key: a line like `||alt^` would take away every name there is.
    const judge = (each: Name) =>
      whoseName(each, suffix).kind === 'ordinary' ? blocking().rules.judge(fold(each)) : 'unknown'
    const verdict = judge(name)
    if (verdict === 'blocked') return blocked(name, type, blocking().answer)
    const answer = await next(query)
    const { rules, answer: kind } = blocking()
    const isBlocked = (target: Name) => judge(target) === 'blocked'
    const isHiding = verdict === 'unknown' && rules.size > 0 && aliasTargets(answer).some(isBlocked)
    return isHiding ? blocked(name, type, kind) : answer
  }

function aliasTargets({ records }: Answer): Name[] {
  return records.flatMap(({ type, data }) =>
    type === RecordType.CNAME ? [decodeRdata(type, data)[0] as Name] : [],
  )
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
