/** What stands in front of kad-dht's datastore: zone records go to and come from the zone store, by its rules. */
import { NotFoundError } from '@libp2p/interface'
import { Libp2pRecord } from '@libp2p/record'
import { BaseDatastore } from 'datastore-core'
import type { Batch, Datastore, Key, KeyQuery, Pair, Query } from 'interface-datastore'
import type { Clock } from '../clock.ts'
import { ZoneFault } from '../zone/fault.ts'
import { compareZones, MAX_ZONE_OCTETS, verifyZone } from '../zone/signed-zone.ts'
import { decodeBase32 } from './base32.ts'
import { DhtFault } from './fault.ts'
import { decodeRecordKey, encodeRecordKey, type RecordKey } from './record-key.ts'
import type { SharedStore } from './scope.ts'

export const KAD_PREFIX = '/kad'
const RECORDS = `${KAD_PREFIX}/record/`
const PROVIDERS = `${KAD_PREFIX}/provider/`
/** Protobuf adds to the zone its key, a time and a few octets of structure. */
const MAX_RECORD_OCTETS = MAX_ZONE_OCTETS + 300
/** kad-dht does not say whose request it is: all who come this way are one group. */
const FROM_KAD = 'kad'

export interface GuardNeeds {
  readonly store: SharedStore
  readonly clock: Clock
}

/**
 * kad-dht writes whatever its validator lets pass, even an older record over a newer one, and deletes what it got over
 * 48 hours ago. Here a put that the store refuses throws, which resets the sender's stream, and a delete does nothing.
 */
export class GuardedDatastore extends BaseDatastore {
  readonly #inner: Datastore
  readonly #store: SharedStore
  readonly #clock: Clock

  constructor(inner: Datastore, { store, clock }: GuardNeeds) {
    super()
    this.#inner = inner
    this.#store = store
    this.#clock = clock
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    if (isProvider(key)) throw new DhtFault('refused', 'Only zones are kept.')
    if (!isRecord(key)) return await this.#inner.put(key, value)
    const record = recordKeyOf(key)
    if (!record) throw new DhtFault('frame', 'Only zones are kept.')
    await this.#putRecord(record, value)
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    if (!isRecord(key)) return await this.#inner.get(key)
    const record = await this.#record(key)
    if (!record) throw new NotFoundError(`There is no record ${key}.`)
    return record.serialize()
  }

  override async has(key: Key): Promise<boolean> {
    if (!isRecord(key)) return await this.#inner.has(key)
    return (await this.#record(key)) !== undefined
  }

  override async delete(key: Key): Promise<void> {
    if (!isRecord(key)) await this.#inner.delete(key)
  }

  /** kad-dht writes records one by one; batches are the peer store's. */
  override batch(): Batch {
    return this.#inner.batch()
  }

  override async *query(query: Query): AsyncGenerator<Pair> {
    yield* this.#inner.query(query)
  }

  override async *queryKeys(query: KeyQuery): AsyncGenerator<Key> {
    yield* this.#inner.queryKeys(query)
  }

  /** kad-dht takes a record for expired by the time it was received: here that is always now. */
  async #record(name: Key): Promise<Libp2pRecord | undefined> {
    const { key, replica } = recordKeyOf(name) ?? {}
    const zone = key && (await this.#store.get(key))
    if (!zone || replica === undefined) return undefined
    return new Libp2pRecord(encodeRecordKey(zone.key, replica), zone.bytes, new Date(this.#clock.now()))
  }

  async #putRecord({ key, replica }: RecordKey, value: Uint8Array): Promise<void> {
    if (value.length > MAX_RECORD_OCTETS) throw new DhtFault('frame', `A record has ${value.length} octets.`)
    const record = Libp2pRecord.deserialize(value)
    if (!Buffer.from(encodeRecordKey(key, replica)).equals(record.key)) {
      throw new DhtFault('frame', 'A record says another key than it is stored under.')
    }
    const zone = verifyZone(record.value, key)
    const { kind } = await this.#store.put(zone, { own: false, from: FROM_KAD })
    if (kind === 'older' || kind === 'full' || kind === 'busy')
      throw new DhtFault('refused', `Zone ${key.label} is not kept: ${kind}.`)
  }
}

/** Who provides what: content of others that nobody here asks for, and that kad-dht would keep without limit. */
function isProvider(key: Key): boolean {
  return key.toString().startsWith(PROVIDERS)
}

function isRecord(key: Key): boolean {
  return key.toString().startsWith(RECORDS)
}

/** Undefined for a record of another kind than ours, which nobody here holds. */
function recordKeyOf(key: Key): RecordKey | undefined {
  try {
    return decodeRecordKey(decodeBase32(key.toString().slice(RECORDS.length)))
  } catch (cause) {
    if (cause instanceof DhtFault || cause instanceof ZoneFault) return undefined
    throw cause
  }
}

/** For kad-dht, by the namespace in the record key. */
export const validators = {
  zone(name: Uint8Array, value: Uint8Array): void {
    verifyZone(value, decodeRecordKey(name).key)
  },
}

export const selectors = {
  zone(name: Uint8Array, values: Uint8Array[]): number {
    const { key } = decodeRecordKey(name)
    const zones = values.map((value) => verifyZone(value, key))
    return zones.reduce((best, zone, at) => (compareZones(zone, zones[best]!) > 0 ? at : best), 0)
  },
}
