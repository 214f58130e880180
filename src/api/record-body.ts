/** The body of a PUT of records: shape and meaning checked together, so that every fault is in one list. */
import { DnsFault } from '../dns/fault.ts'
import { formatType, type ResourceRecord } from '../dns/message.ts'
import { formatName, type Name, sameName } from '../dns/name.ts'
import type { PublicKey } from '../zone/key.ts'
import {
  formatRecordText,
  parseDataType,
  parseOwner,
  parseRecords,
  type RecordFault,
  RecordsFault,
  type RecordText,
} from '../zone/records.ts'
import { contentOf, type SignedZone, wholeContentOf } from '../zone/signed-zone.ts'
import { DEFAULT_TTL, readZoneFile, type ZoneFileContent } from '../zone/zone-file.ts'
import { HttpFault } from './problem.ts'
import { ZoneText } from './zone-text.ts'

export interface Target {
  readonly key: PublicKey
  readonly suffix: Name
}

const FIELDS = ['name', 'type', 'ttl', 'value'] as const

/** A zone's whole content: JSON, or a zone file. @throws HttpFault 400 or 422, RecordsFault, DnsFault */
export function contentFromBody(body: unknown, { key, suffix }: Target): ZoneFileContent {
  if (body instanceof ZoneText) return readZoneFile(body.text, key, suffix)
  return { records: recordsFromBody(body, { key, suffix }), left: [] }
}

/** @throws HttpFault 400 or 422, RecordsFault */
export function recordsFromBody(body: unknown, { key, suffix }: Target): ResourceRecord[] {
  const entries = entriesOf(body)
  const faults = entries.flatMap(shapeFaults)
  const objects = entries.flatMap((entry, index) =>
    isObject(entry) ? [{ entry: textOf(entry), index }] : [],
  )
  const records = collect(objects, { key, suffix }, faults)
  if (faults.length > 0) throw new RecordsFault(faults.sort((a, b) => a.index - b.index))
  return records
}

/** Which set of the zone a path speaks of. */
export interface RecordSet {
  readonly name: Name
  readonly type: number
}

/** @throws HttpFault 422 */
export function recordSetFrom(
  { name, type }: { name: string; type: string },
  { key, suffix }: Target,
): RecordSet {
  try {
    return { name: parseOwner(name, key, suffix), type: parseDataType(type) }
  } catch (fault) {
    if (fault instanceof DnsFault) throw new HttpFault(422, fault.message)
    throw fault
  }
}

/** Whether a record is of that set. */
export function isOf({ name, type }: RecordSet, record: ResourceRecord): boolean {
  return record.type === type && sameName(record.name, name)
}

/**
 * A zone's records with one set in place of what there was of it; what this node does not understand of the others stays.
 * @param body records without name and type, which stand in the path
 * @throws HttpFault 400 or 422, RecordsFault, whose faults count the body's records first
 */
export function withRecordSet(
  zone: SignedZone,
  body: unknown,
  { set, ...target }: Target & { readonly set: RecordSet },
): ResourceRecord[] {
  const named = { name: formatName(set.name), type: formatType(set.type) }
  const entries = entriesOf(body).map((entry) => (isObject(entry) ? inSet(entry, named) : entry))
  const beside = contentOf(zone).filter((record) => !isOf(set, record))
  const texts = beside.map((record) => formatRecordText(record, target.key))
  const checked = recordsFromBody({ records: [...entries, ...texts] }, target)
  return [...withoutRecordSet(zone, set), ...checked.slice(0, entries.length)]
}

export function withoutRecordSet(zone: SignedZone, set: RecordSet): ResourceRecord[] {
  return wholeContentOf(zone).filter((record) => !isOf(set, record))
}

function inSet(
  entry: Record<string, unknown>,
  named: { name: string; type: string },
): Record<string, unknown> {
  const twice = ['name', 'type'].filter((member) => Object.hasOwn(entry, member))
  if (twice.length > 0)
    throw new HttpFault(422, `The path says the ${twice.join(' and ')}; leave it out of the body.`)
  return { ...named, ...entry }
}

/** The entry with fields that no record can have in place of those of a wrong type, so that the others are still judged. */
function textOf({ name, type, ttl = DEFAULT_TTL, value }: Record<string, unknown>): RecordText {
  const text = (field: unknown) => (typeof field === 'string' ? field : '')
  return {
    name: text(name),
    type: text(type),
    ttl: typeof ttl === 'number' ? ttl : Number.NaN,
    value: text(value),
  }
}

function entriesOf(body: unknown): readonly unknown[] {
  if (body instanceof ZoneText)
    throw new HttpFault(415, 'A zone file is a whole zone; the body here has to be JSON.')
  if (body === undefined) throw new HttpFault(400, 'The body is empty; it has to be JSON: {"records": […]}.')
  const { records, ...others } = isObject(body) ? body : {}
  const unknown = Object.keys(others).map((member) => `The body has no member "${member}".`)
  const missing = Array.isArray(records) ? [] : ['The body has to be {"records": […]}.']
  const faults = [...missing, ...unknown]
  if (faults.length > 0)
    throw new HttpFault(
      422,
      faults[0] ?? '',
      faults.map((message) => ({ message })),
    )
  return records as readonly unknown[]
}

function shapeFaults(entry: unknown, index: number): RecordFault[] {
  if (!isObject(entry))
    return [{ index, field: 'record', message: 'A record is an object with name, type, ttl and value.' }]
  const faults: RecordFault[] = []
  for (const field of FIELDS) {
    const sentence = fieldFault(field, entry[field])
    if (sentence) faults.push({ index, field, message: sentence })
  }
  for (const member of Object.keys(entry)) {
    if (!FIELDS.some((field) => field === member)) {
      faults.push({ index, field: 'record', message: `A record has no member "${member}".` })
    }
  }
  return faults
}

function fieldFault(field: (typeof FIELDS)[number], value: unknown): string | undefined {
  if (field === 'ttl') {
    return value === undefined || typeof value === 'number' ? undefined : 'A ttl is a number of seconds.'
  }
  return typeof value === 'string'
    ? undefined
    : `A ${field} is a string${value === undefined ? ', and it is missing' : ''}.`
}

/**
 * Judges the entries as a whole; their faults keep the index they had in the body.
 * What is already said of a field is not said again.
 */
function collect(
  objects: readonly { entry: RecordText; index: number }[],
  { key, suffix }: Target,
  faults: RecordFault[],
): ResourceRecord[] {
  try {
    return parseRecords(
      objects.map(({ entry }) => entry),
      key,
      suffix,
    )
  } catch (fault) {
    if (!(fault instanceof RecordsFault)) throw fault
    const said = new Set(faults.map(({ index, field }) => `${index} ${field}`))
    for (const found of fault.faults) {
      const index = objects[found.index]?.index ?? found.index
      if (found.field === 'record' || !said.has(`${index} ${found.field}`)) faults.push({ ...found, index })
    }
    return []
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
