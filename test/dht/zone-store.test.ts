import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { encodeRecordKey, kademliaId } from '../../src/dht/record-key.ts'
import type { ZoneStoreNeeds } from '../../src/dht/zone-put.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A store whose disk outlives it: `reopen` is a restart. */
function setUp(config: Partial<ZoneStoreNeeds['config']> = {}) {
  const clock = new ManualClock()
  const datastore = new MemoryDatastore()
  const needs = {
    datastore,
    clock,
    logger: silentLogger,
    self: new Uint8Array(32),
    config: {
      maxNewZonesPerMinute: 1000,
      keep: [],
      maxZones: 100,
      maxRevocations: 10,
      maxFloors: 10,
      cachedZones: 100,
      ...config,
    },
  }
  const owner = new TestOwner(() => clock.now())
  return { clock, datastore, owner, open: () => openZoneStore(needs) }
}

const foreign = { own: false }
/** Each call another IP group. */
const stranger = {
  own: false,
  get from() {
    return `8.${groups++}`
  },
}
let groups = 0

test('a zone is kept and given back, over a restart too', async () => {
  const { owner, open } = setUp()
  const zone = owner.sign('a')
  assert.equal((await (await open()).put(zone, foreign)).kind, 'new')
  const store = await open()
  assert.deepEqual((await store.get(owner.key))?.bytes, zone.bytes)
  assert.deepEqual((await store.getByOctets(owner.key.bytes))?.bytes, zone.bytes)
  assert.equal(await store.floorOf(owner.key), zone.sequence)
})

test('a stranger has no zone and the floor 0', async () => {
  const { owner, open } = setUp()
  const store = await open()
  assert.equal(await store.get(owner.key), undefined)
  assert.equal(await store.getByOctets(owner.key.bytes), undefined)
  assert.equal(await store.floorOf(owner.key), 0n)
})

test('an older zone is refused with the newer one, and the same bytes again are a refresh', async () => {
  const { owner, open } = setUp()
  const store = await open()
  const older = owner.sign('old')
  const newer = owner.sign('new')
  await store.put(newer, foreign)
  const outcome = await store.put(older, foreign)
  assert.ok(outcome.kind === 'older')
  assert.deepEqual(outcome.newest?.bytes, newer.bytes)
  assert.equal((await store.put(newer, foreign)).kind, 'refreshed')
})

test('of two zones with one sequence the larger message wins, whichever came first', async () => {
  const { owner, open } = setUp()
  const sequence = owner.sign().sequence
  const small = owner.signAt(sequence, 'a')
  const large = owner.signAt(sequence, 'b')
  for (const order of [
    [small, large],
    [large, small],
  ] as const) {
    const store = await open()
    for (const zone of order) await store.put(zone, foreign)
    assert.deepEqual((await store.get(owner.key))?.bytes, large.bytes)
  }
})

test('many puts at once leave the newest, whatever their order', async () => {
  const { owner, open } = setUp()
  const store = await open()
  const zones = Array.from({ length: 20 }, (_, at) => owner.sign(`${at}`))
  const shuffled = zones.map((zone, at) => ({ zone, at: (at * 7) % 20 })).sort((a, b) => a.at - b.at)
  await Promise.all(shuffled.map(async ({ zone }) => await store.put(zone, foreign)))
  assert.deepEqual((await store.get(owner.key))?.bytes, zones.at(-1)?.bytes)
})

test('the floor outlives the zone: after expiry, sweep and restart nothing older comes back', async () => {
  const { clock, datastore, owner, open } = setUp()
  const older = owner.sign('older', { soa: { expire: 20 * 86_400 } })
  const newer = owner.sign('newer', { soa: { expire: 60 } })
  const store = await open()
  await store.put(newer, foreign)
  clock.advance(61_000)
  assert.equal(await store.get(owner.key), undefined)
  clock.advance(DAY)
  await until(async () => {
    clock.advance(HOUR)
    return !(await datastore.has(new Key(`/zones/${owner.key.label}`)))
  })
  await store[Symbol.asyncDispose]()
  const again = await open()
  assert.deepEqual(await again.put(older, foreign), { kind: 'older', newest: undefined })
  assert.equal(await again.floorOf(owner.key), newer.sequence)
})

test('an expired zone stays on disk for a day and then goes; its floor goes after thirty', async () => {
  const { clock, datastore, owner, open } = setUp()
  const store = await open()
  await store.put(owner.sign('', { soa: { expire: 60 } }), foreign)
  const zoneKey = new Key(`/zones/${owner.key.label}`)
  clock.advance(DAY)
  assert.ok(await datastore.has(zoneKey))
  clock.advance(2 * HOUR)
  await until(async () => {
    clock.advance(HOUR)
    return !(await datastore.has(zoneKey))
  })
  assert.ok(await datastore.has(new Key(`/floors/${owner.key.label}`)))
  clock.advance(31 * DAY)
  await until(async () => {
    clock.advance(HOUR)
    return !(await datastore.has(new Key(`/floors/${owner.key.label}`)))
  })
  await store[Symbol.asyncDispose]()
})

