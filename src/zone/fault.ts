/** Why something is not, or cannot become, a signed zone. */
export type ZoneReason =
  /** No canonical ed25519 key, or not the key asked for. */
  | 'key'
  /** Shorter than its header, or longer than a signed zone may be. */
  | 'size'
  | 'signature'
  /** Signed octets that are no zone: no DNS message, no apex SOA, too many records. */
  | 'content'
  /** A sequence further ahead than any clock should be. */
  | 'future'
  | 'expired'
  /** A sequence below one already seen. */
  | 'older'
  /** A zone that its SOA keeps out of this network. */
  | 'scope'

/** The one error of this room. The message is a sentence for people. */
export class ZoneFault extends Error {
  override readonly name = 'ZoneFault'
  readonly reason: ZoneReason

  constructor(reason: ZoneReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
