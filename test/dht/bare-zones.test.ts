/** Zones that nobody has signed an expiry for, as pkarr clients make them: how they are found, kept, and refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { walk } from '../../src/dht/lookup.ts'
import { Stock } from '../../src/dht/stock.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { VirtualNetwork } from './virtual-network.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const put = { own: false, from: '8.1' }

describe('looked for', () => {
  /** Zones on the closest of fifty peers, the closest first. */
  async function look(zones: (owner: TestOwner) => readonly (SignedZone | undefined)[], have?: SignedZone) {
    const clock = new ManualClock()
    const owner = new TestOwner(() => clock.now(), Buffer.alloc(32, 7))
    const network = new VirtualNetwork(50, clock)
    const closest = network.closest(owner.key)
    for (const [at, zone] of zones(owner).entries()) closest[at]!.zone = zone
    const goal = { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800, have } as const
    const start = closest.slice(0, 3).map(({ contact }) => contact)
    const needs = { tools: network.tools(), signal: new AbortController().signal }
    return { ...(await walk(goal, start, needs)), asked: network.asked.length }
  }

  test('the first that is given is not the answer, though it came at once', async () => {
    const found = await look((owner) => {
      const [old, newer] = [owner.signBare('old', { behind: YEAR }), owner.signBare('new')]
      return [old, old, old, newer, old]
    })
    assert.ok(found.verdict.kind === 'found')
    assert.match(Buffer.from(found.verdict.zone.bytes).toString('latin1'), /new/)
    assert.ok(found.asked >= 5, `${found.asked} asked`)
  })

  test('five are heard and not all twenty', async () => {
    const { asked } = await look((owner) => Array.from({ length: 20 }, () => owner.signBare('a')))
    assert.ok(asked >= 5 && asked <= 8, `${asked} asked`)
  })

  test('one with a signed expiry is the answer at once', async () => {
    const { asked } = await look((owner) => Array.from({ length: 20 }, () => owner.sign('a')))
    assert.ok(asked <= 2, `${asked} asked`)
  })

  test('where fewer than five are there, what they hold is the answer', async () => {
    const clock = new ManualClock()
    const owner = new TestOwner(() => clock.now())
    const network = new VirtualNetwork(3, clock)
    for (const peer of network.peers) peer.zone = owner.signBare('a')
    const goal = { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800 } as const
    const start = network.peers.map(({ contact }) => contact)
    const { signal } = new AbortController()
    const { verdict } = await walk(goal, start, { tools: network.tools(), signal })
    assert.equal(verdict.kind, 'found')
  })
})

describe('kept', () => {
  async function setUp() {
    const clock = new ManualClock()
    const owner = new TestOwner(() => clock.now())
    const datastore = new MemoryDatastore()
    const needs = {
      datastore,
      clock,
      logger: silentLogger,
      self: new Uint8Array(32),
      config: TEST_DHT_CONFIG,
    }
    const open = async () => await openZoneStore(needs)
    return { clock, owner, datastore, open, store: await open() }
  }

  test('two days from when it was last put, over a restart too, and then not served', async () => {
    const { clock, owner, open, store } = await setUp()
    const zone = owner.signBare('a')
    await store.put(zone, put)
    clock.advance(47 * HOUR)
    assert.ok(await store.get(owner.key))
    assert.equal(await store.holding(zone.bytes), undefined, 'it has to be put to live on')
    assert.equal((await store.put(zone, put)).kind, 'refreshed')
    clock.advance(47 * HOUR)
    assert.ok(await (await open()).get(owner.key))
    clock.advance(HOUR + 1)
    assert.equal(await (await open()).get(owner.key), undefined)
    assert.equal(await store.get(owner.key), undefined)
  })

  test('a day later it is gone from the disk, and its floor is not', async () => {
    const { clock, owner, datastore, store } = await setUp()
    await store.put(owner.signBare('a'), put)
    clock.advance(73 * HOUR)
    await clock.settle()
    await store[Symbol.asyncDispose]()
    const keys: string[] = []
    for await (const { key } of datastore.query({})) keys.push(key.toString())
    assert.deepEqual(keys, [`/floors/${owner.key.label}`])
  })

  test('an hour where this node found it itself: nobody’s reading makes it last', async () => {
    const { clock, owner, store } = await setUp()
    await store.putFound(owner.signBare('a'))
    clock.advance(HOUR - 1)
    assert.ok(await store.get(owner.key))
    clock.advance(1)
    assert.equal(await store.get(owner.key), undefined)
  })

  test('not for a key that has signed an expiry, however new, nor after a restart', async () => {
    const { clock, owner, open, store } = await setUp()
    const signed = owner.sign('a')
    await store.put(signed, put)
    clock.advance(HOUR)
    const outcome = await store.put(owner.signBare('b'), put)
    assert.equal(outcome.kind, 'older')
    clock.advance(8 * 24 * HOUR)
    await clock.settle()
    const later = await open()
    assert.equal((await later.put(owner.signBare('c'), put)).kind, 'older')
    assert.equal(await later.get(owner.key), undefined)
  })

  test('a newer one with a signed expiry takes its place, and so does a revocation', async () => {
    const { owner, store } = await setUp()
    await store.put(owner.signBare('a'), put)
    assert.equal((await store.put(owner.sign('b'), put)).kind, 'new')
    assert.equal((await store.get(owner.key))?.bare, false)
    const other = new TestOwner(() => Date.now())
    await store.put(other.signBare('a', { behind: YEAR }), put)
    assert.equal((await store.put(signRevocation(other.secret), put)).kind, 'new')
  })

  test('an older one of them never', async () => {
    const { owner, store } = await setUp()
    const [older, newer] = [owner.signBare('a', { behind: HOUR }), owner.signBare('b')]
    await store.put(newer, put)
    assert.equal((await store.put(older, put)).kind, 'older')
  })
})

test('where there is no room it goes before all others, and it is nobody’s to keep alive', () => {
  const stock = new Stock({
    limits: { maxZones: 2, maxRevocations: 1, keep: [] },
    self: new Uint8Array(32),
  })
  const now = Date.now()
  const [bare, other, third] = [new TestOwner(), new TestOwner(), new TestOwner()].map(({ key }) => key.label)
  stock.set(bare!, { own: false, expires: now + HOUR, bare: true }, 0)
  stock.asked(bare!, now)
  stock.set(other!, { own: false, expires: now + HOUR }, 0)
  stock.set(third!, { own: false, expires: now + HOUR }, 0)
  assert.equal(stock.surplus(now), bare)
  assert.deepEqual(new Set(stock.due(1e12, 10)), new Set([other, third]))
  const newcomer = { label: new TestOwner().key.label, group: undefined }
  assert.equal(stock.admits({ ...newcomer, bare: false }, now), true)
  stock.delete(bare!)
  assert.equal(stock.admits({ ...newcomer, bare: true }, now), false)
})
