/** What a killed node left on its disk, read in this process from a copy: neither the node nor a peer mends it first. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import { systemClock } from '../../src/clock.ts'
import { openZoneStore, type ZoneStore } from '../../src/dht/zone-store.ts'
import { OwnZones } from '../../src/publisher/own-zones.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { silentLogger, TEST_DHT_CONFIG, temporaryDirectory } from '../support/dht.ts'

/** Of one key. */
export interface Left {
  /** Of the zone in the store; 0n: there is none. */
  readonly held: bigint
  readonly floor: bigint
}

export interface LeftBehind {
  readonly own: Left
  readonly foreign: Left
  /** Of the zone's file beside its key; 0n: there is none, or no key. */
  readonly file: bigint
  /** Milliseconds until the database and the zone store were open. */
  readonly opening: number
}

/** No zone store here is near Kademlia's other nodes: where it stands matters to what it takes, and it takes nothing. */
const NOWHERE = new Uint8Array(32)

/** @param data the data directory of a node that does not run */
export async function readLeftBehind(
  data: string,
  { own, foreign }: { readonly own: PublicKey; readonly foreign: PublicKey },
): Promise<LeftBehind> {
  await using copy = await temporaryDirectory()
  await cp(data, copy.path, { recursive: true })
  await using opened = new AsyncDisposableStack()
  const began = performance.now()
  const datastore = new LevelDatastore(join(copy.path, 'dht'))
  await datastore.db.open({ compression: false })
  opened.defer(async () => await datastore.close())
  const needs = { datastore, clock: systemClock, logger: silentLogger, config: TEST_DHT_CONFIG }
  const store = opened.use(await openZoneStore({ ...needs, self: NOWHERE }))
  const opening = performance.now() - began
  return {
    own: await leftOf(store, own),
    foreign: await leftOf(store, foreign),
    file: await fileOf(join(copy.path, 'zones'), own),
    opening,
  }
}

async function leftOf(store: ZoneStore, key: PublicKey): Promise<Left> {
  return { held: (await store.get(key))?.sequence ?? 0n, floor: await store.floorOf(key) }
}

async function fileOf(path: string, key: PublicKey): Promise<bigint> {
  const files = new OwnZones(path)
  const hasKey = (await files.readKeys()).some((own) => own.key.label === key.label)
  return hasKey ? ((await files.readZone(key))?.sequence ?? 0n) : 0n
}
