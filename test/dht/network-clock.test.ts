import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { pino } from 'pino'
import { NetworkClock } from '../../src/dht/network-clock.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const TRUE_TIME = Date.UTC(2026, 10, 23)

function setUp(ahead = 0) {
  const machine = new ManualClock(TRUE_TIME + ahead)
  const logged: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => void logged.push(JSON.parse(line).msg) })
  const clock = new NetworkClock(machine, logger)
  /** The true time: as the machine's monotonic clock goes on. */
  const trueTime = () => machine.monotonic() - ahead
  let peers = 0
  /** Peers, each without a group unless it is given, whose clocks are ahead of the true time by so much. */
  const hear = (wrong: readonly number[], group?: string) => {
    for (const by of wrong)
      clock.hear({ peer: `peer ${peers++}`, group, time: trueTime() + by - 20, roundTrip: 40 })
  }
  return { machine, clock, logged, hear, trueTime }
}

test('the machine is gone by where fewer than three are heard', () => {
  const { clock, machine, hear } = setUp(8 * DAY)
  hear([0, 0])
  assert.equal(clock.now(), machine.now())
  assert.deepEqual(clock.state(), { offsetSeconds: null, trusted: true })
})

for (const [words, ahead] of [
  ['half an hour fast', 30 * MINUTE],
  ['eight days fast', 8 * DAY],
  ['at 1970', -TRUE_TIME],
] as const) {
  test(`a clock ${words} is corrected by three peers, which the log says once`, () => {
    const { clock, machine, hear, trueTime, logged } = setUp(ahead)
    hear([-2000, 0, 3000, 500])
    assert.ok(Math.abs(clock.now() - trueTime()) <= 3000, `${clock.now() - trueTime()}`)
    machine.advance(HOUR)
    hear([0, 0])
    assert.ok(Math.abs(clock.now() - trueTime()) <= 3000)
    assert.equal(clock.trusted, false)
    assert.equal(Math.round((clock.state().offsetSeconds ?? 0) / 10), Math.round(-ahead / 10_000))
    assert.equal(logged.length, 1)
    assert.match(logged[0] ?? '', ahead > 0 ? /seconds ahead of what most/ : /seconds behind what most/)
  })
}

test('a clock that is off by nine minutes is gone by', () => {
  const { clock, machine, hear } = setUp(9 * MINUTE)
  hear([0, 0, 0, 0])
  assert.equal(clock.now(), machine.now())
  assert.deepEqual(clock.state(), { offsetSeconds: -540, trusted: true })
})

test('fewer than half of the peers, lying, move the time no further than an honest one says', () => {
  const { clock, hear, trueTime } = setUp(8 * DAY)
  hear([5 * DAY, 5 * DAY, 5 * DAY, 5 * DAY])
  hear([-1000, -500, 0, 500, 1000])
  assert.ok(Math.abs(clock.now() - trueTime()) <= 1000)
})

test('a right clock is not moved by a third that lies, each as it likes', () => {
  const { clock, machine, hear } = setUp()
  hear([-3 * HOUR, 0, 0, 0, 0, 2 * DAY])
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.trusted, true)
})

test('peers that disagree wildly correct nothing', () => {
  const { clock, machine, hear } = setUp(8 * DAY)
  hear([-DAY, -HOUR, 0, HOUR, DAY])
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.state().offsetSeconds, null)
})

test('many peers of one IP group are one voice', () => {
  const { clock, machine, hear } = setUp()
  hear([DAY, DAY, DAY, DAY, DAY, DAY, DAY, DAY], '192.0')
  assert.equal(clock.state().offsetSeconds, null)
  hear([0], '198.51')
  hear([0], '203.0')
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.state().offsetSeconds, 0)
})

test('a time before this program was made, or beyond the calendar, is not listened to', () => {
  const { clock, machine } = setUp()
  for (const time of [0, 0, 0, 2 ** 64, 2 ** 64, 2 ** 64])
    clock.hear({ peer: `${Math.random()}`, group: undefined, time, roundTrip: 1 })
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.state().offsetSeconds, null)
})

test('a clock that jumps is untrusted until peers are heard anew, corrected while they say so, and right again after', () => {
  const { clock, machine, hear, logged } = setUp()
  hear([0, 0, 0])
  machine.jump(365 * DAY)
  assert.equal(clock.trusted, false)
  hear([0, 0, 0])
  assert.equal(clock.now(), machine.now() - 365 * DAY)
  machine.jump(-365 * DAY)
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.trusted, false)
  hear([0, 0, 0])
  assert.deepEqual([clock.now(), clock.trusted], [machine.now(), true])
  assert.equal(logged.length, 2)
})

