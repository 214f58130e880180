/** However many peers are named, so many are remembered, and those that matter stay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'
import { pino } from 'pino'
import { PeerShelf } from '../../src/dht/peer-shelf.ts'

const newPeer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const address = (port: number) => multiaddr(`/ip4/192.0.2.1/tcp/${port}`)

/** libp2p's own peer store on a shelf for so many. */
async function setUp(limit: number, datastore = new MemoryDatastore()) {
  const logged: { refused?: number }[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => void logged.push(JSON.parse(line)) })
  const shelf = await PeerShelf.open(datastore, { limit, logger })
  const { peerStore: store } = await createLibp2p({ start: false, datastore: shelf })
  return { datastore, shelf, store, logged }
}

test('of many peers that are named so many are remembered, the last of them, and those that are kept', async () => {
  const { shelf, store } = await setUp(50)
  const kept = await newPeer()
  shelf.kept = () => [kept]
  await store.merge(kept, { multiaddrs: [address(1)] })
  const named = await Promise.all(Array.from({ length: 300 }, newPeer))
  for (const peer of named) {
    await store.merge(peer, { multiaddrs: [address(2)] })
    assert.ok((await store.all()).length <= 50)
  }
  assert.ok(await store.has(kept))
  assert.ok((await store.all()).length >= 40)
  for (const peer of named.slice(-40)) assert.ok(await store.has(peer))
})

test('those on it at the start count too', async () => {
  const { datastore, store } = await setUp(100)
  for (let at = 0; at < 60; at++) await store.merge(await newPeer(), { multiaddrs: [address(1)] })
  const again = await setUp(50, datastore)
  for (let at = 0; at < 5; at++) await again.store.merge(await newPeer(), { multiaddrs: [address(1)] })
  assert.ok((await again.store.all()).length <= 50)
})

test('the addresses of one peer do not pile up without end, and what was there before stays', async () => {
  const { store, logged } = await setUp(50)
  const peer = await newPeer()
  for (let port = 1; port <= 1000; port++) await store.merge(peer, { multiaddrs: [address(port)] })
  const { addresses } = await store.get(peer)
  assert.ok(addresses.length > 8 && addresses.length < 300, `${addresses.length}`)
  assert.equal(logged.at(-1)?.refused, 1000 - addresses.length, 'each that was left out is counted')
})
