/** Nobody makes this node dial as many hosts as he can name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transport } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { DialBudget, DialRefused, isDialRefused } from '../../src/dht/dial-budget.ts'
import { ManualClock } from '../support/manual-clock.ts'

const PUBLIC = { listen: ['/ip4/0.0.0.0/tcp/4601'], maxNewHostsPerSecond: 5, maxNewHostsPerGroup: 1 }

/** A transport that reaches whoever it is told is there, and keeps whom it dialled. */
function setUp(limits: { listen?: string[]; bootstrap?: string[] } = {}, answers: readonly string[] = []) {
  const clock = new ManualClock()
  const dialled: string[] = []
  const transport = {
    dial: async (address: { toString(): string }) => {
      dialled.push(String(address))
      if (!answers.some((host) => String(address).includes(`/${host}/`))) throw new Error('Nobody is there.')
    },
  }
  const budget = new DialBudget({ ...PUBLIC, bootstrap: [], ...limits }, clock)
  const guarded = budget.guard(() => transport as unknown as Transport)({})
  /** How many of these dials were let through. */
  const dial = async (addresses: readonly string[]) => {
    const before = dialled.length
    for (const address of addresses) {
      await guarded.dial(multiaddr(address), {} as Parameters<Transport['dial']>[1]).catch(() => undefined)
    }
    return dialled.length - before
  }
  /** Someone of an IP group names them. */
  const name = (namer: string, addresses: readonly string[]) => {
    for (const address of addresses) budget.namers.named(namer, multiaddr(address).bytes)
  }
  return { clock, dial, guarded, name }
}

const inGroups = (count: number) => Array.from({ length: count }, (_, at) => `/ip4/20.${at}.0.1/tcp/4601`)
const inOneGroup = (count: number) => Array.from({ length: count }, (_, at) => `/ip4/20.1.0.${at}/tcp/4601`)

test('of 3,000 hosts that are named twenty are dialled at once, and then five a second', async () => {
  const { clock, dial } = setUp()
  const many = Array.from({ length: 3000 }, (_, at) => `/ip4/${20 + (at % 150)}.${at % 250}.0.1/tcp/4601`)
  assert.equal(await dial(many), 20)
  clock.advance(1000)
  assert.equal(await dial(many), 5)
})

test('of one IP group five at once, then one a second; others have their share still', async () => {
  const { clock, dial } = setUp()
  assert.equal(await dial(inOneGroup(100)), 5)
  clock.advance(1000)
  assert.equal(await dial(inOneGroup(100)), 1)
  assert.equal(await dial(inGroups(10)), 9)
})

test('a host that was reached before, or is configured, is free', async () => {
  const bootstrap = ['/ip4/30.0.0.1/tcp/4601/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5']
  const { dial } = setUp({ bootstrap }, ['20.0.0.1'])
  await dial(inGroups(40))
  assert.equal(await dial(inGroups(40)), 1, 'the one that answered')
  const again = Array.from({ length: 30 }, () => '/ip4/30.0.0.1/tcp/4601')
  assert.equal(await dial(again), 30)
})

test('a host that was reached at one port is not free at the others', async () => {
  const { dial } = setUp({}, ['20.1.0.1'])
  await dial(['/ip4/20.1.0.1/tcp/4601'])
  assert.equal(await dial(Array.from({ length: 100 }, (_, at) => `/ip4/20.1.0.1/tcp/${5000 + at}`)), 4)
})

test('of what one IP group names four dials may fail, and four more ten minutes later', async () => {
  const { clock, dial, name } = setUp()
  name('66.1', inGroups(100))
  assert.equal(await dial(inGroups(20)), 4)
  clock.advance(100_000)
  assert.equal(await dial(inGroups(20)), 0)
  clock.advance(500_000)
  assert.equal(await dial(inGroups(20)), 4)
})

test('who is configured to join by may name sixteen in vain', async () => {
  const { dial, name } = setUp({ bootstrap: ['/ip4/66.1.0.1/tcp/4601'] })
  name('66.1', inGroups(100))
  assert.equal(await dial(inGroups(20)), 16)
})

test('who has named such as are there may name more in vain', async () => {
  const living = Array.from({ length: 9 }, (_, at) => `20.${at}.0.1`)
  const { clock, dial, name } = setUp({}, living)
  name('66.1', inGroups(100))
  await dial(inGroups(9))
  clock.advance(10_000)
  assert.equal(await dial(inGroups(100).slice(9, 29)), 16)
})

test('a host is dialled on the word of another when the first to name it has named too many in vain', async () => {
  const { dial, name } = setUp()
  name('66.1', inGroups(10))
  await dial(inGroups(4))
  name('77.1', inGroups(10))
  assert.equal(await dial(inGroups(10)), 4)
})

test('what is refused says that it was this node', async () => {
  const { dial, guarded } = setUp()
  await dial(inGroups(20))
  const address = multiaddr('/ip4/21.0.0.1/tcp/4601')
  await assert.rejects(guarded.dial(address, {} as Parameters<Transport['dial']>[1]), DialRefused)
  const refused = new DialRefused('Enough.')
  assert.ok(isDialRefused(new AggregateError([new Error('gone'), refused])))
  assert.ok(isDialRefused(new Error('all failed', { cause: refused })))
  assert.equal(isDialRefused(new AggregateError([new Error('gone')])), false)
})

test('on loopback only, a hundred nodes of one machine may know each other', async () => {
  const { dial } = setUp({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  const ports = Array.from({ length: 100 }, (_, at) => `/ip4/127.0.0.1/tcp/${2000 + at}`)
  assert.equal(await dial(ports), 100)
})
