import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { initialMode, reachOf } from '../../src/dht/reach.ts'
import { TEST_DHT_CONFIG, TestNetwork } from '../support/dht.ts'
import { until } from '../support/until.ts'

const auto = { ...TEST_DHT_CONFIG, mode: 'auto', listen: ['/ip4/0.0.0.0/tcp/0'] } as const

describe('server or client', () => {
  test('a node that listens to everybody waits until its address is confirmed', () => {
    assert.equal(initialMode(auto), undefined)
    assert.match(reachOf(auto, 'client').reason, /^Not reachable from outside, because /)
    assert.match(reachOf(auto, 'server').reason, /^Other nodes have reached this one/)
  })

  test('what was said by hand is not waited for', () => {
    const announce = ['/ip4/8.8.8.8/tcp/4601']
    for (const said of [{ announce }, { acceptAddresses: 'any' }, { acceptAddresses: 'local' }] as const)
      assert.equal(initialMode({ ...auto, ...said }), 'server')
    assert.equal(initialMode({ ...auto, mode: 'client', announce }), 'client')
    assert.equal(initialMode({ ...auto, mode: 'server' }), 'server')
  })

  test('nodes on loopback are servers at once, and know each other', async () => {
    await using network = await TestNetwork.open(2, { mode: 'auto' })
    assert.deepEqual(
      network.nodes.map((node) => node.reach()),
      Array.from({ length: 2 }, () => ({ mode: 'server', reason: 'This node listens on loopback only.' })),
    )
  })
})

const hasIpv6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ family }) => family === 'IPv6'),
)

test('nodes that listen on IPv4 and IPv6 say so, and meet by either', {
  skip: !hasIpv6 && 'no IPv6 here',
}, async () => {
  await using network = await TestNetwork.open(1, { listen: ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0'] })
  const [first] = network.nodes
  assert.deepEqual(
    first?.addresses().map((address) => address.split('/')[1]),
    ['ip4', 'ip6'],
  )
  for (const bootstrap of first?.addresses() ?? []) {
    const second = await network.join({
      listen: [bootstrap.replace(/tcp.*/, 'tcp/0')],
      bootstrap: [bootstrap],
    })
    await until(() => second.peerCount() > 0)
  }
})
