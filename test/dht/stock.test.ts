import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { encodeRecordKey, kademliaId } from '../../src/dht/record-key.ts'
import type { ZoneStoreNeeds } from '../../src/dht/zone-put.ts'
import { openZoneStore, type ZoneStore } from '../../src/dht/zone-store.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A store at zero in Kademlia's space; eight zones are its stock unless said otherwise, one of them a group's share. */
async function setUp(config: Partial<ZoneStoreNeeds['config']> = {}) {
  const clock = new ManualClock()
  const datastore = new MemoryDatastore()
  const limits = {
    keep: [],
    maxZones: 8,
    maxNewZonesPerMinute: 100,
    maxRevocations: 10,
    maxFloors: 100,
    cachedZones: 100,
  }
  const needs = {
    datastore,
    clock,
    logger: silentLogger,
    config: { ...limits, ...config },
    self: new Uint8Array(32),
  }
  return { clock, datastore, store: await openZoneStore(needs), reopen: () => openZoneStore(needs) }
}

/** `count` owners, the one whose zone is closest to the store first. */
function closestFirst(clock: ManualClock, count: number): TestOwner[] {
  const owners = Array.from({ length: count }, () => new TestOwner(() => clock.now()))
  const placeOf = ({ key }: TestOwner) => {
    const places = ([0, 1, 2] as const).map((replica) =>
      Buffer.from(kademliaId(encodeRecordKey(key, replica))),
    )
    return places.sort(Buffer.compare)[0] as Buffer
  }
  return owners.sort((a, b) => Buffer.compare(placeOf(a), placeOf(b)))
}

async function put(store: ZoneStore, owner: TestOwner, from?: string): Promise<string> {
  return (await store.put(owner.sign(), { own: false, from })).kind
}

/** Which of them are on disk, by their place in the list. Nobody asks for them by it. */
async function held(datastore: MemoryDatastore, owners: readonly TestOwner[]): Promise<number[]> {
  const all = await Promise.all(owners.map(({ key }) => datastore.has(new Key(`/zones/${key.label}`))))
  return all.flatMap((has, at) => (has ? [at] : []))
}

test('a group fills an empty stock, and its surplus goes first when others come', async () => {
  const { clock, datastore, store } = await setUp()
  const owners = closestFirst(clock, 16)
  const [greedy, others] = [owners.slice(0, 8), owners.slice(8)]
  for (const owner of greedy) assert.equal(await put(store, owner, '8.8'), 'new')
  for (const [at, owner] of others.slice(0, 7).entries())
    assert.equal(await put(store, owner, `9.${at}`), 'new')
  assert.deepEqual(await held(datastore, greedy), [0], 'the closest of them, an eighth')
  assert.deepEqual(await held(datastore, others), [0, 1, 2, 3, 4, 5, 6])
})

test('a group over its share displaces only itself, however close its newcomers are', async () => {
  const { clock, datastore, store } = await setUp()
  const owners = closestFirst(clock, 20)
  const [greedy, others] = [owners.slice(0, 13), owners.slice(13)]
  for (const [at, owner] of others.entries()) await put(store, owner, `9.${at}`)
  assert.equal(await put(store, greedy[5]!, '8.8'), 'new', 'the eighth place was free')
  for (const owner of greedy.slice(6)) assert.equal(await put(store, owner, '8.8'), 'full')
  for (const owner of greedy.slice(0, 5).reverse()) assert.equal(await put(store, owner, '8.8'), 'new')
  assert.deepEqual(await held(datastore, others), [0, 1, 2, 3, 4, 5, 6])
  assert.deepEqual(await held(datastore, greedy), [0])
})

test('where no group has a surplus, what nobody asked for within a day goes first, then the farthest', async () => {
  const { clock, datastore, store } = await setUp()
  const owners = closestFirst(clock, 11)
  const newcomers = owners.splice(0, 3)
  for (const [at, owner] of owners.entries()) await put(store, owner, `9.${at}`)
  for (const at of [1, 3, 4, 5, 6, 7]) await store.get(owners[at]!.key)
  await put(store, newcomers[2]!, '10.0')
  assert.deepEqual(await held(datastore, owners), [0, 1, 3, 4, 5, 6, 7], 'the farther of two')
  await store.get(newcomers[2]!.key)
  await store.get(owners[0]!.key)
  await put(store, newcomers[1]!, '10.1')
  assert.deepEqual(await held(datastore, [...newcomers]), [2], 'everything was asked for but the newcomer')
  clock.advance(DAY + 1)
  await put(store, newcomers[0]!, '10.2')
  assert.deepEqual(await held(datastore, owners), [0, 1, 3, 4, 5, 6], 'now the farthest')
})

test('a newcomer that is the farthest itself finds the stock full; one this node asked for finds a place', async () => {
  const { clock, datastore, store } = await setUp()
  const owners = closestFirst(clock, 9)
  const farthest = owners.pop() as TestOwner
  for (const [at, owner] of owners.entries()) await put(store, owner, `9.${at}`)
  assert.equal(await put(store, farthest, '10.0'), 'full')
  assert.equal(await put(store, farthest), 'new')
  assert.deepEqual(await held(datastore, owners), [0, 1, 2, 3, 4, 5, 6])
})