test('a zone from the future and an expired one are refused', async () => {
  const { clock, owner, open } = setUp()
  const store = await open()
  const reason = (expected: string) => (cause: unknown) =>
    cause instanceof ZoneFault && cause.reason === expected
  await assert.rejects(store.put(owner.sign('', { behind: -11 * 60_000 }), foreign), reason('future'))
  const zone = owner.sign('', { soa: { expire: 60 } })
  clock.advance(61_000)
  await assert.rejects(store.put(zone, foreign), reason('expired'))
})

/** By the nearest of their zones' three places; the node of these tests is at zero. */
function closestFirst(all: TestOwner[]): TestOwner[] {
  const placeOf = ({ key }: TestOwner) =>
    ([0, 1, 2] as const)
      .map((replica) => Buffer.from(kademliaId(encodeRecordKey(key, replica))))
      .sort(Buffer.compare)[0]!
  return all.sort((a, b) => Buffer.compare(placeOf(a), placeOf(b)))
}

const owners = (clock: ManualClock, count: number) =>
  Array.from({ length: count }, () => new TestOwner(() => clock.now()))

test('zones of others have a limit; own ones and refreshes do not count against it', async () => {
  const { clock, open } = setUp({ maxZones: 1 })
  const store = await open()
  const [first, second, mine] = closestFirst(owners(clock, 3)) as [TestOwner, TestOwner, TestOwner]
  assert.equal((await store.put(first.sign(), stranger)).kind, 'new')
  assert.equal((await store.put(second.sign(), stranger)).kind, 'full')
  assert.equal((await store.put(first.sign('newer'), stranger)).kind, 'new')
  assert.equal((await store.put(mine.sign(), { own: true })).kind, 'new')
  assert.ok(await store.get(first.key))
})

test('revocations of strangers have a limit of their own, and leave the room for zones as it is', async () => {
  const { clock, open } = setUp({ maxZones: 1, maxRevocations: 2 })
  const store = await open()
  const kinds: string[] = []
  for (const { secret } of owners(clock, 4))
    kinds.push((await store.put(signRevocation(secret), foreign)).kind)
  assert.deepEqual(kinds, ['new', 'new', 'full', 'full'])
  const again = await open()
  const [other, newcomer] = owners(clock, 2) as [TestOwner, TestOwner]
  assert.equal((await again.put(signRevocation(other.secret), foreign)).kind, 'full')
  assert.equal((await again.put(newcomer.sign(), foreign)).kind, 'new')
})

test('whoever held a zone or answered from it takes its revocation, however many there are', async () => {
  const { clock, open } = setUp({ maxZones: 1, maxRevocations: 1 })
  const store = await open()
  const [other, held, answered] = owners(clock, 3) as [TestOwner, TestOwner, TestOwner]
  await store.put(signRevocation(other.secret), foreign)
  await store.put(held.sign(), foreign)
  await store.raiseFloor(answered.sign())
  for (const owner of [held, answered]) {
    assert.equal((await store.put(signRevocation(owner.secret), foreign)).kind, 'new')
    assert.equal((await store.get(owner.key))?.revoked, true)
  }
})

test('a revocation that had to go leaves its floor: nothing of its key comes back', async () => {
  const { clock, datastore, open } = setUp({ maxZones: 3, maxRevocations: 1 })
  const store = await open()
  const revoked = owners(clock, 3)
  for (const owner of revoked) {
    await store.put(owner.sign(), foreign)
    await store.put(signRevocation(owner.secret), foreign)
  }
  const kept = await Promise.all(revoked.map(({ key }) => datastore.has(new Key(`/zones/${key.label}`))))
  assert.deepEqual(kept, [false, false, true])
  for (const owner of revoked) assert.equal((await store.put(owner.sign(), foreign)).kind, 'older')
})

test('of floors without a zone only so many are kept, the highest', async () => {
  const { clock, datastore, open } = setUp({ maxFloors: 2 })
  const store = await open()
  const strangers = owners(clock, 4)
  for (const [at, owner] of strangers.entries()) await store.raiseFloor(owner.sign('', { behind: at * 1000 }))
  const hasFloor = async ({ key }: TestOwner) => await datastore.has(new Key(`/floors/${key.label}`))
  await until(async () => {
    clock.advance(HOUR)
    return !(await hasFloor(strangers[3]!))
  })
  await store[Symbol.asyncDispose]()
  assert.deepEqual(await Promise.all(strangers.map(hasFloor)), [true, true, false, false])
})

