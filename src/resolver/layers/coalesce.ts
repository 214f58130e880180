/** Identical questions that arrive while one is being asked share its answer. */
import { fold } from '../../dns/name.ts'
import type { Answer, Layer, Query, Resolve } from '../query.ts'

interface Asking {
  readonly answer: Promise<Answer>
  /** Of the question that came first. */
  readonly signal: AbortSignal
}

/** @param generation another one when what was said before no longer counts */
export const coalesce =
  (generation: () => number): Layer =>
  (next) => {
    const asking = new Map<string, Asking>()
    const ask: Resolve = async (query) => {
      const key = `${keyOf(query)}/${generation()}`
      const first = asking.get(key)
      if (first) return shared(first, query, ask)
      const answer = next(query).finally(() => asking.delete(key))
      asking.set(key, { answer, signal: query.signal })
      return answer
    }
    return ask
  }

/** The first asker's answer; when it went away, or its time was over, before there was one, the question is asked anew. */
async function shared({ answer, signal }: Asking, query: Query, ask: Resolve): Promise<Answer> {
  try {
    return await answer
  } catch (fault) {
    if (!signal.aborted || query.signal.aborted) throw fault
    return ask(query)
  }
}

function keyOf({ question, dnssecOk, checkingDisabled, recursionDesired }: Query): string {
  const flags = [dnssecOk, checkingDisabled, recursionDesired].map(Number).join('')
  return `${fold(question.name)}/${question.type}/${flags}`
}
