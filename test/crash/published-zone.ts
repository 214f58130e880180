/** A zone that is published again and again, each time with the next number as its TXT record, and what was said of it. */
import { type PublicKey, publicKeyFromLabel } from '../../src/zone/key.ts'
import type { RunningNode } from '../cli/running-node.ts'

interface Acknowledged {
  readonly sequence: bigint
  readonly number: number
}

export class PublishedZone {
  readonly key: PublicKey
  /** What people type. */
  readonly name: string
  /** The newest that is acknowledged. */
  acknowledged: Acknowledged = { sequence: 0n, number: 0 }
  /** The highest sequence that anybody told, or that was found on disk. */
  seen = 0n
  /** The highest floor found on disk. */
  floor = 0n
  /** The number sent last, acknowledged or not. */
  sent = 0

  constructor(key: PublicKey, name: string) {
    this.key = key
    this.name = name
  }

  static async make(at: RunningNode): Promise<PublishedZone> {
    const { key, name } = await at.send<{ key: string; name: string }>('POST', '/v1/zones')
    return new PublishedZone(publicKeyFromLabel(key)!, name)
  }

  /** @returns the sequence, and how many other nodes have it */
  async publish(at: RunningNode): Promise<Acknowledged & { storedOn: number }> {
    const number = ++this.sent
    const records = [{ name: '@', type: 'TXT', ttl: 1, value: `"${number}"` }]
    const path = `/v1/zones/${this.key.label}/records`
    const { sequence, storedOn } = await at.send<{ sequence: string; storedOn: number }>('PUT', path, {
      records,
    })
    return { sequence: BigInt(sequence), number, storedOn }
  }

  acknowledge({ sequence, number }: Acknowledged): void {
    this.acknowledged = { sequence, number }
    this.see(sequence)
  }

  see(sequence: bigint): void {
    if (sequence > this.seen) this.seen = sequence
  }
}
