/** Outermost layer: whatever goes wrong below, and whatever takes too long, is SERVFAIL with a reason. */
import { DnsFault } from '../../dns/fault.ts'
import { ExtendedError, Rcode } from '../../dns/message.ts'
import { ResolveFault } from '../fault.ts'
import { type Answer, emptyAnswer, type Layer } from '../query.ts'

/** @param report told of faults nobody foresaw */
export const failure =
  (report: (fault: unknown) => void): Layer =>
  (next) =>
  async (query) => {
    try {
      return await Promise.race([next(query), rejectionOf(query.signal)])
    } catch (fault) {
      return failed(fault, query.signal, report)
    }
  }

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function failed(fault: unknown, signal: AbortSignal, report: (fault: unknown) => void): Answer {
  if (fault instanceof ResolveFault) return emptyAnswer(Rcode.ServFail, 'failure', fault)
  if (fault instanceof DnsFault) {
    return emptyAnswer(Rcode.ServFail, 'failure', { code: ExtendedError.InvalidData, text: fault.message })
  }
  if (signal.aborted) {
    return emptyAnswer(Rcode.ServFail, 'failure', {
      code: ExtendedError.NoReachableAuthority,
      text: 'no answer in time',
    })
  }
  report(fault)
  return emptyAnswer(Rcode.ServFail, 'failure', { code: ExtendedError.Other, text: 'internal fault' })
}
