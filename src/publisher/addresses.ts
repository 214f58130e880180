/** Addresses of a name, put in place of those it had. */
import { RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { type Name, sameName } from '../dns/name.ts'
import type { PublicKey } from '../zone/key.ts'
import { type SignedZone, wholeContentOf } from '../zone/signed-zone.ts'
import type { Publisher } from './published.ts'

/** By type, A or AAAA, the octets of each; a type that is not named stays as it is. */
export type Addresses = ReadonlyMap<number, readonly Uint8Array[]>

export interface WantedAddresses {
  /** As the zone spells it. */
  readonly name: Name
  readonly addresses: Addresses
}

/** Seconds of a record that was not there before. */
const TTL = 60

export function addressesOf(octets: readonly Uint8Array[]): Addresses {
  return Map.groupBy(octets, ({ length }) => (length === 4 ? RecordType.A : RecordType.AAAA))
}

/** @returns whether anything had to be signed @throws what Publisher.change throws */
export async function writeAddresses(
  publisher: Pick<Publisher, 'get' | 'change'>,
  key: PublicKey,
  wanted: WantedAddresses,
): Promise<boolean> {
  const zone = publisher.get(key)
  if (zone && isAsWanted(zone, wanted)) return false
  await publisher.change(key, (newest) => changed(newest, wanted))
  return true
}

function isAsWanted(zone: SignedZone, { name, addresses }: WantedAddresses): boolean {
  return [...addresses].every(([type, octets]) => {
    const has = zone.records.filter((record) => record.type === type && sameName(record.name, name))
    const texts = (list: readonly Uint8Array[]) =>
      list
        .map((each) => Buffer.from(each).toString('hex'))
        .sort()
        .join()
    return texts(has.map(({ data }) => data)) === texts(octets)
  })
}

function changed(newest: SignedZone, { name, addresses }: WantedAddresses): ResourceRecord[] {
  const content = wholeContentOf(newest)
  const isReplaced = (record: ResourceRecord) => addresses.has(record.type) && sameName(record.name, name)
  const made = [...addresses].flatMap(([type, octets]) => {
    const ttl = content.find((record) => record.type === type && sameName(record.name, name))?.ttl ?? TTL
    return octets.map((data): ResourceRecord => ({ name, type, class: RecordClass.IN, ttl, data }))
  })
  return [...content.filter((record) => !isReplaced(record)), ...made]
}
