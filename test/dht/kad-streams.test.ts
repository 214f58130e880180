/** Nobody makes a node buffer a long message by kad-dht's own protocol, by asking or by answering. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { DhtFault } from '../../src/dht/fault.ts'
import { boundedKad, MessageLengths } from '../../src/dht/kad-streams.ts'
import { TestNetwork } from '../support/dht.ts'

const KAD = '/kadns/test/kad/1.0.0'

function varint(value: number): Buffer {
  const octets: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    octets.push(left < 128 ? left : (left % 128) + 128)
    if (left < 128) return Buffer.from(octets)
  }
}

const message = (length: number) => Buffer.concat([varint(length), Buffer.alloc(length)])

test('messages of up to 8 KiB pass, however they are cut; a longer one is known by its length', () => {
  const octets = Buffer.concat([
    message(0),
    message(1),
    message(127),
    message(128),
    message(8192),
    message(5),
  ])
  for (const size of [1, 2, 3, 100, octets.length]) {
    const lengths = new MessageLengths()
    for (let at = 0; at < octets.length; at += size) assert.ok(lengths.hear(octets.subarray(at, at + size)))
    assert.equal(lengths.hear(varint(8193)), false)
  }
})

test('a length that never ends, or is meant to overflow, is over the bound', () => {
  assert.equal(new MessageLengths().hear(Buffer.alloc(10, 0x80)), false)
  assert.equal(new MessageLengths().hear(Buffer.alloc(10, 0xff)), false)
})

async function plainNode(): Promise<Libp2p> {
  return await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
}

test('a peer that announces 3.9 MB is cut off by the length, before it has sent them', async () => {
  await using network = await TestNetwork.open(1)
  const node = await plainNode()
  await using _opened = { [Symbol.asyncDispose]: async () => await node.stop() }
  const connection = await node.dial(multiaddr(network.nodes[0]!.addresses()[0]))
  const [long, short] = [await connection.newStream(KAD), await connection.newStream(KAD)]
  long.send(Buffer.concat([varint(3_900_000), Buffer.alloc(1000)]))
  short.send(Buffer.concat([varint(8192), Buffer.alloc(1000)]))
  await connection.newStream('/ipfs/ping/1.0.0') // there and back: what it was answered before has come
  assert.deepEqual([long.status, short.status], ['reset', 'open'])
})

/** A stream that is given what the test wants, and keeps why it was aborted. */
class FakeStream extends EventTarget {
  readonly aborted: Error[] = []

  abort(cause: Error): void {
    this.aborted.push(cause)
  }

  receive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }
}

test('an answer is bounded like a question, and what is asked of other parts is left alone', async () => {
  const stream = new FakeStream()
  const peer = peerIdFromString('12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5')
  const components = {
    registrar: {},
    connectionManager: { openStream: async () => stream as unknown as Stream },
    peerId: peer,
  }
  let given: typeof components | undefined
  boundedKad(((parts: typeof components) => {
    given = parts
  }) as unknown as Parameters<typeof boundedKad>[0])(components as never)
  assert.equal(given?.peerId, peer)
  assert.equal(await given.connectionManager.openStream(), stream)
  stream.receive(message(8192))
  assert.equal(stream.aborted.length, 0)
  stream.receive(varint(3_900_000))
  assert.ok(stream.aborted[0] instanceof DhtFault)
})
