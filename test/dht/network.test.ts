import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../src/clock.ts'
import { type NetworkDirectory, openDirectory } from '../../src/dht/directory.ts'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import { decodeReply, encodeRequest, type TimedReply, ZONE_PROTOCOL } from '../../src/dht/frames.ts'
import { getValue, type Kad } from '../../src/dht/kad.ts'
import { encodeRecordKey } from '../../src/dht/record-key.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG, TestNetwork, temporaryDirectory } from '../support/dht.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const { signal } = new AbortController()

/** The zone a node finds, asking the network anew however fresh its copy is. */
async function foundBy(node: NetworkDirectory, { key }: SignedZone): Promise<SignedZone> {
  const lookup = await node.find(key, { signal, maxAge: -1 })
  assert.equal(lookup.kind, 'found')
  assert.ok(lookup.kind === 'found')
  return lookup.zone
}

/** A node of libp2p as it comes: it checks nothing and speaks kad-dht only. */
async function stockNode(
  join: NetworkDirectory,
): Promise<AsyncDisposable & { kad: Kad; dial: (address: string) => Promise<unknown> }> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1000 },
    services: {
      identify: identify(),
      ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }),
      kad: kadDHT({
        protocol: '/kadns/test/kad/1.0.0',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        initialQuerySelfInterval: 50,
        validators: { zone: () => undefined },
        selectors: { zone: () => 0 },
      }),
    },
  })
  const dial = async (address: string) => await node.dial(multiaddr(address))
  await dial(join.addresses()[0]!)
  const kad = node.services.kad as Kad
  return { kad, dial, [Symbol.asyncDispose]: async () => await node.stop() }
}

/** Tells a stock node's DHT to put octets, and gives back how many nodes took them. */
async function stockPut(kad: Kad, zone: Pick<SignedZone, 'key' | 'bytes'>): Promise<number> {
  let taken = 0
  for await (const event of kad.put(encodeRecordKey(zone.key, 0), zone.bytes)) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') taken++
  }
  return taken
}

/** What the first node asked by kad-dht's GET_VALUE says to hold. */
async function stockGet(kad: Kad, { key }: Pick<SignedZone, 'key'>): Promise<Uint8Array | undefined> {
  const [peer] = kad.routingTable.closestPeers(key.bytes, { count: 1 })
  assert.ok(peer)
  const request = { kind: 'get', key: key.bytes, replica: 0, hopsLeft: 0, messagesLeft: 0 } as const
  const reply = await getValue(kad, { peer, signal }, { ...request, have: undefined, millisecondsLeft: 800 })
  return reply.kind === 'found' ? Buffer.from(reply.bytes) : undefined
}

test('a zone published on one node is found on all, and by who joins when the publisher and half of the rest are gone', async () => {
  await using network = await TestNetwork.open(7)
  const zone = new TestOwner().sign('hello')
  const publisher = network.nodes[3]!
  assert.deepEqual(await publisher.publish(zone, signal), { storedOn: 6 })
  for (const node of network.nodes) assert.deepEqual((await foundBy(node, zone)).bytes, zone.bytes)

  const leaving = [
    publisher,
    ...network.nodes.filter((node) => node !== publisher && node !== network.nodes[0]).slice(0, 3),
  ]
  for (const node of leaving) await network.leave(node)
  const joiner = await network.join()
  assert.deepEqual((await foundBy(joiner, zone)).bytes, zone.bytes)
})

test('three nodes: a zone is stored on the two others and a newer one takes its place everywhere', async () => {
  await using network = await TestNetwork.open(3)
  const [first, second, third] = network.nodes as [NetworkDirectory, NetworkDirectory, NetworkDirectory]
  const owner = new TestOwner()
  const heard: bigint[] = []
  using _watching = third.watch(({ sequence }) => heard.push(sequence))
  const [older, newer] = [owner.sign('1'), owner.sign('2')]
  assert.deepEqual(await first.publish(older, signal), { storedOn: 2 })
  assert.deepEqual(await first.publish(newer, signal), { storedOn: 2 })
  assert.equal((await foundBy(second, newer)).sequence, newer.sequence)
  assert.deepEqual(heard, [older.sequence, newer.sequence])
  assert.equal(await third.floorOf(owner.key), newer.sequence)
  await assert.rejects(second.publish(older, signal), { name: 'ZoneFault', reason: 'older' })
})

test('who publishes an older zone than the network holds is told so, and holds the newer then', async () => {
  await using network = await TestNetwork.open(3)
  const owner = new TestOwner()
  const [older, newer] = [owner.sign('1'), owner.sign('2')]
  await network.nodes[0]!.publish(newer, signal)
  const joiner = await network.join()
  await until(() => joiner.peerCount() > 0)
  await assert.rejects(joiner.publish(older, signal), { name: 'ZoneFault', reason: 'older' })
  assert.equal(await joiner.floorOf(owner.key), newer.sequence)
})

