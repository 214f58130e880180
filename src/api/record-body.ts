/** The body of a PUT of records: shape and meaning checked together, so that every fault is in one list. */
import type { ResourceRecord } from '../dns/message.ts'
import type { Name } from '../dns/name.ts'
import type { PublicKey } from '../zone/key.ts'
import { parseRecords, type RecordFault, RecordsFault, type RecordText } from '../zone/records.ts'
import { DEFAULT_TTL } from '../zone/zone-file.ts'
import { HttpFault } from './problem.ts'

interface Target {
  readonly key: PublicKey
  readonly suffix: Name
}

const FIELDS = ['name', 'type', 'ttl', 'value'] as const

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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
