/** Faults of this room. */
import { ZoneFault } from '../zone/fault.ts'

/** Why this node will not sign, or cannot start to. */
export type PublisherReason =
  /** Not a zone of this node. */
  | 'unknown-zone'
  /** This machine's clock is too far behind a sequence already used. */
  | 'clock'
  /** The key was revoked: nothing it signs counts any more. */
  | 'revoked'
  /** The system let nothing be written: a full disk, say. Nothing has changed. */
  | 'storage'
  /** A key or zone file that cannot be what was written. */
  | 'damaged'

/** The one error of this room. The message is a sentence for people. */
export class PublisherFault extends Error {
  override readonly name = 'PublisherFault'
  readonly reason: PublisherReason

  constructor(reason: PublisherReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** A newer zone of the key is known, or was once seen. */
export function isOutdone(cause: unknown): boolean {
  return cause instanceof ZoneFault && cause.reason === 'older'
}
