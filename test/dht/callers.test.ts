/** What proves that others get in: that peers of two IP groups have, not that one of them says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, Libp2p } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { withoutPeer } from '../../src/dht/addresses.ts'
import { Callers } from '../../src/dht/callers.ts'
import { createHost, startHost } from '../../src/dht/host.ts'
import { loadIdentity } from '../../src/dht/identity.ts'
import { TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const OWN = multiaddr('/ip4/8.8.8.8/tcp/4601')
const HOUR = 3_600_000

const from = (address: string, direction: Connection['direction'] = 'inbound') => ({
  direction,
  remoteAddr: multiaddr(address),
})

test('an address is reached when peers of two IP groups have dialled in', () => {
  const callers = new Callers(new ManualClock())
  for (const address of ['/ip4/9.1.0.1/tcp/40001', '/ip4/9.1.7.7/tcp/40002', '/ip4/9.1.0.1/tcp/40003'])
    callers.note(from(address))
  assert.equal(callers.haveReached(OWN), false)
  callers.note(from('/ip4/9.2.0.1/tcp/40001'))
  assert.equal(callers.haveReached(OWN), true)
})

test('who was dialled, and who is in a private network, proves nothing', () => {
  const callers = new Callers(new ManualClock())
  callers.note(from('/ip4/9.1.0.1/tcp/40001'))
  callers.note(from('/ip4/9.2.0.1/tcp/40001', 'outbound'))
  for (const address of ['10.0.0.1', '192.168.1.1', '127.0.0.1', '100.64.0.1'])
    callers.note(from(`/ip4/${address}/tcp/40001`))
  assert.equal(callers.haveReached(OWN), false)
})

test('getting in by IPv4 proves nothing of IPv6', () => {
  const callers = new Callers(new ManualClock())
  for (const address of ['/ip4/9.1.0.1', '/ip4/9.2.0.1', '/ip6/2a00:1::1'])
    callers.note(from(`${address}/tcp/40001`))
  const own = multiaddr('/ip6/2a00:5::5/tcp/4601')
  assert.equal(callers.haveReached(own), false)
  callers.note(from('/ip6/2a00:2::1/tcp/40001'))
  assert.equal(callers.haveReached(own), true)
})

test('who dialled in more than an hour ago is not counted, until it does so again', () => {
  const clock = new ManualClock()
  const callers = new Callers(clock)
  callers.note(from('/ip4/9.1.0.1/tcp/40001'))
  clock.advance(HOUR)
  callers.note(from('/ip4/9.2.0.1/tcp/40001'))
  assert.equal(callers.haveReached(OWN), true)
  clock.advance(1)
  assert.equal(callers.haveReached(OWN), false)
  callers.note(from('/ip4/9.1.0.1/tcp/40001'))
  assert.equal(callers.haveReached(OWN), true)
})

test('with dht.mode auto, a node turns server on no word that its address was dialled, before two groups have got in', async () => {
  await using node = await autoNode()
  node.confirm()
  node.call('/ip4/9.1.0.1/tcp/40001')
  node.confirm()
  assert.equal(node.isKnownBy(), false)
  assert.equal(node.mode(), 'client')
  node.call('/ip4/9.2.0.1/tcp/40001')
  node.confirm()
  assert.equal(node.isKnownBy(), true)
  await until(() => node.mode() === 'server')
})

/** The parts of a libp2p node that its interface does not show. */
interface Inside extends Libp2p {
  readonly components: {
    readonly addressManager: Record<'addObservedAddr' | 'confirmObservedAddr', (address: Multiaddr) => void>
  }
}

/** The real node; only who called, and that AutoNAT believes the address, is said to it. */
async function autoNode() {
  const datastore = new MemoryDatastore()
  const config = { ...TEST_DHT_CONFIG, mode: 'auto', listen: ['/ip4/0.0.0.0/tcp/0'] } as const
  const identity = await loadIdentity(datastore)
  const host = await createHost({ config, datastore, identity, clock: new ManualClock() })
  await startHost(host, config)
  const { addressManager } = (host.node as Inside).components
  addressManager.addObservedAddr(OWN)
  return {
    confirm: () => addressManager.confirmObservedAddr(OWN),
    call: (address: string) =>
      host.node.dispatchEvent(new CustomEvent('connection:open', { detail: from(address) as Connection })),
    isKnownBy: () => host.node.getMultiaddrs().some((each) => withoutPeer(each) === OWN.toString()),
    mode: () => host.kad.getMode(),
    [Symbol.asyncDispose]: async () => await host[Symbol.asyncDispose](),
  }
}
