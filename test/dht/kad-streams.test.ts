/** Nobody makes a node buffer a long message by kad-dht's own protocol, by asking or by answering. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { DialRefused } from '../../src/dht/dial-budget.ts'
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

/** PING with a key of 40 octets. */
const PING = Buffer.concat([varint(44), Buffer.from([8, 5, 18, 40]), Buffer.alloc(40)])

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

test('who asks on without waiting for answers is cut off before 8 KiB wait, however short each question is', async () => {
  await using network = await TestNetwork.open(1)
  const node = await plainNode()
  await using _opened = { [Symbol.asyncDispose]: async () => await node.stop() }
  const connection = await node.dial(multiaddr(network.nodes[0]!.addresses()[0]))
  const [hasty, patient] = [await connection.newStream(KAD), await connection.newStream(KAD)]
  hasty.send(Buffer.concat(Array.from({ length: 1000 }, () => PING)))
  for (let asked = 0; asked < 1000; asked++) {
    const answer = once(patient, 'message')
    patient.send(PING)
    await answer
  }
  assert.deepEqual([hasty.status, patient.status], ['reset', 'open'])
})

/** A stream that is given what the test wants, and keeps why it was aborted. */
class FakeStream extends EventTarget {
  readonly aborted: Error[] = []

  abort(cause: Error): void {
    this.aborted.push(cause)
  }

  send(_octets: Uint8Array): boolean {
    return true
  }

  receive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message', { cancelable: true }), { data }))
  }
}

/** kad-dht's end of a stream that it opened, and how many octets came through to it. */
async function openBounded(): Promise<{ stream: FakeStream; buffered: () => number }> {
  const stream = new FakeStream()
  let buffered = 0
  const peer = peerIdFromString('12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5')
  const components = {
    registrar: {},
    connectionManager: { openStream: async () => stream as unknown as Stream },
    ping: {},
    peerId: peer,
  }
  let given: typeof components | undefined
  boundedKad(((parts: typeof components) => {
    given = parts
  }) as unknown as Parameters<typeof boundedKad>[0])(components as never)
  assert.equal(given?.peerId, peer)
  assert.equal(await given.connectionManager.openStream(), stream)
  stream.addEventListener('message', (event) => {
    buffered += (event as Event & { data: Uint8Array }).data.length
  })
  return { stream, buffered: () => buffered }
}

test('an answer is bounded like a question, and of what is over the bound nothing is buffered', async () => {
  const { stream, buffered } = await openBounded()
  const longest = message(8192)
  for (let asked = 0; asked < 3; asked++) {
    stream.send(message(1))
    stream.receive(longest)
  }
  assert.deepEqual([stream.aborted.length, buffered()], [0, 3 * longest.length])
  stream.send(message(1))
  stream.receive(Buffer.concat([varint(3_900_000), Buffer.alloc(200_000)]))
  stream.receive(message(1))
  assert.ok(stream.aborted[0] instanceof DhtFault)
  assert.equal(buffered(), 3 * longest.length)
})

test('answers to questions nobody asked do not pile up, however slowly they come', async () => {
  const { stream, buffered } = await openBounded()
  for (let asked = 0; asked < 100; asked++) {
    stream.send(message(1))
    for (let more = 0; more < 10; more++) stream.receive(message(100))
  }
  assert.ok(stream.aborted[0] instanceof DhtFault)
  assert.ok(buffered() <= 3 * message(100).length, `${buffered()}`)
})

test('a contact that this node itself would not dial answers kad-dht for as long as it is in the routing table', async () => {
  const known = peerIdFromString('12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5')
  const stranger = peerIdFromString('12D3KooWEidYMRpZB1hD5zivJqSjeWoPE3QQ2VN94ifGGTeo1yUk')
  let fault: Error = new DialRefused('Too many hosts were dialled within a few seconds.')
  const components = {
    registrar: {},
    connectionManager: {},
    ping: {
      ping: async () => {
        throw fault
      },
    },
  }
  type Make = Parameters<typeof boundedKad>[0]
  let given: Parameters<Make>[0] | undefined
  const routingTable = { find: async (peer: unknown) => (peer === known ? peer : undefined) }
  const make = (parts: typeof given) => {
    given = parts
    return { routingTable }
  }
  boundedKad(make as unknown as Make)(components as never)
  assert.equal(await given?.ping.ping(known), 0)
  await assert.rejects(async () => await given?.ping.ping(stranger), DialRefused)
  fault = new Error('Nobody is there.')
  await assert.rejects(async () => await given?.ping.ping(known), fault)
})
