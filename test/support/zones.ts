import { formatType, type ResourceRecord } from '../../src/dns/message.ts'
import { formatName } from '../../src/dns/name.ts'
import { formatRdata } from '../../src/dns/rdata-text.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA, type ZoneSoa } from '../../src/zone/soa.ts'
import { recordsFrom } from './records.ts'

/** 2026-11-23, in microseconds: when the zones of tests are signed, and what ManualClock shows. */
export const SIGNED_AT = BigInt(Date.UTC(2026, 10, 23)) * 1000n

/** A secret key for tests, a different one for each number. */
export function secretOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number)
}

export const ALICE = secretOf(1)
export const BOB = secretOf(2)

/**
 * A signed zone of lines of `name ttl class type value`, names relative to its apex (`@`).
 * Without options it is Alice's, signed when ManualClock begins, with the SOA of a fresh configuration.
 */
export function zoneOf(
  text: string,
  { secret = ALICE, sequence = SIGNED_AT, soa = {} as Partial<ZoneSoa> } = {},
): SignedZone {
  const records = recordsFrom(text, publicKeyOf(secret).apex)
  return signZone(secret, { sequence, soa: { ...DEFAULT_SOA, ...soa }, records })
}

/** Records as lines again, to compare and to read: `name ttl type value`. */
export function linesOf(records: readonly ResourceRecord[]): string[] {
  return records.map(
    ({ name, ttl, type, data }) =>
      `${formatName(name)} ${ttl} ${formatType(type)} ${formatRdata(type, data)}`,
  )
}