test('what nobody published is absent among four nodes, unreachable among three and alone', async () => {
  await using network = await TestNetwork.open(4)
  const { key } = new TestOwner()
  assert.equal((await network.nodes[0]!.find(key, { signal })).kind, 'absent')
  await network.leave(network.nodes[3]!)
  await using small = await TestNetwork.open(3)
  assert.equal((await small.nodes[0]!.find(key, { signal })).kind, 'unreachable')
  await using alone = await TestNetwork.open(1)
  assert.equal((await alone.nodes[0]!.find(key, { signal })).kind, 'unreachable')
  assert.deepEqual(await alone.nodes[0]!.publish(new TestOwner().sign(), signal), { storedOn: 0 })
})

test('a copy that came by put is confirmed before it is fresh, and then answers without the network', async () => {
  await using network = await TestNetwork.open(3)
  const zone = new TestOwner().sign()
  const [publisher, holder] = network.nodes as [NetworkDirectory, NetworkDirectory]
  await publisher.publish(zone, signal)
  const first = await holder.find(zone.key, { signal })
  const second = await holder.find(zone.key, { signal })
  assert.ok(first.kind === 'found' && second.kind === 'found')
  assert.ok(first.effort.asked > 0)
  assert.deepEqual([second.effort.asked, second.age < 60], [0, true])
  await until(async () => {
    const later = await holder.find(zone.key, { signal })
    return later.kind === 'found' && later.freshFor > 200 // the walk behind the answer has heard the others
  })
  const own = await publisher.find(zone.key, { signal })
  assert.ok(own.kind === 'found')
  assert.equal(own.effort.asked, 0)
})

test('a copy at home is served with its true age when nobody can confirm it', async () => {
  await using network = await TestNetwork.open(2)
  const zone = new TestOwner().sign()
  const [publisher, holder] = network.nodes as [NetworkDirectory, NetworkDirectory]
  await publisher.publish(zone, signal)
  await network.leave(publisher)
  const lookup = await holder.find(zone.key, { signal })
  assert.ok(lookup.kind === 'found')
  assert.deepEqual([lookup.age, lookup.freshFor], [Infinity, 0])
})

test('kad-dht puts of an older, a forged or an oversize record change nothing', async () => {
  await using network = await TestNetwork.open(3)
  const owner = new TestOwner()
  const [older, newer] = [owner.sign('1'), owner.sign('2')]
  await network.nodes[0]!.publish(newer, signal)
  await using rogue = await stockNode(network.nodes[0]!)
  await until(() => rogue.kad.routingTable.size === 3)
  const forged = Uint8Array.from(newer.bytes, (octet, at) => (at === 101 ? octet ^ 1 : octet))
  assert.equal(await stockPut(rogue.kad, older), 0)
  assert.equal(await stockPut(rogue.kad, { key: owner.key, bytes: forged }), 0)
  assert.equal(
    await stockPut(rogue.kad, { key: owner.key, bytes: Buffer.concat([newer.bytes, Buffer.alloc(2000)]) }),
    0,
  )
  for (const node of network.nodes) assert.equal((await foundBy(node, newer)).sequence, newer.sequence)
  const newest = owner.sign('3')
  assert.equal(await stockPut(rogue.kad, newest), 3)
  for (const node of network.nodes) assert.equal((await foundBy(node, newest)).sequence, newest.sequence)
})

test('a peer that speaks kad-dht only is given zones and asked for them by its own requests', async () => {
  await using network = await TestNetwork.open(1)
  const node = network.nodes[0]!
  await using stock = await stockNode(node)
  await until(() => node.peerCount() === 1)
  const zone = new TestOwner().sign()
  assert.deepEqual(await node.publish(zone, signal), { storedOn: 1 })
  const joiner = await network.join({ bootstrap: [] })
  await stock.dial(joiner.addresses()[0]!)
  await network.leave(node)
  await until(() => joiner.peerCount() > 0)
  assert.deepEqual((await foundBy(joiner, zone)).bytes, zone.bytes)
})

test('identity, zones and floors outlive a restart', async () => {
  await using network = await TestNetwork.open(2)
  await using directory = await temporaryDirectory()
  const needs = {
    path: directory.path,
    clock: systemClock,
    logger: silentLogger,
    config: { ...TEST_DHT_CONFIG },
  }
  const owner = new TestOwner()
  const older = owner.sign()
  const zone = owner.sign()
  const before = await openDirectory(needs)
  const { peerId } = before
  await before.publish(zone, signal)
  await before[Symbol.asyncDispose]()
  await using after = await openDirectory({
    ...needs,
    config: { ...TEST_DHT_CONFIG, bootstrap: network.nodes[0]!.addresses() },
  })
  assert.equal(after.peerId, peerId)
  assert.deepEqual((await foundBy(after, zone)).bytes, zone.bytes)
  assert.equal(await after.floorOf(owner.key), zone.sequence)
  await assert.rejects(after.publish(older, signal), { reason: 'older' })
})