test('revocations that went do not take the place of the floors of zones', async () => {
  const { clock, datastore, open } = setUp({ maxZones: 10, maxRevocations: 1, maxFloors: 3 })
  const store = await open()
  const honest = new TestOwner(() => clock.now())
  await store.raiseFloor(honest.sign())
  for (const owner of owners(clock, 8)) {
    await store.put(owner.sign(), foreign)
    await store.put(signRevocation(owner.secret), foreign)
  }
  const countFloors = async () => {
    let floors = 0
    for await (const _ of datastore.queryKeys({ prefix: '/floors/' })) floors++
    return floors
  }
  assert.equal(
    await countFloors(),
    1 + 1 + 3,
    "the zone's, the one revocation's that is held, and three that went",
  )
  await store[Symbol.asyncDispose]()
  const again = await open()
  for (let hour = 0; hour < 3; hour++) {
    clock.advance(HOUR)
    await again.floorOf(honest.key)
  }
  await again[Symbol.asyncDispose]()
  assert.ok(await datastore.has(new Key(`/floors/${honest.key.label}`)))
  assert.equal(await countFloors(), 5)
})

test('a revocation that has become this node\u2019s own is not removed with the surplus', async () => {
  const { clock, open } = setUp({ maxRevocations: 1 })
  const store = await open()
  const [mine, ...others] = owners(clock, 3) as [TestOwner, TestOwner, TestOwner]
  for (const { secret } of [mine, ...others])
    await store.put(new TestOwner(() => clock.now(), secret).sign(), foreign)
  await store.put(signRevocation(mine.secret), foreign)
  await store.put(signRevocation(mine.secret), { own: true })
  for (const { secret } of others) await store.put(signRevocation(secret), foreign)
  assert.equal((await store.get(mine.key))?.revoked, true)
})

test('watchers hear of a zone though the surplus cannot be removed', async () => {
  const { clock, datastore, open } = setUp({ maxRevocations: 1 })
  const store = await open()
  datastore.delete = async () => {
    throw new Error('the disk says no')
  }
  const heard: string[] = []
  store.watch(({ key }) => heard.push(key.label))
  const revoked = owners(clock, 2)
  for (const owner of revoked) await store.raiseFloor(owner.sign())
  for (const { secret } of revoked)
    assert.equal((await store.put(signRevocation(secret), foreign)).kind, 'new')
  assert.deepEqual(
    heard,
    revoked.map(({ key }) => key.label),
  )
})

test('a damaged floor is as good as none, and the next zone writes it anew', async () => {
  const { datastore, owner, open } = setUp()
  const zone = owner.sign()
  await datastore.put(new Key(`/floors/${owner.key.label}`), new Uint8Array(3))
  const store = await open()
  assert.equal(await store.floorOf(owner.key), 0n)
  assert.equal((await store.put(zone, foreign)).kind, 'new')
  assert.equal(await store.floorOf(owner.key), zone.sequence)
})

test('a zone of this node stays its own when a newer one comes from outside', async () => {
  const { clock, owner, open } = setUp({ maxZones: 0 })
  const store = await open()
  await store.put(owner.sign(), { own: true })
  assert.equal((await store.put(owner.sign('other device'), foreign)).kind, 'new')
  assert.equal((await (await open()).put(owner.sign('again'), foreign)).kind, 'new')
  const other = new TestOwner(() => clock.now())
  assert.equal((await store.put(other.sign(), foreign)).kind, 'full')
})

test('a floor is remembered for a zone there was no room for', async () => {
  const { owner, open } = setUp({ maxZones: 0 })
  const store = await open()
  const older = owner.sign()
  const zone = owner.sign()
  await store.raiseFloor(zone)
  assert.equal(await store.floorOf(owner.key), zone.sequence)
  assert.equal((await store.put(older, { own: true })).kind, 'older')
})

test('a revocation beats everything and never goes', async () => {
  const { clock, owner, open } = setUp()
  const store = await open()
  const revocation = signRevocation(owner.secret)
  await store.put(owner.sign(), foreign)
  await store.put(revocation, foreign)
  clock.advance(400 * DAY)
  assert.equal((await store.put(owner.sign(), foreign)).kind, 'older')
  assert.equal((await (await open()).get(owner.key))?.revoked, true)
})

