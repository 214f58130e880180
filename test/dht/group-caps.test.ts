/** Whose peers give way in kad-dht's own buckets once one of them is full. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { MemoryDatastore } from 'datastore-core'
import { systemClock } from '../../src/clock.ts'
import { contactOf, peerIdOf, pointOf } from '../../src/dht/contacts.ts'
import { capGroupsOf } from '../../src/dht/group-caps.ts'
import { createHost } from '../../src/dht/host.ts'
import { TEST_DHT_CONFIG } from '../support/dht.ts'

const PEER_ID_HEAD = Buffer.from('002408011220', 'hex')
const K = 20
/** The buckets of kad-dht are divided by the first bits of a point, and these hold the ones of all zeros. */
const BUCKET_BITS = 6

/** A peer whose place is in the part of the space that is made by one bucket. */
function newPeer(): PeerId {
  for (;;) {
    const peer = peerIdOf({ id: Buffer.concat([PEER_ID_HEAD, randomBytes(32)]), addresses: [] })
    if (pointOf(contactOf(peer))[0]! >> (8 - BUCKET_BITS) === 0) return peer
  }
}

/** A routing table of kad-dht's that holds no others, and whose pings answer as `silent` says. */
async function openTable() {
  const groups = new Map<string, string | undefined>()
  const silent = new Set<string>()
  const host = await createHost({
    config: TEST_DHT_CONFIG,
    datastore: new MemoryDatastore(),
    identity: await generateKeyPair('Ed25519'),
    clock: systemClock,
  })
  const table = host.kad.routingTable
  const answers = ({ peerId }: { peerId: PeerId }) => !silent.has(peerId.toString())
  // Nobody is behind these ids: whether one answers is what each test says.
  Object.assign(table.kb, {
    verify: async (peer: { peerId: PeerId }) => answers(peer),
    ping: async function* (old: { peerId: PeerId }[]) {
      yield* old.filter((peer) => !answers(peer))
    },
  })
  capGroupsOf({ table, groupOf: (contact) => groups.get(peerIdOf(contact).toString()) })
  const add = async (group: string | undefined, { answering = true } = {}) => {
    const peer = newPeer()
    groups.set(peer.toString(), group)
    if (!answering) silent.add(peer.toString())
    await table.kb.add(peer)
    return peer
  }
  const has = (peer: PeerId) => [...table.kb.toIterable()].some(({ peerId }) => peerId.equals(peer))
  const groupsNow = () => [...table.kb.toIterable()].map(({ peerId }) => groups.get(peerId.toString()))
  return { add, has, groupsNow, forget: (peer: PeerId) => groups.delete(peer.toString()) }
}

test('while there is room all are taken, of one group too', async () => {
  const { add, groupsNow } = await openTable()
  for (let at = 0; at < K; at++) await add('192.88')
  assert.equal(groupsNow().length, K)
})

test('in a full bucket whoever is of another group takes the place of the latest of a group with too many', async () => {
  const { add, has, groupsNow } = await openTable()
  const first: PeerId[] = []
  for (let at = 0; at < K; at++) first.push(await add('185.1'))
  const others: PeerId[] = []
  for (let at = 0; at < 40; at++) others.push(await add(`45.${at}`))
  assert.deepEqual(
    first.map(has),
    first.map((_, at) => at < 2),
  )
  assert.deepEqual(
    others.map(has),
    others.map((_, at) => at < K - 2),
  )
  assert.equal(groupsNow().length, K)
})

test('a newcomer whose own group has its share takes nobody’s place', async () => {
  const { add, has } = await openTable()
  for (let at = 0; at < K; at++) await add('185.1')
  const accepted = [await add('45.1'), await add('45.1')]
  const third = await add('45.1')
  const same = await add('185.1')
  assert.deepEqual([...accepted, third, same].map(has), [true, true, false, false])
})

test('one that does not answer takes nobody’s place, and one that has no group neither gives way nor makes others', async () => {
  const { add, has } = await openTable()
  const all: PeerId[] = []
  for (let at = 0; at < K; at++) all.push(await add(at < 3 ? '185.1' : undefined))
  const dead = await add('45.1', { answering: false })
  const nobody = await add(undefined)
  assert.deepEqual([dead, nobody].map(has), [false, false])
  assert.ok(all.every(has))
  const newcomer = await add('45.2')
  assert.ok(has(newcomer))
  assert.deepEqual(
    all.map(has),
    all.map((_, at) => at !== 2),
  )
})

test('a peer is of the group it had when it came, though its connection has ended since', async () => {
  const { add, has, forget } = await openTable()
  const all: PeerId[] = []
  for (let at = 0; at < K; at++) all.push(await add('185.1'))
  for (const peer of all) forget(peer)
  assert.ok(has(await add('45.1')))
})
