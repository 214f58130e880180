/** Peers name hosts as they like: no name server is asked because of it, and one peer does not stand for many hosts. */
import assert from 'node:assert/strict'
import dns from 'node:dns'
import net from 'node:net'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { systemClock } from '../../src/clock.ts'
import { createHost } from '../../src/dht/host.ts'
import { TEST_DHT_CONFIG } from '../support/dht.ts'

const NAMES = ['dns', 'dns4', 'dns6', 'dnsaddr'].map((kind) => `/${kind}/victim.example/tcp/4601`)

/** A node of the wide area, and addresses by name, one of each kind. */
async function setUp() {
  const identity = await generateKeyPair('Ed25519')
  const config = { ...TEST_DHT_CONFIG, acceptAddresses: 'global' as const }
  const host = await createHost({ config, datastore: new MemoryDatastore(), identity, clock: systemClock })
  await host.node.start()
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  return { host, addresses: NAMES.map((text): Multiaddr => multiaddr(`${text}/p2p/${peer}`)) }
}

test('a host name that a peer gave is neither looked up nor dialled, whatever kind of multiaddr it is in', async (t) => {
  const { host, addresses } = await setUp()
  await using _host = host
  const asked: string[] = []
  t.mock.method(dns.promises.Resolver.prototype, 'resolveTxt', async (name: string) => {
    asked.push(name)
    throw new Error('There is no such name.')
  })
  for (const address of addresses) {
    assert.equal(await host.node.isDialable(address), false, `${address}`) // as kad-dht asks of each closer peer
    // as our own lookups do
    await assert.rejects(host.node.dial(address), { name: /^(DialDenied|NoValidAddresses)Error$/ })
  }
  assert.deepEqual(asked, [])
})

test('a peer that is said to be at thirty hosts is looked for at eight', async (t) => {
  const identity = await generateKeyPair('Ed25519')
  const datastore = new MemoryDatastore()
  await using host = await createHost({ config: TEST_DHT_CONFIG, datastore, identity, clock: systemClock })
  await host.node.start()
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const multiaddrs = Array.from({ length: 30 }, (_, at) => multiaddr(`/ip4/127.0.0.1/tcp/${at + 1}`))
  await host.node.peerStore.merge(peer, { multiaddrs })
  const connect = t.mock.method(net, 'connect', () => {
    throw new Error('Nobody is there.')
  })
  await assert.rejects(host.node.dial(peer))
  assert.equal(connect.mock.callCount(), 8)
})
