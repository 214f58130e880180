/** What can be wrong with DNS data; each reason has one meaning for whoever catches it. */
export type DnsReason =
  /** Octets that are no DNS message, or would take more work than is allowed. */
  | 'malformed'
  /** A domain name that breaks RFC 1035 2.3.4: an empty label, a label over 63, a name over 255 octets. */
  | 'bad-name'
  /** Text that is no record, RDATA, type or TTL. */
  | 'bad-text'
  /** A message that does not fit where it has to go. */
  | 'too-large'

/** The one error of this room. The message is a sentence for people. */
export class DnsFault extends Error {
  override readonly name = 'DnsFault'
  readonly reason: DnsReason

  constructor(reason: DnsReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
