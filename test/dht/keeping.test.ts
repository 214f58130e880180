import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import type { Findings } from '../../src/dht/findings.ts'
import { nothingFound } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import { Keeping } from '../../src/dht/keeping.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const HOUR = 3_600_000
/** After so long any zone that was not put is due, and before the other none is. */
const [NEVER_YET, SURELY] = [18 * HOUR, 31 * HOUR]
const contact = (name: string): Contact => ({ id: Buffer.from(name), addresses: [] })
const [HOLDER, LACKING, BEHIND] = [contact('holder'), contact('lacking'), contact('behind')]

async function setUp(places: readonly (0 | 1 | 2)[] = [0], isKept = false) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now())
  const keep = isKept ? [owner.key.label] : []
  const needs = { datastore: new MemoryDatastore(), clock, logger: silentLogger, self: new Uint8Array(32) }
  const store = await openZoneStore({ ...needs, config: { ...TEST_DHT_CONFIG, keep } })
  const goals: LookupGoal[] = []
  const given: { contacts: readonly Contact[]; zone: SignedZone }[] = []
  const network = { holds: undefined as SignedZone | undefined }
  const keeping = new Keeping({
    store,
    stock: store.tending,
    clock,
    logger: silentLogger,
    config: TEST_DHT_CONFIG,
    placesOf: () => places,
    search: async (goal): Promise<Findings> => {
      goals.push(goal)
      const heard = { closest: [HOLDER, LACKING, BEHIND], holders: [HOLDER], behind: [BEHIND] }
      const { holds } = network
      return {
        ...nothingFound(''),
        ...heard,
        verdict: holds ? { kind: 'found', zone: holds } : { kind: 'same' },
      }
    },
    give: async (contacts, zone) => {
      given.push({ contacts, zone })
    },
  })
  keeping.start()
  const pass = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= HOUR) {
      clock.advance(HOUR)
      await clock.settle()
    }
  }
  return { clock, owner, store, goals, given, network, keeping, pass }
}

test('a zone that nobody has put for a day is given to those of the closest that lack it', async () => {
  const { owner, store, goals, given, keeping, pass } = await setUp()
  await using _open = keeping
  const zone = owner.sign()
  await store.put(zone, { own: false })
  await pass(NEVER_YET)
  assert.equal(goals.length, 0)
  await pass(SURELY - NEVER_YET)
  assert.deepEqual(
    goals.map(({ replica, until, have }) => [replica, until, have?.sequence]),
    [[0, 'closest', zone.sequence]],
  )
  assert.deepEqual(given, [{ contacts: [LACKING, BEHIND], zone }])
})

test('each day again, but not while its owner puts it', async () => {
  const { owner, store, goals, keeping, pass } = await setUp()
  await using _open = keeping
  const zone = owner.sign()
  for (let quarter = 0; quarter < 12; quarter++) {
    await store.put(zone, { own: false })
    await pass(6 * HOUR)
  }
  assert.equal(goals.length, 0)
  await pass(3 * SURELY)
  assert.ok(goals.length >= 3)
})

test('what the others hold and is newer is taken, and given on', async () => {
  const { owner, store, given, network, keeping, pass } = await setUp()
  await using _open = keeping
  const [older, newer] = [owner.sign(), owner.sign('www 60 IN A 192.0.2.9')]
  network.holds = newer
  await store.put(older, { own: false })
  await pass(SURELY)
  assert.deepEqual((await store.get(owner.key))?.bytes, newer.bytes)
  assert.deepEqual(given[0]?.zone.bytes, newer.bytes)
})

test('a node keeps nothing alive that is its own, has expired, or belongs to others nearer to it', async () => {
  const own = await setUp()
  await using _own = own.keeping
  await own.store.put(own.owner.sign(), { own: true })
  await own.pass(SURELY)
  assert.equal(own.goals.length, 0)
  const expired = await setUp()
  await using _expired = expired.keeping
  await expired.store.put(expired.owner.sign('', { soa: { expire: 3600 } }), { own: false })
  await expired.pass(SURELY)
  assert.equal(expired.goals.length, 0)
  const far = await setUp([])
  await using _far = far.keeping
  await far.store.put(far.owner.sign(), { own: false })
  await far.pass(SURELY)
  assert.equal(far.goals.length, 0)
})

test('a zone that is to be kept and is not here is looked for until it is found, and given to those who lack it', async () => {
  const { clock, owner, store, goals, given, network, keeping, pass } = await setUp([0, 1, 2], true)
  await using _open = keeping
  clock.advance(60_000)
  await clock.settle()
  assert.deepEqual(
    goals.map(({ replica, have }) => [replica, have]),
    [
      [0, undefined],
      [1, undefined],
      [2, undefined],
    ],
  )
  assert.deepEqual(given, [])
  network.holds = owner.sign()
  await pass(HOUR)
  assert.deepEqual((await store.get(owner.key))?.bytes, network.holds.bytes)
  assert.equal(given.length, 3)
  await pass(NEVER_YET - HOUR)
  assert.equal(given.length, 3, 'not before a day is over')
  await pass(SURELY)
  assert.ok(given.length >= 6)
})
