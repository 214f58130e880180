/** The body of a PATCH: some sets of records replaced, others deleted, the rest left, by one signing. */
import type { ResourceRecord } from '../dns/message.ts'
import { formatRecordText, parseRecords, type RecordFault, RecordsFault } from '../zone/records.ts'
import { contentOf, type SignedZone, wholeContentOf } from '../zone/signed-zone.ts'
import { HttpFault } from './problem.ts'
import { isObject, isOf, type RecordSet, recordSetFrom, recordsFromBody, type Target } from './record-body.ts'

export interface Patch {
  readonly records: readonly ResourceRecord[]
  readonly deleted: readonly RecordSet[]
  readonly target: Target
}

const MEMBERS = ['records', 'delete']

/** @throws HttpFault 400 or 422, RecordsFault */
export function patchFromBody(body: unknown, target: Target): Patch {
  if (!isObject(body)) throw new HttpFault(400, 'The body has to be JSON: {"records": […], "delete": […]}.')
  const unknown = Object.keys(body).filter((member) => !MEMBERS.includes(member))
  if (unknown.length > 0) throw new HttpFault(422, `The body has no member "${unknown[0]}".`)
  const { records = [], delete: deleted = [] } = body
  return { records: recordsFromBody({ records }, target), deleted: setsFrom(deleted, target), target }
}

function setsFrom(deleted: unknown, target: Target): RecordSet[] {
  if (!Array.isArray(deleted)) throw new HttpFault(422, 'The member "delete" has to be a list of sets.')
  const faults: RecordFault[] = []
  const sets = deleted.flatMap((entry: unknown, index) => {
    if (isSet(entry)) return [recordSetFrom(entry, target)]
    faults.push({ index, field: 'record', message: 'What is deleted is an object with name and type.' })
    return []
  })
  if (faults.length > 0) throw new RecordsFault(faults)
  return sets
}

function isSet(entry: unknown): entry is { name: string; type: string } {
  if (!isObject(entry)) return false
  const { name, type, ...others } = entry
  return typeof name === 'string' && typeof type === 'string' && Object.keys(others).length === 0
}

/** What this node does not understand of the other records stays. @throws RecordsFault, whose faults count the body's records first */
export function patched(zone: SignedZone, { records, deleted, target }: Patch): ResourceRecord[] {
  const isTouched = (record: ResourceRecord) =>
    deleted.some((set) => isOf(set, record)) || records.some((each) => isOf(each, record))
  const stays = wholeContentOf(zone).filter((record) => !isTouched(record))
  const beside = contentOf(zone).filter((record) => !isTouched(record))
  const texts = [...records, ...beside].map((record) => formatRecordText(record, target.key))
  parseRecords(texts, target.key, target.suffix)
  return [...stays, ...records]
}
