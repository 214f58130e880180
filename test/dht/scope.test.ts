import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { ScopedStore, type Side } from '../../src/dht/scope.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const foreign = { own: false }

async function setUp() {
  const clock = new ManualClock()
  const datastore = new MemoryDatastore()
  const self = new Uint8Array(32)
  const store = await openZoneStore({ datastore, clock, logger: silentLogger, config: TEST_DHT_CONFIG, self })
  const scoped = { wan: new ScopedStore(store, 'wan'), lan: new ScopedStore(store, 'lan') }
  return { store, scoped, owner: new TestOwner(() => clock.now()) }
}

const OTHER: Record<Side, Side> = { wan: 'lan', lan: 'wan' }

for (const scope of ['wan', 'lan'] as const) {
  const there = scope
  const elsewhere = OTHER[scope]

  test(`a zone of scope ${scope} is given and taken there, and neither on the other side`, async () => {
    const { store, scoped, owner } = await setUp()
    const zone = owner.sign('', { soa: { scope } })
    await assert.rejects(scoped[elsewhere].put(zone, foreign), { name: 'ZoneFault', reason: 'scope' })
    assert.equal(await store.get(owner.key), undefined)
    assert.equal(await store.floorOf(owner.key), 0n)
    assert.deepEqual(await scoped[there].put(zone, foreign), { kind: 'new' })
    assert.equal(await scoped[there].get(owner.key), zone)
    assert.equal(await scoped[there].getByOctets(owner.key.bytes), zone)
    assert.equal(await scoped[elsewhere].get(owner.key), undefined)
    assert.equal(await scoped[elsewhere].getByOctets(owner.key.bytes), undefined)
  })

  test(`who puts an older zone from the other side is not shown the newer one of scope ${scope}`, async () => {
    const { scoped, owner } = await setUp()
    const [older, newer] = [owner.sign('1'), owner.sign('2', { soa: { scope } })]
    await scoped[there].put(newer, foreign)
    assert.deepEqual(await scoped[elsewhere].put(older, foreign), { kind: 'older', newest: undefined })
    assert.deepEqual(await scoped[there].put(older, foreign), { kind: 'older', newest: newer })
  })
}

test('a zone of any scope, and a revocation, is taken from one side and given to the other', async () => {
  const { scoped, owner } = await setUp()
  const zone = owner.sign()
  await scoped.wan.put(zone, foreign)
  assert.equal(await scoped.lan.get(owner.key), zone)
  const revocation = signRevocation(owner.secret)
  await scoped.lan.put(revocation, foreign)
  assert.equal(await scoped.wan.get(owner.key), revocation)
})