test('a second node on the same directory, a taken port and a bad address are told plainly', async () => {
  await using network = await TestNetwork.open(1)
  await using directory = await temporaryDirectory()
  const needs = { path: directory.path, clock: systemClock, logger: silentLogger, config: TEST_DHT_CONFIG }
  {
    await using _open = await openDirectory(needs)
    await assert.rejects(openDirectory(needs), { name: 'DhtFault', reason: 'storage' })
  }
  const taken = network.nodes[0]!.addresses()[0]!.replace(/\/p2p\/.*/, '')
  const listening = { ...needs, config: { ...TEST_DHT_CONFIG, listen: [taken] } }
  const message = new RegExp(`${taken}.*EADDRINUSE`)
  await assert.rejects(openDirectory(listening), { name: 'DhtFault', reason: 'listen', message })
  const wrong = { ...needs, config: { ...TEST_DHT_CONFIG, bootstrap: ['localhost:4601'] } }
  await assert.rejects(openDirectory(wrong), { name: 'DhtFault', reason: 'address' })
  await using _afterwards = await openDirectory(needs)
})

test('a node that has just been opened waits for its first peer rather than giving up', async () => {
  await using network = await TestNetwork.open(3)
  const zone = new TestOwner().sign()
  await network.nodes[0]!.publish(zone, signal)
  const joiner = await network.join()
  assert.equal(joiner.peerCount(), 0)
  assert.deepEqual((await foundBy(joiner, zone)).bytes, zone.bytes)
})

test('a node to join by that cannot be reached neither stops the start nor delays a lookup to its deadline', async () => {
  await using network = await TestNetwork.open(1)
  const node = await network.join({ bootstrap: ['/ip4/127.0.0.1/tcp/1'], lookupTimeout: 60_000 })
  assert.equal((await node.find(new TestOwner().key, { signal })).kind, 'unreachable')
})

test('when a peer appears, those who watch for peers are told', async () => {
  await using network = await TestNetwork.open(1)
  let told = 0
  using _watching = network.nodes[0]!.watchPeers(() => told++)
  await network.join()
  await until(() => told > 0)
})

test('dead peers leave the routing table once they were tried', async () => {
  await using network = await TestNetwork.open(4)
  const [node, ...others] = network.nodes as [NetworkDirectory, ...NetworkDirectory[]]
  for (const other of others) await network.leave(other)
  await until(async () => {
    await node.find(new TestOwner().key, { signal })
    return node.peerCount() === 0
  })
})

test("a client finds and publishes but is in nobody's routing table", async () => {
  await using network = await TestNetwork.open(3)
  const client = await network.join({ mode: 'client' })
  await until(() => client.peerCount() === 3)
  const zone = new TestOwner().sign()
  assert.deepEqual(await client.publish(zone, signal), { storedOn: 3 })
  assert.deepEqual((await foundBy(network.nodes[1]!, zone)).bytes, zone.bytes)
  assert.equal(network.nodes[0]!.peerCount(), 2)
})

test('a stream that carries no frames is reset, and the node goes on answering', async () => {
  await using network = await TestNetwork.open(1)
  const node = network.nodes[0]!
  const zone = new TestOwner().sign()
  await node.publish(zone, signal)
  const hostile = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    for (const octets of ['ffff', '0003990000', '0006010000000100', '000b0200000001000000ffff00']) {
      const stream = await hostile.dialProtocol(multiaddr(node.addresses()[0]!), ZONE_PROTOCOL)
      const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
      stream.send(Buffer.from(octets, 'hex'))
      if (octets !== '000b0200000001000000ffff00') await closed
    }
  } finally {
    await hostile.stop()
  }
  assert.deepEqual((await foundBy(node, zone)).bytes, zone.bytes)
})

test('many lookups of one zone at once are one lookup, and each can be given up alone', async () => {
  await using network = await TestNetwork.open(4)
  const zone = new TestOwner().sign()
  await network.nodes[0]!.publish(zone, signal)
  const abort = new AbortController()
  const node = network.nodes[2]!
  const given = node.find(zone.key, { signal: abort.signal })
  const kept = Array.from({ length: 20 }, async () => await node.find(zone.key, { signal }))
  abort.abort(new Error('no more'))
  await assert.rejects(given, { message: 'no more' })
  const efforts = (await Promise.all(kept)).map(({ effort }) => effort)
  assert.equal(new Set(efforts).size, 1)
})

