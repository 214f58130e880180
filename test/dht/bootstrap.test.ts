import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Bootstrap } from '../../src/dht/bootstrap.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

/** A routing table and a node whose dials do what they are told. */
function setUp(dial: (to: Multiaddr) => Promise<Connection>, remembered: readonly Multiaddr[] = []) {
  const clock = new ManualClock()
  const machine = { addresses: '127.0.0.1' }
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
    connections: [{} as Connection],
    getConnections: () => node.connections,
    dial: async (to: unknown) => {
      dials.push(clock.monotonic() - began)
      return await dial(to as Multiaddr)
    },
  }
  const addresses = [multiaddr('/ip4/127.0.0.1/tcp/1')]
  const bootstrap = new Bootstrap({
    node,
    routingTable,
    addresses,
    remembered: () => remembered,
    ownAddresses: () => machine.addresses,
    clock,
    logger: silentLogger,
  })
  const arrive = () => {
    routingTable.size = 1
    for (const listener of listeners) listener()
  }
  return { clock, machine, bootstrap, dials, arrive, listeners, routingTable, node }
}

const refused = async () => {
  throw new Error('refused')
}

test('a machine that is given a network dials within a second, however long it was without', async () => {
  const { clock, machine, bootstrap, dials } = setUp(refused)
  bootstrap.start()
  for (const pause of [1000, 2000, 4000, 8000, 16_000]) {
    await setImmediate()
    clock.advance(pause)
  }
  await until(() => dials.length === 6)
  await setImmediate()
  machine.addresses = '127.0.0.1,192.168.1.7'
  clock.advance(1000)
  await until(() => dials.length === 7)
  assert.equal(dials[6], 32_000)
  bootstrap[Symbol.dispose]()
})

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

test('where no configured node answers, those remembered are dialled, eight at once, until three are reached', async () => {
  const dead = Array.from({ length: 90 }, (_, at) => multiaddr(`/ip4/127.0.0.1/tcp/${2000 + at}`))
  const alive = Array.from({ length: 10 }, (_, at) => multiaddr(`/ip4/127.0.0.1/tcp/${3000 + at}`))
  const open: (() => void)[] = []
  const { bootstrap, dials } = setUp(
    async (to) => {
      if (alive.includes(to)) return {} as Connection
      await new Promise<void>((resolve) => open.push(resolve))
      throw new Error('nobody is there')
    },
    [...dead.slice(0, 20), ...alive, ...dead.slice(20)],
  )
  bootstrap.start()
  await setImmediate()
  assert.equal(dials.length, 1 + 8)
  // The dead fall due one by one; after three of the living nobody more is dialled.
  await until(() => {
    open.shift()?.()
    return open.length === 0
  })
  assert.ok(dials.length <= 1 + 20 + 3, `${dials.length} dials`)
  bootstrap[Symbol.dispose]()
})

test('who knows peers but is connected to none joins anew, and again when the network is back', async () => {
  const { clock, bootstrap, dials, arrive, node } = setUp(refused)
  node.connections = []
  arrive()
  bootstrap.start()
  await until(() => {
    clock.advance(1000)
    return dials.length >= 3
  })
  node.connections = [{} as Connection]
  await setImmediate()
  clock.advance(60_000)
  const before = dials.length
  await setImmediate()
  clock.advance(60_000)
  await setImmediate()
  assert.equal(dials.length, before)
  bootstrap[Symbol.dispose]()
})
