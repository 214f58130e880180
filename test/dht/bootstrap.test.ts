import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Bootstrap } from '../../src/dht/bootstrap.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

/** A routing table and a node whose dials do what they are told. */
function setUp(dial: () => Promise<Connection>) {
  const clock = new ManualClock()
  const listeners = new Set<() => void>()
  const dials: number[] = []
  const began = clock.monotonic()
  const routingTable = {
    size: 0,
    closestPeers: () => [],
    remove: async () => undefined,
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
  }
  const node = {
    dial: async () => {
      dials.push(clock.monotonic() - began)
      return await dial()
    },
  }
  const addresses = [multiaddr('/ip4/127.0.0.1/tcp/1')]
  const bootstrap = new Bootstrap({ node, routingTable, addresses, clock, logger: silentLogger })
  const arrive = () => {
    routingTable.size = 1
    for (const listener of listeners) listener()
  }
  return { clock, bootstrap, dials, arrive, listeners, routingTable }
}

const refused = async () => {
  throw new Error('refused')
}

test('dials again after growing pauses while nobody is reached', async () => {
  const { clock, bootstrap, dials } = setUp(refused)
  bootstrap.start()
  for (const pause of [1000, 2000, 4000]) {
    await setImmediate()
    clock.advance(pause - 1)
    clock.advance(1)
  }
  await until(() => dials.length === 4)
  assert.deepEqual(dials, [0, 1000, 3000, 7000])
  bootstrap[Symbol.dispose]()
})

test('the first peer is waited for while it is being dialled', async () => {
  const { bootstrap, arrive, listeners } = setUp(async () => ({}) as Connection)
  bootstrap.start()
  let over = false
  const waiting = bootstrap.firstPeer(1800).then(() => {
    over = true
  })
  await setImmediate()
  assert.equal(over, false)
  arrive()
  await waiting
  bootstrap[Symbol.dispose]()
  assert.equal(listeners.size, 0)
})

test('it is not waited for beyond the time given, nor in a pause, nor when there is none to dial', async () => {
  const { clock, bootstrap } = setUp(async () => ({}) as Connection)
  await bootstrap.firstPeer(1800)
  bootstrap.start()
  const waiting = bootstrap.firstPeer(1800)
  await setImmediate()
  clock.advance(1800)
  await waiting
  bootstrap[Symbol.dispose]()
})

test('who has lost all peers joins anew', async () => {
  const { clock, bootstrap, dials, arrive, routingTable } = setUp(async () => ({}) as Connection)
  bootstrap.start()
  await setImmediate()
  arrive()
  await setImmediate()
  routingTable.size = 0
  await until(() => {
    clock.advance(1000)
    return dials.length === 2
  })
  bootstrap[Symbol.dispose]()
})
