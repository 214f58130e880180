/** A question that cannot be answered: what the asker is told beside SERVFAIL (RFC 8914). */
import type { EdnsError } from '../dns/message.ts'

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
