/** A get passed on between real nodes: a peer that knows one of them has a zone that only the other holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../src/clock.ts'
import { contactOf } from '../../src/dht/contacts.ts'
import type { NetworkDirectory } from '../../src/dht/directory.ts'
import type { Contact, Request } from '../../src/dht/frames.ts'
import { PeerStreams } from '../../src/dht/peer-streams.ts'
import { distance, encodeRecordKey, kademliaId } from '../../src/dht/record-key.ts'
import { TEST_DHT_CONFIG, TestNetwork } from '../support/dht.ts'
import { TestOwner } from '../support/test-zone.ts'

const { signal } = new AbortController()
const ONLY_THERE = { replica: 0, hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 800 } as const

async function stranger() {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  const streams = new PeerStreams({
    node,
    clock: systemClock,
    config: TEST_DHT_CONFIG,
    changed: async () => true,
    reached: () => undefined,
    timed: () => undefined,
  })
  return {
    ask: async (of: NetworkDirectory, request: Request) =>
      await streams.request(contactAt(of), request, signal),
    [Symbol.asyncDispose]: async () => await node.stop(),
  }
}

function contactAt(node: NetworkDirectory): Contact {
  const [address] = node.addresses()
  return { ...contactOf(peerIdFromString(node.peerId)), addresses: [multiaddr(address).bytes] }
}

/** A name whose place is nearer to the one than to the other. */
function ownerNear(one: NetworkDirectory, other: NetworkDirectory): TestOwner {
  for (;;) {
    const owner = new TestOwner()
    const target = kademliaId(encodeRecordKey(owner.key, 0))
    const away = (node: NetworkDirectory) => distance(kademliaId(contactAt(node).id), target)
    if (Buffer.compare(away(one), away(other)) < 0) return owner
  }
}

test('a zone that a node does not hold it fetches from a nearer one, when it may', async () => {
  await using network = await TestNetwork.open(2)
  const [far, near] = network.nodes as [NetworkDirectory, NetworkDirectory]
  await using asker = await stranger()
  const owner = ownerNear(near, far)
  const zone = owner.sign()
  const put = await asker.ask(near, { kind: 'put', bytes: zone.bytes, ...ONLY_THERE })
  assert.equal(put.kind, 'stored')

  const get = { kind: 'get', key: owner.key.bytes, have: undefined, ...ONLY_THERE } as const
  assert.equal((await asker.ask(far, get)).kind, 'absent')
  const relayed = await asker.ask(far, { ...get, hopsLeft: 1, messagesLeft: 1 })
  assert.ok(relayed.kind === 'relayed')
  assert.deepEqual(Buffer.from(relayed.bytes), Buffer.from(zone.bytes))
  assert.equal((await asker.ask(far, get)).kind, 'absent', 'what was passed on is not kept')
  assert.equal((await asker.ask(near, get)).kind, 'found')
})

test('a node asks nobody who is further from a name than itself', async () => {
  await using network = await TestNetwork.open(2)
  const [far, near] = network.nodes as [NetworkDirectory, NetworkDirectory]
  await using asker = await stranger()
  const owner = ownerNear(near, far)
  await asker.ask(far, { kind: 'put', bytes: owner.sign().bytes, ...ONLY_THERE })
  const budget = { ...ONLY_THERE, hopsLeft: 3, messagesLeft: 6 }
  const reply = await asker.ask(near, { kind: 'get', key: owner.key.bytes, have: undefined, ...budget })
  assert.equal(reply.kind, 'absent')
})
