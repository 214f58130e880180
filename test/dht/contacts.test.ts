/** Under which addresses a peer is told to others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerStore } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { ContactBook, dialAddresses } from '../../src/dht/contacts.ts'
import { ManualClock } from '../support/manual-clock.ts'

test('the addresses a peer has signed come first, however many others say that it has', async () => {
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const rumours = Array.from({ length: 20 }, (_, at) => `/ip4/1.1.1.${at}/tcp/4001`)
  const addresses = [...rumours, '/ip4/9.9.9.9/tcp/4001'].map((text, at) => ({
    multiaddr: multiaddr(text),
    isCertified: at === rumours.length,
  }))
  const peerStore = { has: async () => true, get: async () => ({ addresses }) } as unknown as PeerStore
  const contact = await new ContactBook(peerStore, () => true, new ManualClock()).find(peer)
  assert.ok(contact)
  const told = dialAddresses(contact, peer).map(String)
  assert.equal(told[0], `/ip4/9.9.9.9/tcp/4001/p2p/${peer}`)
  assert.equal(told.length, 8)
})
