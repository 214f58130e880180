import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerInfo } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Neighbours } from '../../src/dht/neighbours.ts'

const PEER = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
const SUBNETS = ['192.168.7.20/24', '203.0.113.9/24', 'fd00:7::1/64']

function announcement(...addresses: string[]): PeerInfo {
  return { id: peerIdFromString(PEER), multiaddrs: addresses.map((address) => multiaddr(address)) }
}

test('near is an address in a private subnet of this machine, at a port that is free for all', () => {
  const neighbours = new Neighbours(() => SUBNETS)
  for (const [address, near] of [
    ['/ip4/192.168.7.1/tcp/4000', true],
    ['/ip6/fd00:7::2/tcp/4000', true],
    ['/ip4/192.168.8.1/tcp/4000', false],
    ['/ip4/10.0.0.1/tcp/4000', false],
    ['/ip4/203.0.113.10/tcp/4000', false],
    ['/ip4/127.0.0.1/tcp/4000', false],
    ['/ip4/192.168.7.1/tcp/80', false],
    ['/ip4/192.168.7.1/udp/4000', false],
    ['/dns4/router.example/tcp/4000', false],
  ] as const)
    assert.equal(neighbours.isNear(multiaddr(address)), near, address)
})

test('dialled is only what was announced, and only while it is near', () => {
  let subnets = SUBNETS
  const neighbours = new Neighbours(() => subnets)
  const [near, far] = ['/ip4/192.168.7.1/tcp/4000', '/ip4/198.51.100.1/tcp/4000']
  assert.equal(neighbours.isAnnounced(multiaddr(near)), false)
  neighbours.hear(announcement(near, far))
  assert.equal(neighbours.isAnnounced(multiaddr(near)), true)
  assert.equal(neighbours.isAnnounced(multiaddr(`${near}/p2p/${PEER}`)), true)
  assert.equal(neighbours.isAnnounced(multiaddr(far)), false)
  subnets = ['10.1.1.1/8']
  assert.equal(neighbours.isAnnounced(multiaddr(near)), false)
})

test('who listens hears of announcements that lead near, by the addresses that do', () => {
  const neighbours = new Neighbours(() => SUBNETS)
  const heard: string[][] = []
  neighbours.watch(({ multiaddrs }) => heard.push(multiaddrs.map(String)))
  neighbours.hear(announcement('/ip4/10.0.0.1/tcp/4000'))
  neighbours.hear(announcement('/ip4/127.0.0.1/tcp/4000', '/ip4/192.168.7.1/tcp/4000'))
  assert.deepEqual(heard, [['/ip4/192.168.7.1/tcp/4000']])
})
