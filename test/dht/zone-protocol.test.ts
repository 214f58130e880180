import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import type { DhtConfig } from '../../src/dht/config.ts'
import {
  decodeReply,
  encodeRequest,
  type GetRequest,
  type Request,
  type TimedReply,
} from '../../src/dht/frames.ts'
import { serveZones, type ZoneServerNeeds } from '../../src/dht/zone-protocol.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

/** The end of a stream that a handler is given: what is sent on it is kept. */
class FakeStream extends EventTarget {
  readonly status = 'open'
  readonly sent: TimedReply[] = []

  send(octets: Uint8Array): boolean {
    this.sent.push(decodeReply(octets.subarray(2)))
    return true
  }

  receive(octets: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: octets }))
  }
}

/** The protocol as a node with a global address serves it; `peer` connects from an address and asks on a stream. */
async function setUp(config: Partial<DhtConfig>) {
  const clock = new ManualClock()
  const all = { ...TEST_DHT_CONFIG, listen: ['/ip4/0.0.0.0/tcp/4601'], ...config }
  const datastore = new MemoryDatastore()
  const logger = silentLogger
  const store = await openZoneStore({ datastore, clock, logger, config: all, self: new Uint8Array(32) })
  let serve: ((stream: Stream, connection: Connection) => void) | undefined
  const node = {
    handle: async (_: string, handler: typeof serve) => {
      serve = handler
    },
    getConnections: () => [],
  }
  const routingTable = { closestPeers: () => [] }
  const elsewhere = new Map<string, Uint8Array>()
  const forward = async ({ key }: GetRequest) => elsewhere.get(Buffer.from(key).toString('hex'))
  const needs = { node, store, routingTable, contacts: {}, forward, clock, logger, config: all }
  await serveZones(needs as unknown as ZoneServerNeeds)
  const peer = async (address: string) => {
    const remotePeer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const connection = { remotePeer, remoteAddr: multiaddr(address) } as Connection
    return () => {
      const stream = new FakeStream()
      serve?.(stream as unknown as Stream, connection)
      return async (...requests: Request[]) => {
        const before = stream.sent.length
        for (const [request, each] of requests.entries()) stream.receive(encodeRequest({ ...each, request }))
        await until(() => stream.sent.length === before + requests.length)
        return stream.sent
          .slice(before)
          .sort((a, b) => a.request - b.request)
          .map(({ kind }) => kind)
      }
    }
  }
  return { clock, elsewhere, peer }
}

const BUDGET = { replica: 0, hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 800 } as const

function getOf({ key }: TestOwner): Request {
  return { ...BUDGET, kind: 'get', key: key.bytes, have: undefined }
}

function putOf(owner: TestOwner): Request {
  return { ...BUDGET, kind: 'put', bytes: owner.sign().bytes }
}

test('a peer that asks too fast is told busy, on whatever stream; others are answered', async () => {
  const { clock, peer } = await setUp({ maxRequestsPerSecond: 2 })
  const owner = new TestOwner(() => clock.now())
  const [hasty, other] = [await peer('/ip4/8.8.1.1/tcp/4601'), await peer('/ip4/8.8.1.1/tcp/4601')]
  const gets = Array.from({ length: 3 }, () => getOf(owner))
  assert.deepEqual(await hasty()(...gets), ['absent', 'absent', 'absent'])
  assert.deepEqual(await hasty()(...gets), ['absent', 'busy', 'busy'])
  assert.deepEqual(await other()(...gets), ['absent', 'absent', 'absent'])
  clock.advance(1000)
  assert.deepEqual(await hasty()(...gets), ['absent', 'absent', 'busy'])
})

test('peers of one IP group share the rate of new zones; a newer zone of a known key is free', async () => {
  const { clock, peer } = await setUp({ maxNewZonesPerMinute: 3 })
  const owners = Array.from({ length: 4 }, () => new TestOwner(() => clock.now()))
  const [first, second, third, fourth] = owners as [TestOwner, TestOwner, TestOwner, TestOwner]
  const one = (await peer('/ip4/8.8.1.1/tcp/4601'))()
  const neighbour = (await peer('/ip4/8.8.2.2/tcp/4602'))()
  const stranger = (await peer('/ip4/8.9.2.2/tcp/4602'))()
  assert.deepEqual(await one(putOf(first), putOf(second)), ['stored', 'stored'])
  assert.deepEqual(await neighbour(putOf(third), putOf(fourth)), ['stored', 'busy'])
  assert.deepEqual(await neighbour(putOf(first), putOf(second)), ['stored', 'stored'])
  assert.deepEqual(await stranger(putOf(fourth)), ['stored'])
})

test('what this node does not hold comes from a nearer peer, and is told to be that; its own comes from itself', async () => {
  const { clock, elsewhere, peer } = await setUp({})
  const ask = (await peer('/ip4/8.8.1.1/tcp/4601'))()
  const owner = new TestOwner(() => clock.now())
  elsewhere.set(Buffer.from(owner.key.bytes).toString('hex'), owner.sign().bytes)
  assert.deepEqual(await ask(getOf(owner)), ['relayed'])
  assert.deepEqual(await ask(putOf(owner)), ['stored'])
  assert.deepEqual(await ask(getOf(owner)), ['found'])
})
