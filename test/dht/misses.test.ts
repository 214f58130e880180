import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Misses } from '../../src/dht/misses.ts'
import type { Lookup } from '../../src/zone/directory.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const effort = { asked: 20, hops: 3, milliseconds: 700 }
const config = { absentFor: 30, unreachableMin: 5, unreachableMax: 60 }
const { signal } = new AbortController()

/** A finder that says what it is told to say, and counts how often it is asked. */
function setUp() {
  const clock = new ManualClock()
  const network: { asked: number; peers: number; kept?: SignedZone; says: () => Lookup } = {
    asked: 0,
    peers: 3,
    says: () => ({ kind: 'unreachable', cause: 'nobody', effort }),
  }
  const finder = {
    find: async () => {
      network.asked++
      return network.says()
    },
  }
  const store = { get: async () => network.kept }
  const misses = new Misses({ finder, store, clock, config, peerCount: () => network.peers })
  const owner = new TestOwner(() => clock.now())
  const find = async (maxAge?: number) =>
    await misses.find(owner.key, maxAge === undefined ? { signal } : { signal, maxAge })
  return { clock, network, find, owner }
}

test('a zone that was unreachable is not looked for again within five seconds, then ten, up to a minute', async () => {
  const { clock, network, find } = setUp()
  await find()
  for (const [at, seconds] of [5, 10, 20, 40, 60, 60].entries()) {
    clock.advance(seconds * 1000 - 1)
    const { kind, effort: spent } = await find()
    assert.deepEqual([kind, spent.asked, network.asked], ['unreachable', 0, at + 1])
    clock.advance(1)
    await find()
    assert.equal(network.asked, at + 2)
  }
})

test('an absent zone is absent for its negative TTL', async () => {
  const { clock, network, find } = setUp()
  network.says = () => ({ kind: 'absent', effort })
  await find()
  clock.advance(29_999)
  assert.equal((await find()).kind, 'absent')
  assert.equal(network.asked, 1)
  clock.advance(1)
  await find()
  assert.equal(network.asked, 2)
})

test('a zone that arrives ends the miss at once, and the next failure is short again', async () => {
  const { clock, network, find, owner } = setUp()
  await find()
  clock.advance(5000)
  await find() // ten seconds from here
  const zone = owner.sign('new')
  network.kept = zone
  network.says = () => ({ kind: 'found', zone, age: 0, freshFor: 60, effort })
  assert.equal((await find()).kind, 'found')
  delete network.kept
  network.says = () => ({ kind: 'unreachable', cause: 'nobody', effort })
  await find()
  clock.advance(5000)
  await find()
  assert.equal(network.asked, 5)
})

test('who wants to know it newer than the miss is gets the network asked', async () => {
  const { clock, network, find } = setUp()
  await find()
  clock.advance(2000)
  await find(1)
  assert.equal(network.asked, 2)
})

test('many who waited for one lookup count as one failure', async () => {
  const { clock, network, find } = setUp()
  const lookup: Lookup = { kind: 'unreachable', cause: 'nobody', effort }
  network.says = () => lookup
  await Promise.all([find(), find(), find()])
  clock.advance(5000)
  await find()
  assert.equal(network.asked, 4)
})

test('a failure without any peer is not remembered', async () => {
  const { network, find } = setUp()
  network.peers = 0
  await find()
  network.peers = 1
  await find()
  assert.equal(network.asked, 2)
})

test('a miss does not outlast a night in which the machine slept', async () => {
  const { clock, network, find } = setUp()
  await find()
  clock.jump(8 * 3_600_000)
  await find()
  assert.equal(network.asked, 2)
})