test('own zones never go, and the floors of those that went hold', async () => {
  const { clock, store } = await setUp({ maxZones: 1 })
  const [closest, middle, mine] = closestFirst(clock, 3) as [TestOwner, TestOwner, TestOwner]
  await store.put(mine.sign(), { own: true })
  const older = middle.sign()
  await put(store, middle, '9.9')
  assert.equal(await put(store, closest, '9.8'), 'new')
  assert.equal(await store.get(middle.key), undefined)
  assert.equal((await store.put(older, { own: false })).kind, 'older')
  assert.ok(await store.get(mine.key))
})

test('who brought a zone first is remembered over a restart', async () => {
  const { clock, datastore, store, reopen } = await setUp()
  const owners = closestFirst(clock, 9)
  for (const owner of owners.slice(0, 6)) await put(store, owner, '8.8')
  for (const at of [6, 7]) await put(store, owners[at]!, `9.${at}`)
  await store.put(owners[6]!.sign(), { own: false, from: '8.8' })
  const again = await reopen()
  assert.equal(await put(again, owners[8]!, '9.8'), 'new')
  assert.deepEqual(await held(datastore, owners), [0, 1, 2, 3, 4, 6, 7, 8])
})

test('a zone stored without its group, as once, is read and counts for none', async () => {
  const { clock, datastore, store, reopen } = await setUp()
  const [owner, mine] = [new TestOwner(() => clock.now()), new TestOwner(() => clock.now())]
  for (const [own, zone] of [
    [0, owner.sign()],
    [1, mine.sign()],
  ] as const) {
    const mark = Buffer.alloc(9)
    mark[0] = own
    mark.writeBigUInt64BE(BigInt(zone.expires), 1)
    await datastore.put(new Key(`/zones/${zone.key.label}`), Buffer.concat([mark, zone.bytes]))
  }
  await store[Symbol.asyncDispose]()
  const again = await reopen()
  assert.ok(await again.get(owner.key))
  assert.ok(await again.get(mine.key))
  assert.equal(await put(again, mine), 'new')
})

test('new zones of one group have a rate; newer ones, revocations of known keys and other groups are free', async () => {
  const { clock, store } = await setUp({ maxZones: 100, maxNewZonesPerMinute: 3 })
  const owners = closestFirst(clock, 5)
  const outcomes: string[] = []
  for (const owner of owners) outcomes.push(await put(store, owner, '8.8'))
  assert.deepEqual(outcomes, ['new', 'new', 'new', 'busy', 'busy'])
  const [known, , , fourth, fifth] = owners as [TestOwner, TestOwner, TestOwner, TestOwner, TestOwner]
  assert.equal(await put(store, known, '8.8'), 'new')
  assert.equal((await store.put(signRevocation(known.secret), { own: false, from: '8.8' })).kind, 'new')
  assert.equal((await store.put(signRevocation(fifth.secret), { own: false, from: '8.8' })).kind, 'busy')
  assert.equal(await put(store, fourth, '9.9'), 'new')
  clock.advance(20_000)
  assert.equal(await put(store, fifth, '8.8'), 'new')
})

test('floors of displaced zones stay within their limit between two sweeps too', async () => {
  const { clock, datastore, store } = await setUp({ maxZones: 1, maxFloors: 4 })
  const owners = closestFirst(clock, 12).reverse()
  for (const [at, owner] of owners.entries()) assert.equal(await put(store, owner, `9.${at}`), 'new')
  let floors = 0
  for await (const _ of datastore.queryKeys({ prefix: '/floors/' })) floors++
  assert.equal(floors, 1 + 4, 'of the zone that is held, and of the first four that went')
})

test('floors of zones there was no room for are swept before the hour when they are too many', async () => {
  const { clock, datastore, store } = await setUp({ maxFloors: 8 })
  const owners = closestFirst(clock, 40)
  const count = async () => {
    let floors = 0
    for await (const _ of datastore.queryKeys({ prefix: '/floors/' })) floors++
    return floors
  }
  for (const owner of owners) {
    await store.raiseFloor(owner.sign())
    await until(async () => (await count()) <= 9)
  }
  assert.ok((await count()) >= 8)
})

test('a put of what is held is recognised without asking for the zone', async () => {
  const { clock, datastore, store } = await setUp({ maxZones: 1 })
  const [closest, owner] = closestFirst(clock, 2) as [TestOwner, TestOwner]
  const zone = owner.sign()
  await store.put(zone, { own: false, from: '9.9' })
  assert.ok(await store.holding(zone.bytes))
  assert.equal(await store.holding(owner.sign('other').bytes), undefined)
  assert.equal(await store.holding(closest.sign().bytes), undefined)
  await put(store, closest, '9.8')
  assert.deepEqual(await held(datastore, [closest, owner]), [0])
  clock.advance(30 * DAY)
  assert.equal(await store.holding(zone.bytes), undefined)
})

test('a zone that is to be kept finds a place in a full stock, from whomever it comes, and none displaces it', async () => {
  const clock = new ManualClock()
  const owners = closestFirst(clock, 12)
  const friend = owners.pop() as TestOwner
  const { datastore, store } = await setUp({ keep: [friend.key.label] })
  for (const [at, owner] of owners.slice(3).entries()) await put(store, owner, `9.${at}`)
  assert.equal(await put(store, friend, '10.0'), 'new')
  for (const [at, owner] of owners.slice(0, 3).entries()) await put(store, owner, `11.${at}`)
  assert.deepEqual(await held(datastore, [friend]), [0])
  assert.equal((await held(datastore, owners)).length, 8)
})
