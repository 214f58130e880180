/** What an UPDATE makes of a zone's records (RFC 2136 3.2, 3.4): conditions first, then each change in its order. */
import { RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { type Name, sameName } from '../dns/name.ts'
import { decodeRdataInMessage, encodeRdata, fieldsOf, mapNamesInRdata } from '../dns/rdata.ts'
import type { TsigKey } from '../dns/tsig.ts'
import { NameReader, type RecordBorders } from '../dns/walker.ts'
import type { Petnames } from '../names/petname.ts'
import { whoseName } from '../names/whose.ts'
import type { PublicKey } from '../zone/key.ts'
import { formatRecordText, parseRecords, withoutSuffix } from '../zone/records.ts'
import { contentOf, type SignedZone, wholeContentOf } from '../zone/signed-zone.ts'

/** RFC 2136 2.2, RFC 8945 3. */
export const Code = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  refused: 5,
  yxDomain: 6,
  yxRrset: 7,
  nxRrset: 8,
  notAuth: 9,
  notZone: 10,
} as const
const NONE = 254
const ANY = 255

/** A key of TSIG, and what may be written with it. */
export interface UpdateKey extends TsigKey {
  /** @param types of what is changed; undefined for all of a name's */
  mayWrite(zone: PublicKey, name: Name, types: readonly number[] | undefined): boolean
}

/** Why an update is not done: the rcode that says so. */
export class UpdateFault extends Error {
  readonly code: number

  constructor(code: number) {
    super(`rcode ${code}`)
    this.code = code
  }
}
/** Everything is as it is wanted already. */
export class NothingToDo extends Error {}

/** The two sections of an UPDATE that speak of records. */
export interface UpdateSections {
  readonly prerequisites: readonly RecordBorders[]
  readonly updates: readonly RecordBorders[]
}

interface UpdateNeeds {
  readonly zone: PublicKey
  readonly key: UpdateKey
  readonly packet: Buffer
  readonly suffix: Name
  readonly petnames: Petnames
}

/** A record as the message has it, its name as the zone spells it. */
interface Named extends RecordBorders {
  readonly inZone: Name
}

export class Update {
  readonly #parsed: UpdateSections
  readonly #needs: UpdateNeeds

  constructor(parsed: UpdateSections, needs: UpdateNeeds) {
    this.#parsed = parsed
    this.#needs = needs
  }

  /** @throws UpdateFault, NothingToDo, RecordsFault */
  applyTo(newest: SignedZone): ResourceRecord[] {
    const { zone, suffix } = this.#needs
    this.#checkPrerequisites(contentOf(newest))
    const updates = this.#parsed.updates.map((record) => this.#named(record))
    for (const record of updates) this.#refuseUnlessAllowed(record)
    const before = wholeContentOf(newest)
    const after = updates.reduce((records, record) => this.#applied(records, record), before)
    if (sameRecords(before, after)) throw new NothingToDo()
    const texts = after.map((record) => formatRecordText(record, zone))
    parseRecords(texts, zone, suffix)
    return [...after]
  }

  #named(record: RecordBorders): Named {
    const { zone, suffix, petnames } = this.#needs
    const whose = whoseName(record.name, suffix, petnames)
    if (whose.kind !== 'zone' || whose.key.label !== zone.label) throw new UpdateFault(Code.notZone)
    return { ...record, inZone: whose.inZone }
  }

