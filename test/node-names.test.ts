/** Nodes that are found by name: whoever chose it, and nobody else. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { answersOf, ask, verdictOf } from './support/asking.ts'
import { type TestNode, TestNodes } from './support/test-nodes.ts'
import { until } from './support/until.ts'

interface Known {
  readonly peers: number
  readonly name?: string
  readonly addresses: readonly string[]
}

const COUNT = 5

describe('the name of a node', () => {
  const network = new TestNodes()
  const nodes: TestNode[] = []
  let known: Known
  const name = () => known.name ?? ''

  before(async () => {
    for (let number = 0; number < COUNT; number++) {
      // The first is known to all, so that the named one is a stranger to the last.
      const bootstrap = nodes.slice(0, 1).flatMap(({ daemon }) => daemon.addresses)
      nodes.push(await network.open({ bootstrap, named: number === 1 }))
    }
    for (const each of nodes) await until(async () => (await each.get<Known>('/v1/node')).peers === COUNT - 1)
    known = await (nodes[1] as TestNode).get<Known>('/v1/node')
  })
  after(async () => await network[Symbol.asyncDispose]())

  test('is its peer id in base36, which is one label of a name', () => {
    assert.match(name(), /^k51[0-9a-z]{59}\.peer\.kad\.alt$/)
  })

  for (const at of [0, 1, 4]) {
    test(`is answered by node ${at} with its address and port, and with how other nodes dial it`, async () => {
      const dns = (nodes[at] as TestNode).dns
      const [address = ''] = known.addresses
      const port = Number(/tcp\/(\d+)/.exec(address)?.[1])
      assert.deepEqual(answersOf(await ask(dns, `${name()} A`)), [`${name()}. 60 A 127.0.0.1`])
      assert.deepEqual(answersOf(await ask(dns, `${name()} SRV`)), [
        `${name()}. 60 SRV 0 0 ${port} ${name()}.`,
      ])
      assert.deepEqual(answersOf(await ask(dns, `_dnsaddr.${name()} TXT`)), [
        `_dnsaddr.${name()}. 60 TXT "dnsaddr=${address}"`,
      ])
      const none = await ask(dns, `${name()} AAAA`)
      assert.deepEqual([none.rcode, none.answers.length], [0, 0])
    })
  }

  test('is nobody’s where a node has not chosen one, and nothing else is below it', async () => {
    const { dns, daemon } = nodes[4] as TestNode
    const { nodeLabel } = await import('../src/dht/named-nodes.ts')
    const { peerIdFromString } = await import('@libp2p/peer-id')
    const other = nodeLabel(peerIdFromString((nodes[2] as TestNode).daemon.peerId))
    const own = nodeLabel(peerIdFromString(daemon.peerId))
    for (const absent of [
      `${other}.peer.kad.alt`,
      `${own}.peer.kad.alt`,
      `www.${name()}`,
      'k51.peer.kad.alt',
    ])
      assert.equal(verdictOf(await ask(dns, `${absent} A`)), 'NXDOMAIN, SOA', absent)
  })
})