test('a machine set right by hand is gone by again, and the log says so', () => {
  const { clock, machine, hear, logged } = setUp(11 * MINUTE)
  hear([0, 0, 0])
  machine.jump(-9 * MINUTE)
  assert.equal(clock.now(), machine.now())
  assert.equal(clock.trusted, true)
  assert.match(logged[1] ?? '', /agrees with other nodes again/)
})

test('before 1 November 2026 a clock is untrusted though nobody was heard', () => {
  assert.equal(setUp(-TRUE_TIME).clock.trusted, false)
  assert.equal(setUp().clock.trusted, true)
})

/** A store that goes by such a clock. */
async function withStore(ahead = 0) {
  const parts = setUp(ahead)
  const limits = { keep: [], maxZones: 10, maxRevocations: 10, maxFloors: 10, cachedZones: 10 }
  const config = { ...limits, maxNewZonesPerMinute: 10 }
  const self = new Uint8Array(32)
  const datastore = new MemoryDatastore()
  const store = await openZoneStore({ datastore, clock: parts.clock, logger: silentLogger, config, self })
  return { ...parts, store, owner: new TestOwner(() => TRUE_TIME) }
}

test('a clock a year ahead for a day empties no store, raises no floor, and zones are there afterwards', async () => {
  const { store, owner, machine, clock, hear } = await withStore()
  const zone = owner.sign('kept')
  await store.put(zone, { own: false })
  machine.jump(365 * DAY)
  machine.advance(DAY)
  assert.equal(await store.get(owner.key), undefined, 'by the clock it has expired')
  hear([0, 0, 0])
  machine.advance(DAY)
  assert.ok((await store.get(owner.key)) === zone, 'by the time of peers it has not')
  machine.jump(-365 * DAY)
  assert.ok((await store.get(owner.key)) === zone)
  assert.equal(await store.floorOf(owner.key), zone.sequence)
  assert.equal(clock.now(), machine.now())
  await store[Symbol.asyncDispose]()
})

test('eight days fast: what has expired by the clock alone is taken and served once three peers were heard', async () => {
  const { store, owner, hear } = await withStore(8 * DAY)
  const zone = owner.sign('not expired')
  await assert.rejects(store.put(zone, { own: false }), { reason: 'expired' })
  hear([0, 0, 0])
  await store.put(zone, { own: false })
  assert.ok((await store.get(owner.key)) === zone)
  await store[Symbol.asyncDispose]()
})

test('at 1970 without peers a node still answers from its own zones, and from no others', async () => {
  const { store, owner, machine } = await withStore()
  const other = new TestOwner(() => TRUE_TIME)
  await store.put(owner.sign('own'), { own: true })
  await store.put(other.sign('of others'), { own: false })
  machine.jump(-TRUE_TIME)
  assert.equal((await store.get(owner.key))?.key.label, owner.key.label)
  assert.equal(await store.get(other.key), undefined)
  await store[Symbol.asyncDispose]()
})

test('an own sequence of the future that nobody acknowledged binds nobody; one that somebody did stays', async () => {
  const { store, owner, machine } = await withStore(30 * MINUTE)
  const early = owner.sign('by the right clock')
  const late = owner.sign('by the fast one', { behind: -30 * MINUTE })
  await store.put(late, { own: true, unheard: true })
  assert.equal(await store.isBinding(late), true, 'while nothing says that the clock is wrong')
  assert.equal(await store.floorOf(owner.key), late.sequence)
  assert.equal((await store.put(early, { own: true, unheard: true })).kind, 'older')
  machine.jump(-30 * MINUTE)
  assert.equal(await store.isBinding(late), false)
  assert.equal(await store.floorOf(owner.key), 0n)
  await store.raiseFloor(late)
  assert.equal(await store.isBinding(late), true)
  assert.equal((await store.put(early, { own: true, unheard: true })).kind, 'older')
  await store[Symbol.asyncDispose]()

  const second = await withStore(30 * MINUTE)
  await second.store.put(late, { own: true, unheard: true })
  second.machine.jump(-30 * MINUTE)
  assert.equal((await second.store.put(early, { own: true, unheard: true })).kind, 'new')
  assert.ok((await second.store.get(owner.key)) === early)
  await second.store[Symbol.asyncDispose]()
})