  #refuseUnlessAllowed({ inZone, type }: Named): void {
    const { zone, key } = this.#needs
    if (!key.mayWrite(zone, inZone, type === ANY ? undefined : [type])) throw new UpdateFault(Code.refused)
  }

  /** RFC 2136 3.2 */
  #checkPrerequisites(content: readonly ResourceRecord[]): void {
    const named = this.#parsed.prerequisites.map((each) => this.#named(each))
    for (const record of named) this.#checkPresence(record, content)
    const wanted = named.filter((each) => each.class === RecordClass.IN).map((each) => this.#record(each))
    for (const { name, type } of wanted) {
      const isOf = (each: ResourceRecord) => each.type === type && sameName(each.name, name)
      if (!sameData(content.filter(isOf), wanted.filter(isOf))) throw new UpdateFault(Code.nxRrset)
    }
  }

  /** That a name or a set is there, or is not. */
  #checkPresence(record: Named, content: readonly ResourceRecord[]): void {
    const isOfAnyType = record.type === ANY
    const found = content.some(
      ({ name, type }) => sameName(name, record.inZone) && (isOfAnyType || type === record.type),
    )
    const isThere = found || (isOfAnyType && this.#isApex(record))
    if (record.class === ANY && !isThere) throw new UpdateFault(isOfAnyType ? Code.nxDomain : Code.nxRrset)
    if (record.class === NONE && isThere) throw new UpdateFault(isOfAnyType ? Code.yxDomain : Code.yxRrset)
  }

  #isApex({ inZone }: Named): boolean {
    return sameName(inZone, this.#needs.zone.apex)
  }

  /** RFC 2136 3.4.2 */
  #applied(records: readonly ResourceRecord[], update: Named): readonly ResourceRecord[] {
    const { inZone, type } = update
    if (type === RecordType.SOA) return records // the node makes it
    const isOfName = ({ name }: ResourceRecord) => sameName(name, inZone)
    const isOf = (record: ResourceRecord) => isOfName(record) && record.type === type
    switch (update.class) {
      case RecordClass.IN:
        return added(records, this.#record(update))
      case ANY:
        return records.filter((record) => (type === ANY ? !isOfName(record) : !isOf(record)))
      case NONE: {
        const gone = Buffer.from(this.#record(update).data)
        return records.filter((record) => !isOf(record) || !gone.equals(record.data))
      }
      default:
        throw new UpdateFault(Code.formErr)
    }
  }

  #record({ inZone, type, ttl, dataAt, dataLength }: Named): ResourceRecord {
    const { packet } = this.#needs
    const end = dataAt + dataLength
    const names = new NameReader(packet, true)
    const isKnown = fieldsOf(type) !== undefined
    const data = isKnown
      ? encodeRdata(type, decodeRdataInMessage(type, packet, { at: dataAt, end, names }))
      : Buffer.from(packet.subarray(dataAt, end))
    const asInZone = mapNamesInRdata(type, data, (name) => withoutSuffix(name, this.#needs.suffix))
    return { name: inZone, type, class: RecordClass.IN, ttl, data: asInZone }
  }
}

/** A set has one TTL: the one that was sent last (RFC 2181 5.2). An alias stands alone: what does not fit is left out (3.4.2.2). */
function added(records: readonly ResourceRecord[], record: ResourceRecord): readonly ResourceRecord[] {
  const { name, type, ttl } = record
  const ofName = records.filter((each) => sameName(each.name, name))
  const isAlias = type === RecordType.CNAME
  if (ofName.some((each) => (each.type === RecordType.CNAME) !== isAlias)) return records
  const replaces = (each: ResourceRecord) =>
    sameName(each.name, name) && each.type === type && (isAlias || Buffer.from(each.data).equals(record.data))
  const rest = records.filter((each) => !replaces(each))
  return [
    ...rest.map((each) => (sameName(each.name, name) && each.type === type ? { ...each, ttl } : each)),
    record,
  ]
}

function sameData(some: readonly ResourceRecord[], others: readonly ResourceRecord[]): boolean {
  const texts = (records: readonly ResourceRecord[]) =>
    records
      .map(({ data }) => Buffer.from(data).toString('hex'))
      .sort()
      .join()
  return texts(some) === texts(others)
}

function sameRecords(some: readonly ResourceRecord[], others: readonly ResourceRecord[]): boolean {
  const text = ({ name, type, ttl, data }: ResourceRecord) =>
    `${name.toLowerCase()} ${type} ${ttl} ${Buffer.from(data).toString('hex')}`
  const texts = (records: readonly ResourceRecord[]) => records.map(text).sort().join('\n')
  return texts(some) === texts(others)
}
