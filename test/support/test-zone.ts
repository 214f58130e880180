/** Signed zones for tests of what carries them. */
import { RecordClass, RecordType } from '../../src/dns/message.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { newSecretKey, publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA, type ZoneSoa } from '../../src/zone/soa.ts'

/** A key whose zones are signed for the moment `now` says, each call one microsecond after the one before. */
export class TestOwner {
  readonly secret: Uint8Array
  readonly key: PublicKey
  readonly #now: () => number
  #signed = 0n

  /** @param secret 32 octets, where a test has to have the same key every time */
  constructor(now: () => number = Date.now, secret = newSecretKey()) {
    this.secret = secret
    this.key = publicKeyOf(secret)
    this.#now = now
  }

  /** @param text content of a TXT record at the apex, to tell zones apart; `behind`: milliseconds before now */
  sign(text = '', { behind = 0, soa = {} }: { behind?: number; soa?: Partial<ZoneSoa> } = {}): SignedZone {
    const sequence = BigInt(Math.trunc(this.#now() - behind)) * 1000n + this.#signed++
    return this.signAt(sequence, text, soa)
  }

  signAt(sequence: bigint, text = '', soa: Partial<ZoneSoa> = {}): SignedZone {
    const octets = Buffer.from(text)
    const data = Buffer.concat([Buffer.of(octets.length), octets])
    const record = { name: this.key.apex, type: RecordType.TXT, class: RecordClass.IN, ttl: 300, data }
    return signZone(this.secret, { sequence, soa: { ...DEFAULT_SOA, ...soa }, records: [record] })
  }
}
