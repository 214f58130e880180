import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from '../../src/dns/address.ts'
import { assertDnsFault } from '../support/faults.ts'
import { octets } from '../support/wire.ts'

// RFC 5952 4: the one way to write each.
const ADDRESSES: [text: string, hex: string, written: string][] = [
  ['2001:db8::1', '20010db8000000000000000000000001', '2001:db8::1'],
  ['::', '00000000000000000000000000000000', '::'],
  ['::1', '00000000000000000000000000000001', '::1'],
  ['1::', '00010000000000000000000000000000', '1::'],
  ['2001:DB8:0:0:0:0:0:A', '20010db800000000000000000000000a', '2001:db8::a'],
  ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1::1', '20010000000000010000000000000001', '2001:0:0:1::1'],
  ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
  ['1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201', '1:2:3:4:5:6:c000:201'],
]
for (const [text, hex, written] of ADDRESSES) {
  test(`${text} has the octets ${hex} and is written ${written}`, () => {
    assert.deepEqual(parseIPv6(text), octets(hex))
    assert.equal(formatIPv6(octets(hex)), written)
  })
}

test('text that is no IPv6 address is refused', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '::g',
    'fe80::1%eth0',
    '192.0.2.1',
    '::192.0.2.256',
  ]) {
    assertDnsFault(() => parseIPv6(text), 'bad-text', /no IPv6 address/)
  }
})

test('an IPv4 address has four octets, and is written as it was', () => {
  assert.deepEqual(parseIPv4('192.0.2.255'), octets('c00002ff'))
  assert.equal(formatIPv4(octets('c00002ff')), '192.0.2.255')
})

test('text that is no IPv4 address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '0x1.2.3.4', '1.2.3.4 ', '::1']) {
    assertDnsFault(() => parseIPv4(text), 'bad-text', /no IPv4 address/)
  }
})
