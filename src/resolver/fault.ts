/** What an asker is told beside SERVFAIL, when a question cannot be answered, and beside what is not as fresh as it should be (RFC 8914). */
import { type EdnsError, ExtendedError, Rcode } from '../dns/message.ts'

export class ResolveFault extends Error implements EdnsError {
  override readonly name = 'ResolveFault'
  /** An ExtendedError. */
  readonly code: number

  /** @param text words for people, at most a hundred octets of them are sent */
  constructor(code: number, text: string, options?: ErrorOptions) {
    super(text, options)
    this.code = code
  }

  get text(): string {
    return this.message
  }
}

/** Beside an answer that was true once, while no newer one can be had. */
export function staleWord(rcode: number): EdnsError {
  const code = rcode === Rcode.NxDomain ? ExtendedError.StaleNxDomain : ExtendedError.StaleAnswer
  return { code, text: 'no newer answer can be had now' }
}

/** Block lists or hosts files that cannot be read, each fault one sentence. */
export class ListFault extends Error {
  override readonly name = 'ListFault'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}
