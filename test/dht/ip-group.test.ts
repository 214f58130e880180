import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { ipGroupOf, ipGroupOfAddress } from '../../src/dht/ip-group.ts'

test('global IPv4 addresses are grouped by /16, IPv6 addresses by /32', () => {
  assert.equal(ipGroupOf('8.8.4.4'), '8.8')
  assert.equal(ipGroupOf('8.8.200.1'), ipGroupOf('8.8.4.4'))
  assert.notEqual(ipGroupOf('8.9.4.4'), ipGroupOf('8.8.4.4'))
  assert.equal(ipGroupOf('2a01:4f8:1::1'), '2a01:4f8')
  assert.equal(ipGroupOf('2a01:04f8:ffff::2'), ipGroupOf('2a01:4f8::'))
  assert.notEqual(ipGroupOf('2a01:4f9::1'), ipGroupOf('2a01:4f8::1'))
  assert.equal(ipGroupOf('2a01::1'), '2a01:0')
})

test('IPv4 wrapped in IPv6 is of the group of the IPv4 address', () => {
  assert.equal(ipGroupOf('::ffff:8.8.4.4'), '8.8')
  assert.equal(ipGroupOf('::ffff:192.168.1.7'), '192.168.1.7')
})

test('in a private network each address is a group, and on loopback there are none', () => {
  for (const host of ['192.168.1.7', '10.1.2.3', '172.20.0.2', '100.64.0.9', 'fd00::1', 'fe80::1'])
    assert.equal(ipGroupOf(host), host)
  assert.equal(ipGroupOf('fe80::1%eth0'), 'fe80::1')
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'example.', ''])
    assert.equal(ipGroupOf(host), undefined)
})

test('a multiaddr is of the group of the address it begins with', () => {
  assert.equal(ipGroupOfAddress(multiaddr('/ip4/8.8.4.4/tcp/4601')), '8.8')
  assert.equal(ipGroupOfAddress(multiaddr('/dns4/example.org/tcp/4601')), undefined)
})
