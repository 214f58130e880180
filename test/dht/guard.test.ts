import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Libp2pRecord } from '@libp2p/record'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { DhtFault } from '../../src/dht/fault.ts'
import { GuardedDatastore, selectors, validators } from '../../src/dht/guard.ts'
import { encodeRecordKey, type Replica } from '../../src/dht/record-key.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

async function setUp() {
  const clock = new ManualClock()
  const inner = new MemoryDatastore()
  const config = {
    keep: [],
    maxZones: 10,
    maxNewZonesPerMinute: 5,
    maxRevocations: 10,
    maxFloors: 10,
    cachedZones: 10,
  }
  const self = new Uint8Array(32)
  const store = await openZoneStore({ datastore: inner, clock, logger: silentLogger, config, self })
  return {
    clock,
    inner,
    store,
    guard: new GuardedDatastore(inner, { store, clock }),
    owner: new TestOwner(() => clock.now()),
  }
}

/** Where kad-dht keeps a record: base32 of its key. */
function nameOf(key: PublicKey, replica: Replica = 0): Key {
  return new Key(`/kad/record/${base32(encodeRecordKey(key, replica))}`)
}

function base32(octets: Uint8Array): string {
  const bits = Array.from(octets, (octet) => octet.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g) ?? []
  return groups
    .map((group) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('')
}

function recordOf({ key, bytes }: Pick<SignedZone, 'key' | 'bytes'>, received = new Date()): Uint8Array {
  return new Libp2pRecord(encodeRecordKey(key, 0), bytes, received).serialize()
}

test('a record that kad-dht puts is the zone the store holds, and comes back as a record', async () => {
  const { guard, store, owner } = await setUp()
  const zone = owner.sign()
  await guard.put(nameOf(owner.key), recordOf(zone))
  assert.deepEqual((await store.get(owner.key))?.bytes, zone.bytes)
  assert.ok(await guard.has(nameOf(owner.key)))
  const record = Libp2pRecord.deserialize(await guard.get(nameOf(owner.key)))
  assert.deepEqual(Buffer.from(record.value), zone.bytes)
  assert.deepEqual(Buffer.from(record.key), encodeRecordKey(owner.key, 0))
})

test('an older record put over a newer one is refused', async () => {
  const { guard, store, owner } = await setUp()
  const older = owner.sign()
  const newer = owner.sign()
  await guard.put(nameOf(owner.key), recordOf(newer))
  await assert.rejects(guard.put(nameOf(owner.key), recordOf(older)), { name: 'DhtFault', reason: 'refused' })
  assert.deepEqual((await store.get(owner.key))?.bytes, newer.bytes)
})

test('new records over kad-dht are taken at the rate of one IP group, whoever sends them', async () => {
  const { guard, clock, owner } = await setUp()
  await guard.put(nameOf(owner.key), recordOf(owner.sign()))
  const strangers = Array.from({ length: 5 }, () => new TestOwner(() => clock.now()))
  const put = async (stranger: TestOwner) => await guard.put(nameOf(stranger.key), recordOf(stranger.sign()))
  const last = strangers.pop() as TestOwner
  for (const stranger of strangers) await put(stranger)
  await assert.rejects(put(last), { name: 'DhtFault', reason: 'refused' })
  await guard.put(nameOf(owner.key), recordOf(owner.sign('newer')))
  clock.advance(60_000)
  await put(last)
})

test('a record never looks old, and is not deleted', async () => {
  const { guard, owner, clock } = await setUp()
  await guard.put(nameOf(owner.key), recordOf(owner.sign(), new Date(0)))
  clock.advance(3 * 86_400_000)
  const record = Libp2pRecord.deserialize(await guard.get(nameOf(owner.key)))
  assert.equal(record.timeReceived.getTime(), clock.now())
  await guard.delete(nameOf(owner.key))
  assert.ok(await guard.has(nameOf(owner.key)))
})

test('a record that is none, too long, forged, or of another key is refused', async () => {
  const { guard, owner, clock } = await setUp()
  const zone = owner.sign()
  const stranger = new TestOwner(() => clock.now())
  const forged = {
    key: owner.key,
    bytes: Uint8Array.from(zone.bytes, (octet, at) => (at === 70 ? octet ^ 1 : octet)),
  }
  const put = (key: PublicKey, value: Uint8Array) => guard.put(nameOf(key), value)
  await assert.rejects(put(owner.key, recordOf({ key: owner.key, bytes: Buffer.alloc(5000) })), DhtFault)
  await assert.rejects(put(owner.key, Buffer.from('no protobuf')))
  await assert.rejects(put(owner.key, recordOf(forged)), { name: 'ZoneFault', reason: 'signature' })
  await assert.rejects(put(stranger.key, recordOf(zone)), DhtFault)
  await assert.rejects(put(stranger.key, recordOf({ key: stranger.key, bytes: zone.bytes })), ZoneFault)
  await assert.rejects(guard.put(new Key('/kad/record/aaaa'), recordOf(zone)), DhtFault)
})

test('a zone is one and the same whichever replica it came in by', async () => {
  const { guard, owner } = await setUp()
  const zone = owner.sign()
  await guard.put(
    nameOf(owner.key, 2),
    new Libp2pRecord(encodeRecordKey(owner.key, 2), zone.bytes, new Date()).serialize(),
  )
  for (const replica of [0, 1, 2] as const) {
    const record = Libp2pRecord.deserialize(await guard.get(nameOf(owner.key, replica)))
    assert.deepEqual(Buffer.from(record.key), encodeRecordKey(owner.key, replica))
  }
})

test('who provides what is not kept: kad-dht would take it without limit', async () => {
  const { guard, inner } = await setUp()
  const name = new Key('/kad/provider/cid/peer')
  await assert.rejects(guard.put(name, Buffer.from('x')), { reason: 'refused' })
  assert.equal(await inner.has(name), false)
})

test('what is not a record goes through untouched', async () => {
  const { guard, inner } = await setUp()
  const name = new Key('/peers/somebody')
  await guard.put(name, Buffer.from('x'))
  assert.deepEqual(await inner.get(name), Buffer.from('x'))
  assert.deepEqual(await guard.get(name), Buffer.from('x'))
  await guard.delete(name)
  assert.equal(await guard.has(name), false)
  await assert.rejects(async () => await guard.get(name), { name: 'NotFoundError' })
})

test('a zone nobody put is not found', async () => {
  const { guard, owner } = await setUp()
  await assert.rejects(guard.get(nameOf(owner.key)), { name: 'NotFoundError' })
})

test('kad-dht is told which records are valid and which is the newest', async () => {
  const { owner } = await setUp()
  const [a, b, c] = [owner.sign(), owner.sign(), owner.sign()]
  const name = encodeRecordKey(owner.key, 0)
  validators.zone(name, a.bytes)
  assert.throws(() => validators.zone(name, a.bytes.subarray(1)), ZoneFault)
  assert.throws(() => validators.zone(name.subarray(1), a.bytes), DhtFault)
  assert.equal(selectors.zone(name, [a.bytes, c.bytes, b.bytes]), 1)
})
