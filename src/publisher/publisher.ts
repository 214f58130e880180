/** The zones this node signs: makes their keys, signs their records, sees that the network holds them. */
import type { ResourceRecord } from '../dns/message.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'

export type PublisherReason =
  /** Not a zone of this node. */
  | 'unknown-zone'
  /** This machine's clock is too far behind a sequence already used. */
  | 'clock'

export class PublisherFault extends Error {
  override readonly name = 'PublisherFault'
  readonly reason: PublisherReason

  constructor(reason: PublisherReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

export interface Published {
  readonly zone: SignedZone
  /** Other nodes that acknowledged it; 0 means it is kept here and sent when a node appears. */
  readonly storedOn: number
}

export interface Publisher extends AsyncDisposable {
  /** Makes a key and signs its first, empty zone. Both are on disk when this returns. */
  create(): Promise<SignedZone>
  /**
   * Signs `records` (no SOA among them) as the zone's whole content, keeps and publishes it.
   * @throws PublisherFault, or ZoneFault `size` / `content` when they make no zone; then nothing has changed
   */
  replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published>
  list(): readonly SignedZone[]
  get(key: PublicKey): SignedZone | undefined
}
