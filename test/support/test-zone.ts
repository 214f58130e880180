/** Signed zones for tests of what carries them. */
import { RecordClass, RecordType, type ResourceRecord } from '../../src/dns/message.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { newSecretKey, publicKeyOf, signBytes } from '../../src/zone/signature.ts'
import {
  encodeZoneMessage,
  type SignedZone,
  signedPart,
  signZone,
  verifyZone,
} from '../../src/zone/signed-zone.ts'
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
    const records = [this.#record(text)]
    return signZone(this.secret, { sequence, soa: { ...DEFAULT_SOA, ...soa }, records })
  }

  /** As a pkarr client signs it: without an SOA. */
  signBare(text = '', { behind = 0 }: { behind?: number } = {}): SignedZone {
    const sequence = BigInt(Math.trunc(this.#now() - behind)) * 1000n + this.#signed++
    const message = encodeZoneMessage([this.#record(text)])
    const head = Buffer.alloc(8)
    head.writeBigUInt64BE(sequence)
    const signature = signBytes(signedPart(sequence, message), this.secret)
    return verifyZone(Buffer.concat([this.key.bytes, signature, head, message]))
  }

  #record(text: string): ResourceRecord {
    const octets = Buffer.from(text)
    const data = Buffer.concat([Buffer.of(octets.length), octets])
    return { name: this.key.apex, type: RecordType.TXT, class: RecordClass.IN, ttl: 300, data }
  }
}
