/** Records too large for one zone: how large each set of them is, so that somebody can choose which to leave out. */
import { formatType, RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { fold } from '../dns/name.ts'
import type { PublicKey } from '../zone/key.ts'
import { formatRecordText } from '../zone/records.ts'
import { encodeZoneMessage, MAX_MESSAGE_OCTETS } from '../zone/signed-zone.ts'
import { DEFAULT_SOA, encodeZoneSoa } from '../zone/soa.ts'
import { type BodyFault, HttpFault } from './problem.ts'

/** @param records in the order of the body */
export function sizeFault(records: readonly ResourceRecord[], key: PublicKey): HttpFault {
  const data = encodeZoneSoa(DEFAULT_SOA, 0n) // as long as the one it stands for
  const soa = { name: key.apex, type: RecordType.SOA, class: RecordClass.IN, ttl: 0, data }
  const message: ResourceRecord[] = [soa]
  const empty = encodeZoneMessage(message).length
  let octets = empty
  const faults: BodyFault[] = []
  for (const set of setsOf(records)) {
    message.push(...set.map(({ record }) => record))
    const grown = encodeZoneMessage(message).length
    faults.push(setFault(set, { key, octets: grown - octets }))
    octets = grown
  }
  return new HttpFault(
    422,
    `The records take ${octets - empty} octets, and ${MAX_MESSAGE_OCTETS - empty} fit into a zone.`,
    faults,
  )
}

/** Of one name and type, each with its place in the body. */
type RecordSet = readonly { readonly record: ResourceRecord; readonly index: number }[]

function setsOf(records: readonly ResourceRecord[]): RecordSet[] {
  const numbered = records.map((record, index) => ({ record, index }))
  return [...Map.groupBy(numbered, ({ record }) => `${record.type} ${fold(record.name)}`).values()]
}

function setFault(set: RecordSet, { key, octets }: { key: PublicKey; octets: number }): BodyFault {
  const [{ record, index }] = set as [RecordSet[number]]
  const what = `${formatRecordText(record, key).name} ${formatType(record.type)}`
  const count = set.length === 1 ? '1 record' : `${set.length} records`
  return { index, field: 'record', message: `The set ${what} takes ${octets} octets in ${count}.` }
}
