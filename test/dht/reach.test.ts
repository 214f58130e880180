import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { initialMode, reachOf } from '../../src/dht/reach.ts'
import { TEST_DHT_CONFIG, TestNetwork } from '../support/dht.ts'

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
