import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { addressPolicy, isLoopbackOnly, parseMultiaddr } from '../../src/dht/addresses.ts'
import type { AcceptAddresses } from '../../src/dht/config.ts'

const PEER = '/p2p/12D3KooWB49GWmxtVkPtXoSqNR138EgXYUWmFsZkZGuHK9nEPdZ9'
const WIDE = ['/ip4/0.0.0.0/tcp/4601', '/ip6/::/tcp/4601']

function accepts(
  acceptAddresses: AcceptAddresses,
  text: string,
  listen = WIDE,
  bootstrap: string[] = [],
): boolean {
  return addressPolicy({ listen, bootstrap, acceptAddresses })(multiaddr(text))
}

test('global takes IP literals of global unicast and no well-known port but 443', () => {
  for (const good of [
    '/ip4/8.8.8.8/tcp/4601',
    '/ip4/8.8.8.8/tcp/443',
    '/ip6/2606:4700::1/tcp/4601',
    `/ip4/1.1.1.1/tcp/9999${PEER}`,
  ]) {
    assert.ok(accepts('global', good), good)
  }
  const bad = [
    ...[
      '/ip4/10.1.2.3/tcp/4601',
      '/ip4/127.0.0.1/tcp/4601',
      '/ip4/192.168.1.1/tcp/4601',
      '/ip4/169.254.169.254/tcp/8080',
    ],
    ...[
      '/ip4/100.64.0.1/tcp/4601',
      '/ip4/0.0.0.0/tcp/4601',
      '/ip4/224.0.0.1/tcp/4601',
      '/ip4/8.8.8.8/tcp/22',
    ],
    ...[
      '/ip6/::1/tcp/4601',
      '/ip6/fe80::1/tcp/4601',
      '/ip6/fd00::1/tcp/4601',
      '/ip6/::ffff:127.0.0.1/tcp/4601',
    ],
    ...['/ip6/2002:7f00:1::/tcp/4601', '/ip6/64:ff9b::7f00:1/tcp/4601', '/ip6/2001:db8::1/tcp/4601'],
    // IPv4 in IPv6 even where it is global, Teredo, discard, multicast
    ...['/ip6/::ffff:8.8.8.8/tcp/4601', '/ip6/2002:808:808::/tcp/4601', '/ip6/64:ff9b::808:808/tcp/4601'],
    ...['/ip6/2001::808:808/tcp/4601', '/ip6/100::1/tcp/4601', '/ip6/ff0e::1/tcp/4601', '/ip6/::/tcp/4601'],
    ...['/dns/example.org/tcp/4601', '/dns6/example.org/tcp/4601', '/dnsaddr/example.org/tcp/4601'],
    ...[
      '/dns4/example.org/tcp/4601',
      '/ip4/8.8.8.8/udp/4601',
      '/ip4/8.8.8.8/tcp/4601/ws',
      `/ip4/8.8.8.8/tcp/4601${PEER}/p2p-circuit`,
    ],
  ]
  for (const text of bad) assert.ok(!accepts('global', text), text)
})

test('local takes private networks only', () => {
  assert.ok(accepts('local', '/ip4/192.168.1.7/tcp/4601'))
  assert.ok(accepts('local', '/ip6/fd00::1/tcp/4601'))
  assert.ok(!accepts('local', '/ip4/8.8.8.8/tcp/4601'))
  assert.ok(!accepts('local', '/ip4/127.0.0.1/tcp/4601'))
})

test('left to itself, a node takes anything when it listens on loopback only, and else global addresses', () => {
  const loopback = ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0']
  assert.ok(isLoopbackOnly({ listen: loopback }))
  assert.ok(!isLoopbackOnly({ listen: [...loopback, '/ip4/10.0.0.1/tcp/0'] }))
  assert.ok(accepts('auto', '/ip4/127.0.0.1/tcp/5', loopback))
  assert.ok(!accepts('auto', '/ip4/127.0.0.1/tcp/5555'))
})

test('an address to join by is taken whatever the rule, with or without its peer id', () => {
  const bootstrap = [`/ip4/192.168.1.7/tcp/80${PEER}`]
  assert.ok(accepts('global', '/ip4/192.168.1.7/tcp/80', WIDE, bootstrap))
  assert.ok(accepts('global', `/ip4/192.168.1.7/tcp/80${PEER}`, WIDE, bootstrap))
  assert.ok(!accepts('global', '/ip4/192.168.1.7/tcp/81', WIDE, bootstrap))
})

test('a bad multiaddr is a fault that names it and its option', () => {
  for (const bad of ['127.0.0.1:4601', '/ip4/300.0.0.1/tcp/1', '/ip4', '']) {
    assert.throws(
      () => parseMultiaddr(bad, 'bootstrap'),
      { name: 'DhtFault', reason: 'address', message: /bootstrap/ },
      bad,
    )
  }
})