test('watchers hear of every zone that becomes the newest, once, until they stop', async () => {
  const { owner, open } = setUp()
  const store = await open()
  const heard: string[] = []
  const watching = store.watch(({ sequence }) => heard.push(String(sequence)))
  store.watch(() => {
    throw new Error('a watcher that fails hurts nobody')
  })
  const [old, first, second] = [owner.sign(), owner.sign(), owner.sign()]
  for (const zone of [first, old, first, second]) await store.put(zone, foreign)
  watching[Symbol.dispose]()
  await store.put(owner.sign(), foreign)
  assert.deepEqual(heard, [String(first.sequence), String(second.sequence)])
})

test('a damaged entry is skipped, holds its floor, and is replaced by the next good zone', async () => {
  const { datastore, owner, open } = setUp()
  const older = owner.sign()
  const zone = owner.sign()
  await (await open()).put(zone, foreign)
  const name = new Key(`/zones/${owner.key.label}`)
  const octets = Uint8Array.from(await datastore.get(name))
  octets[60]! ^= 1
  for (const damaged of [octets, octets.subarray(0, 50), octets.subarray(0, 3)]) {
    await datastore.put(name, damaged)
    const store = await open()
    assert.equal(await store.get(owner.key), undefined)
    assert.equal((await store.put(older, foreign)).kind, 'older')
  }
  const store = await open()
  assert.equal((await store.put(zone, foreign)).kind, 'new')
  assert.deepEqual((await store.get(owner.key))?.bytes, zone.bytes)
})

test('zone and floor are written in one batch before a put is acknowledged', async () => {
  const { datastore, owner, open } = setUp()
  const store = await open()
  const batches: string[][] = []
  datastore.batch = () => {
    const names: string[] = []
    const commit = async () => void batches.push(names)
    return { put: (key: Key) => void names.push(key.toString()), delete: () => undefined, commit }
  }
  const { key } = owner
  await store.put(owner.sign(), foreign)
  assert.deepEqual(batches, [[`/zones/${key.label}`, `/floors/${key.label}`]])
})

test('a zone that was found is held before it is on disk, and is there after a restart', async () => {
  const { datastore, owner, open } = setUp()
  const store = await open()
  const disk = Promise.withResolvers<void>()
  const batch = datastore.batch.bind(datastore)
  datastore.batch = () => {
    const writes = batch()
    const commit = writes.commit.bind(writes)
    writes.commit = async () => {
      await disk.promise
      await commit()
    }
    return writes
  }
  const zone = owner.sign('a')
  assert.equal((await store.putFound(zone)).kind, 'new')
  assert.deepEqual((await store.get(owner.key))?.bytes, zone.bytes)
  assert.equal(await (await open()).get(owner.key), undefined, 'not on disk yet')
  disk.resolve()
  await store[Symbol.asyncDispose]()
  assert.deepEqual((await (await open()).get(owner.key))?.bytes, zone.bytes)
  assert.equal((await store.putFound(owner.sign('b'))).kind, 'new')
  assert.equal((await store.putFound(zone)).kind, 'older')
})

test('a zone that the disk does not take is not kept, whether it was found or put', async () => {
  const { datastore, owner, open } = setUp()
  const store = await open()
  datastore.batch = () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  const zone = owner.sign('a')
  await assert.rejects(store.put(zone, foreign), /no space/)
  assert.equal(await store.get(owner.key), undefined)
  assert.equal((await store.putFound(zone)).kind, 'new')
  assert.equal(await store.holding(zone.bytes), undefined, 'nobody is told that it is stored')
  assert.equal(await store.get(owner.key), undefined)
})

test('a zone that is found while the disk is full leaves the older one where it was', async () => {
  const { datastore, owner, open } = setUp()
  const store = await open()
  const older = owner.sign('old')
  await store.put(older, foreign)
  datastore.batch = () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  const newer = owner.sign('new')
  assert.equal((await store.putFound(newer)).kind, 'new')
  assert.equal(await store.holding(newer.bytes), undefined)
  assert.deepEqual((await store.get(owner.key))?.bytes, older.bytes)
})

test('nobody is told that a zone is stored before it is on disk', async () => {
  const { datastore, owner, open } = setUp()
  const store = await open()
  const disk = Promise.withResolvers<void>()
  const batch = datastore.batch.bind(datastore)
  datastore.batch = () => {
    const writes = batch()
    const commit = writes.commit.bind(writes)
    writes.commit = async () => {
      await disk.promise
      await commit()
    }
    return writes
  }
  const zone = owner.sign('a')
  await store.putFound(zone)
  let told = false
  const telling = store.holding(zone.bytes).then((held) => {
    told = true
    return held
  })
  await new Promise(setImmediate)
  assert.equal(told, false)
  disk.resolve()
  assert.deepEqual((await telling)?.bytes, zone.bytes)
})
