/** Identical questions that arrive while one is being asked share its answer. */
import { fold } from '../../dns/name.ts'
import type { Answer, Layer, Query } from '../query.ts'

export const coalesce: Layer = (next) => {
  const asking = new Map<string, Promise<Answer>>()
  return (query) => {
    const key = keyOf(query)
    const pending = asking.get(key) ?? next(query).finally(() => asking.delete(key))
    asking.set(key, pending)
    return pending
  }
}

function keyOf({ question, dnssecOk, checkingDisabled, recursionDesired }: Query): string {
  const flags = [dnssecOk, checkingDisabled, recursionDesired].map(Number).join('')
  return `${fold(question.name)}/${question.type}/${flags}`
}
