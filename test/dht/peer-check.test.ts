import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { DialRefused } from '../../src/dht/dial-budget.ts'
import { Liveness } from '../../src/dht/liveness.ts'
import { PeerCheck } from '../../src/dht/peer-check.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'

const MINUTE = 60_000
const config = { checkInterval: MINUTE, dialTimeout: 3000 }

/** A routing table of so many peers, of which those in `dead` do not answer. */
async function setUp(count: number) {
  const clock = new ManualClock()
  const keys = await Promise.all(Array.from({ length: count }, async () => await generateKeyPair('Ed25519')))
  const peers = keys.map((key): PeerId => peerIdFromPrivateKey(key))
  const table = [...peers]
  const asked: PeerId[] = []
  const lost: PeerId[] = []
  const world = {
    dead: new Set<PeerId>(),
    silent: new Set<PeerId>(),
    refused: new Set<PeerId>(),
    connected: true,
  }
  const routingTable = {
    get size() {
      return table.length
    },
    closestPeers: () => [...table],
    remove: async (peer: PeerId) => void table.splice(table.indexOf(peer), 1),
  }
  const liveness = new Liveness({
    routingTable,
    clock,
    logger: silentLogger,
    lost: (peer) => lost.push(peer),
  })
  const ping = async (peer: PeerId, signal: AbortSignal) => {
    asked.push(peer)
    if (world.refused.has(peer)) throw new DialRefused('Too many hosts were dialled within a few seconds.')
    if (world.dead.has(peer)) throw new Error('nobody is there')
    if (!world.silent.has(peer)) return
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const needs = { self: new Uint8Array(34), routingTable, liveness, clock, config, ping }
  const check = new PeerCheck({ ...needs, isConnected: () => world.connected, alive: async () => undefined })
  check.start()
  const minutes = async (count: number) => {
    for (let left = count; left > 0; left--) {
      clock.advance(MINUTE)
      await clock.settle()
    }
  }
  return { clock, peers, table, asked, lost, world, check, minutes, liveness }
}

test('every minute one peer is asked, the longest unheard first', async () => {
  const { peers, asked, check, minutes, liveness } = await setUp(3)
  liveness.reached(peers[0]!, true)
  await minutes(4)
  assert.deepEqual(asked, [peers[1], peers[2], peers[0], peers[1]])
  await check[Symbol.asyncDispose]()
})

test('a dead peer that nobody asks anything leaves the routing table after two failures', async () => {
  const { peers, table, lost, world, check, minutes } = await setUp(3)
  world.dead.add(peers[2]!)
  await minutes(3)
  assert.equal(table.length, 3)
  await minutes(1)
  assert.deepEqual(table, peers.slice(0, 2))
  assert.deepEqual(lost, [peers[2]])
  await check[Symbol.asyncDispose]()
})

test('a peer that this node itself refuses to dial is not taken for dead', async () => {
  const { peers, table, lost, world, check, minutes } = await setUp(3)
  world.refused.add(peers[2]!)
  await minutes(20)
  assert.deepEqual(table, peers)
  assert.deepEqual(lost, [])
  await check[Symbol.asyncDispose]()
})

test('peers that are refused do not keep the others from being asked', async () => {
  const { peers, table, world, check, minutes } = await setUp(3)
  world.refused.add(peers[0]!)
  world.dead.add(peers[2]!)
  await minutes(20)
  assert.deepEqual(table, peers.slice(0, 2))
  await check[Symbol.asyncDispose]()
})

test('while this node is connected to nobody, no peer is taken for dead', async () => {
  const { peers, table, world, check, minutes } = await setUp(3)
  for (const peer of peers) world.dead.add(peer)
  world.connected = false
  await minutes(20)
  assert.equal(table.length, 3)
  world.connected = true
  await minutes(6)
  assert.equal(table.length, 0)
  await check[Symbol.asyncDispose]()
})

test('a silent peer is waited for no longer than a dial may take, and meanwhile nobody else is asked', async () => {
  const { clock, peers, asked, world, check } = await setUp(2)
  world.silent.add(peers[0]!)
  clock.advance(MINUTE)
  await clock.settle()
  clock.advance(2999)
  await clock.settle()
  clock.advance(MINUTE - 2999)
  await clock.settle()
  assert.deepEqual(asked, [peers[0]])
  clock.advance(MINUTE)
  await clock.settle()
  assert.equal(asked.length, 2)
  await check[Symbol.asyncDispose]()
})
