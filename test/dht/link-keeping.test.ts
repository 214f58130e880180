/** Which connections are opened, because they serve. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { contactOf, peerIdOf } from '../../src/dht/contacts.ts'
import { LinkKeeping } from '../../src/dht/link-keeping.ts'
import { distance, kademliaId } from '../../src/dht/record-key.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'

const pointOf = (peer: PeerId) => kademliaId(contactOf(peer).id)
const partOf = (peer: PeerId) => pointOf(peer)[0]! >> 2
const KNOWN = 400
const NEIGHBOURS = 20
const PER_PART = 3
const ROUND = 10_000

const newPeer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

async function setUp() {
  const clock = new ManualClock()
  const self = await newPeer()
  const peers = await Promise.all(Array.from({ length: KNOWN }, newPeer))
  const sorted = (target: Uint8Array) => {
    const away = new Map(peers.map((peer) => [peer, distance(pointOf(peer), target)]))
    return peers.toSorted((a, b) => Buffer.compare(away.get(a)!, away.get(b)!))
  }
  const connected = new Set<string>()
  const dialled: PeerId[] = []
  const unreachable = new Set<string>()
  const ending = new Set<string>()
  const keeping = new LinkKeeping({
    routingTable: { size: KNOWN, closestPeers: (id, { count }) => sorted(id).slice(0, count) },
    streams: {
      has: ({ id }) => connected.has(Buffer.from(id).toString('hex')),
      open: async (contact) => {
        const peer = peerIdOf(contact)
        dialled.push(peer)
        if (unreachable.has(peer.toString())) throw new Error('There is no way to it.')
        if (!ending.has(peer.toString())) connected.add(Buffer.from(contact.id).toString('hex'))
      },
    },
    clock,
    logger: silentLogger,
    self: contactOf(self).id,
    config: { maxAsked: NEIGHBOURS, linksPerBucket: PER_PART },
  })
  return {
    clock,
    peers,
    keeping,
    dialled,
    unreachable,
    ending,
    near: sorted(pointOf(self)).slice(0, NEIGHBOURS),
  }
}

test('the neighbours are connected with first, then some of each part of the space, a few in each round', async () => {
  const { clock, peers, keeping, dialled, near } = await setUp()
  using _open = keeping
  keeping.start()
  clock.advance(ROUND)
  await clock.settle()
  assert.deepEqual(dialled.map(String), near.slice(0, 5).map(String))
  for (let round = 0; round < KNOWN / 5; round++) {
    clock.advance(ROUND)
    await clock.settle()
  }
  assert.deepEqual(dialled.slice(0, NEIGHBOURS).map(String), near.map(String))
  assert.equal(new Set(dialled.map(String)).size, dialled.length)
  for (let part = 0; part < 64; part++) {
    const there = peers.filter((peer) => partOf(peer) === part).length
    const links = dialled.filter((peer) => partOf(peer) === part)
    const beyond = links.filter((peer) => !near.some((each) => each.equals(peer))).length
    assert.ok(links.length >= Math.min(PER_PART, there), `part ${part}: ${links.length} of ${there}`)
    assert.ok(beyond <= PER_PART, `part ${part}: ${beyond}`)
  }
})

test('who cannot be reached does not keep the others waiting for ever', async () => {
  const { clock, keeping, dialled, unreachable, near } = await setUp()
  using _open = keeping
  unreachable.add(near[0]!.toString())
  keeping.start()
  for (let round = 0; round < 2; round++) {
    clock.advance(ROUND)
    await clock.settle()
  }
  assert.ok(dialled.some((peer) => peer.equals(near[8])))
})

test('neighbours that end every stream at once, or open none, do not keep the others waiting for ever', async () => {
  const { clock, keeping, dialled, unreachable, ending, near } = await setUp()
  using _open = keeping
  for (const peer of near.slice(0, 3)) unreachable.add(peer.toString())
  for (const peer of near.slice(3, 6)) ending.add(peer.toString())
  keeping.start()
  for (let round = 0; round < 4; round++) {
    clock.advance(ROUND)
    await clock.settle()
  }
  assert.deepEqual(dialled.map(String), near.map(String))
})

test('when all that lack a connection were tried, they are tried again', async () => {
  const { clock, keeping, dialled, unreachable, near } = await setUp()
  using _open = keeping
  unreachable.add(near[0]!.toString())
  keeping.start()
  for (let round = 0; round < KNOWN; round++) {
    clock.advance(ROUND)
    await clock.settle()
  }
  assert.ok(dialled.filter((peer) => peer.equals(near[0])).length > 1)
})

test('once closed it dials nobody', async () => {
  const { clock, keeping, dialled } = await setUp()
  keeping.start()
  keeping[Symbol.dispose]()
  clock.advance(10 * ROUND)
  await clock.settle()
  assert.deepEqual(dialled, [])
})