test('closing a node in the middle of a lookup and of publishing ends both', async () => {
  await using network = await TestNetwork.open(4)
  const node = network.nodes[1]!
  const finding = node.find(new TestOwner().key, { signal })
  const publishing = node.publish(new TestOwner().sign(), signal)
  await Promise.all([network.leave(node), finding, publishing])
  assert.ok(['absent', 'unreachable'].includes((await finding).kind))
})

test('who has just joined publishes to nodes it has yet to hear of', async () => {
  await using network = await TestNetwork.open(2)
  const joiner = await network.join()
  assert.deepEqual(await joiner.publish(new TestOwner().sign(), signal), { storedOn: 2 })
})

test('a peer that asks more at once than is served is told busy, and gets an answer to each', async () => {
  await using network = await TestNetwork.open(1, { maxRequestsInFlight: 4 })
  const node = network.nodes[0]!
  const zone = new TestOwner().sign()
  await node.publish(zone, signal)
  const asker = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    const stream = await asker.dialProtocol(multiaddr(node.addresses()[0]!), ZONE_PROTOCOL)
    const splitter = new FrameSplitter()
    const replies: TimedReply[] = []
    stream.addEventListener('message', ({ data }) => {
      for (const frame of splitter.push(data.subarray())) replies.push(decodeReply(Buffer.from(frame)))
    })
    const budget = { replica: 0, hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 1000 } as const
    const get = (request: number) => encodeRequest({ kind: 'get', request, key: zone.key.bytes, ...budget })
    stream.send(Buffer.concat(Array.from({ length: 40 }, (_, request) => get(request))))
    await until(() => replies.length === 40)
    assert.equal(new Set(replies.map(({ request }) => request)).size, 40)
    const kinds = new Set(replies.map(({ kind }) => kind))
    assert.deepEqual(kinds, new Set(['busy', 'found']))
  } finally {
    await asker.stop()
  }
})

test('a node on loopback looks for no neighbours', async () => {
  await using network = await TestNetwork.open(1, { local: 'auto' })
  assert.equal(network.nodes[0]!.local, undefined)
})

test('a zone for the local network is put on nobody in the wide area, and given to nobody there by either protocol', async () => {
  await using network = await TestNetwork.open(2)
  const [holder, asker] = network.nodes as [NetworkDirectory, NetworkDirectory]
  const owner = new TestOwner()
  const zone = owner.sign('at home', { soa: { scope: 'lan' } })
  assert.deepEqual(await holder.publish(zone, signal), { storedOn: 0 })
  assert.deepEqual((await foundBy(holder, zone)).bytes, zone.bytes)
  assert.equal((await asker.find(owner.key, { signal })).kind, 'unreachable')
  await using stock = await stockNode(holder)
  await until(() => stock.kad.routingTable.size > 0)
  assert.equal(await stockGet(stock.kad, zone), undefined)

  const everywhere = owner.sign('everywhere')
  await holder.publish(everywhere, signal)
  assert.deepEqual((await foundBy(asker, everywhere)).bytes, everywhere.bytes)
  assert.deepEqual(await stockGet(stock.kad, everywhere), Buffer.from(everywhere.bytes))
})

test('a zone for the local network is not taken from the wide area', async () => {
  await using network = await TestNetwork.open(1)
  const [node] = network.nodes as [NetworkDirectory]
  await using stock = await stockNode(node)
  await until(() => stock.kad.routingTable.size > 0)
  const owner = new TestOwner()
  assert.equal(await stockPut(stock.kad, owner.sign('at home', { soa: { scope: 'lan' } })), 0)
  assert.equal(await node.floorOf(owner.key), 0n)
  const wide = owner.sign('out there', { soa: { scope: 'wan' } })
  assert.equal(await stockPut(stock.kad, wide), 1)
  assert.equal(await node.floorOf(owner.key), wide.sequence)
})

test('who asked for a zone is told of its change, and has the newer one without asking again', async () => {
  await using network = await TestNetwork.open(3)
  const [publisher] = network.nodes as [NetworkDirectory]
  const reader = await network.join({ mode: 'client' }) // nobody puts a zone on a client
  await until(() => reader.peerCount() === 3)
  const owner = new TestOwner()
  const [older, newer] = [owner.sign(), owner.sign('www 60 IN A 192.0.2.9')]
  await publisher.publish(older, signal)
  assert.equal((await foundBy(reader, older)).sequence, older.sequence)
  const heard: SignedZone[] = []
  using _watch = reader.watch((zone) => heard.push(zone))
  await publisher.publish(newer, signal)
  await until(() => heard.length > 0)
  assert.deepEqual(heard[0]?.bytes, newer.bytes)
})
