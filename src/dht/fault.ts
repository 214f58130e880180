/** What can go wrong between this node and the DHT. */
export type DhtReason =
  /** A configured multiaddr that is none. */
  | 'address'
  /** An address that could not be listened on. */
  | 'listen'
  /** The data directory cannot be used, most often because another node uses it. */
  | 'storage'
  /** Octets that are no frame, or no record, of ours. */
  | 'frame'
  /** No connection to a peer. */
  | 'connect'
  /** A peer that does not speak our protocol. */
  | 'protocol'
  /** A peer that did not answer in time. */
  | 'timeout'
  /** A stream that ended before its answers came. */
  | 'stream'
  /** Too many requests in flight. */
  | 'busy'
  /** A record that is valid but is not kept. */
  | 'refused'

/** The one error of this room. The message is a sentence for people. */
export class DhtFault extends Error {
  override readonly name = 'DhtFault'
  readonly reason: DhtReason

  constructor(reason: DhtReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
