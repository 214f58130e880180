/** Records the owner of this node has written down for names of the house: they beat the ordinary DNS, and never a key's zone. */
import { Rcode, RecordType, type ResourceRecord } from '../../dns/message.ts'
import { fold, joinNames, type Name, nameFromLabels, parentOf, ROOT } from '../../dns/name.ts'
import type { Answer, Layer } from '../query.ts'
import { noData } from '../synthetic.ts'

/** Seconds that "nothing of this type" lasts: whoever adds a record wants to see it. */
const NEGATIVE_TTL = 60
const WILDCARD = nameFromLabels(['*'])

/**
 * A name that has records here is answered from them alone, whatever its type; a CNAME is followed by `aliases`. Names
 * beside them are the ordinary DNS's as ever, so that one name of a domain can be replaced.
 */
export const local =
  (current: () => LocalNames): Layer =>
  (next) =>
  async (query) => {
    const names = current()
    const { name, type } = query.question
    const own = names.size === 0 || type === RecordType.ANY ? undefined : recordsOf(fold(name), names)
    return own ? answerFrom(own, name, type) : await next(query)
  }

/** By folded name. */
export type LocalNames = ReadonlyMap<Name, readonly ResourceRecord[]>

/** @param hosts what hosts files say, of names that have no records */
export function localNames(
  records: readonly ResourceRecord[],
  hosts: readonly ResourceRecord[] = [],
): LocalNames {
  const byName = (some: readonly ResourceRecord[]) => Map.groupBy(some, ({ name }) => fold(name))
  return new Map([...byName(hosts), ...byName(records)])
}

/** RFC 4592 2.1.1: a wildcard stands for what is not there below its parent, unless a name in between is. */
function recordsOf(name: Name, names: LocalNames): readonly ResourceRecord[] | undefined {
  const exact = names.get(name)
  if (exact) return exact
  for (let above = name; above !== ROOT; ) {
    above = parentOf(above)
    const wild = names.get(joinNames(WILDCARD, above))
    if (wild || names.has(above)) return wild
  }
  return undefined
}

function answerFrom(own: readonly ResourceRecord[], name: Name, type: number): Answer {
  const set = own.filter((record) => record.type === type || record.type === RecordType.CNAME)
  if (set.length === 0) return noData(name, NEGATIVE_TTL)
  const records = set.map((record) => ({ ...record, name }))
  return { rcode: Rcode.NoError, records, authority: [], origin: 'local', zones: [] }
}
