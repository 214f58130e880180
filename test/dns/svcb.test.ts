import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RecordType } from '../../src/dns/message.ts'
import { formatRdata, parseRdata } from '../../src/dns/rdata-text.ts'
import { assertDnsFault } from '../support/faults.ts'
import { readFixture } from '../support/fixture.ts'
import { octets, uint16 } from '../support/wire.ts'

interface Vectors {
  readonly vectors: { text: string; hex: string }[]
  readonly failures: { text: string; why: string }[]
}

const { vectors, failures } = readFixture<Vectors>('svcb-rfc-9460.json')
const parse = (text: string) => Buffer.from(parseRdata(RecordType.SVCB, text))
const format = (data: Uint8Array) => formatRdata(RecordType.SVCB, data)

describe('the vectors of RFC 9460, appendix D', () => {
  for (const { text, hex } of vectors) {
    const data = octets(hex)
    test(`${text} is its octets, and they are read again from their own text and from RFC 3597's`, () => {
      assert.deepEqual(parse(text), data)
      assert.deepEqual(parse(format(data)), data)
      assert.deepEqual(parse(`\\# ${data.length} ${data.toString('hex')}`), data)
    })
  }

  for (const { text, why } of failures) {
    test(`${why} is refused`, () => assertDnsFault(() => parse(text), 'bad-text'))
  }
})

describe('parameters', () => {
  const table: [text: string, hex: string, written: string][] = [
    ['no-default-alpn alpn=h3', '0001 0003 026833 0002 0000', 'alpn=h3 no-default-alpn'],
    ['ipv4hint=192.0.2.1,192.0.2.2', '0004 0008 c0000201 c0000202', 'ipv4hint=192.0.2.1,192.0.2.2'],
    ['ech="AEX+DQ=="', '0005 0004 0045fe0d', 'ech=AEX+DQ=='],
    ['ech=', '0005 0000', 'ech'],
    ['dohpath=/dns-query{?dns}', '0007 0010 2f646e732d71756572797b3f646e737d', 'dohpath="/dns-query{?dns}"'],
    ['key667', '029b 0000', 'key667'],
    ['KEY667=a=b', '029b 0003 613d62', 'key667="a=b"'],
    ['key1=h2', '0001 0003 026832', 'alpn=h2'],
    ['alpn="a b,c"', '0001 0006 03612062 0163', 'alpn="a b,c"'],
    [
      'mandatory=key667,port port=1 key667=',
      '0000 0004 0003 029b 0003 0002 0001 029b 0000',
      'mandatory=port,key667 port=1 key667',
    ],
  ]
  for (const [text, hex, written] of table) {
    test(`${text} is ${hex}, written ${written}`, () => {
      assert.deepEqual(parse(`1 . ${text}`), octets('0001 00', hex))
      assert.equal(format(octets('0001 00', hex)), `1 . ${written}`)
    })
  }

  const broken = [
    'alpn=',
    'alpn=,',
    'alpn=h2,,h3',
    `alpn=${'x'.repeat(256)}`,
    'port=65536',
    'port=x',
    'ipv4hint=192.0.2.1,',
    'ipv4hint=::1',
    'ipv6hint=192.0.2.1',
    'ech=!!!',
    'key65535=x',
    'key01=x',
    'key70000=x',
    'colour=red',
    '=x',
    'mandatory=port',
  ]
  for (const text of broken) {
    test(`${text.slice(0, 30)} is refused`, () => assertDnsFault(() => parse(`1 . ${text}`), 'bad-text'))
  }

  test('a value over 65535 octets is refused', () => {
    assertDnsFault(() => parse(`1 . key667=${'x'.repeat(65_536)}`), 'bad-text')
  })

  // Whatever a stranger signed has to survive being exported and imported again.
  const odd: [fault: string, hex: string][] = [
    ['a port of one octet', '0003 0001 35'],
    ['a port of three octets', '0003 0003 003500'],
    ['an alpn of no protocols', '0001 0000'],
    ['an alpn with an empty protocol', '0001 0002 00 00'],
    ['an alpn that ends too early', '0001 0002 0268'],
    ['half an address', '0004 0002 c000'],
    ['no address', '0006 0000'],
    ['a mandatory key that is missing', '0000 0002 0003'],
    ['mandatory keys out of order', '0000 0004 0004 0003 0003 0002 0035 0004 0004 c0000201'],
    ['half a mandatory key', '0000 0001 00'],
    ['no-default-alpn with a value', '0002 0001 00'],
    ['key65535', 'ffff 0000'],
  ]
  for (const [fault, hex] of odd) {
    test(`${fault} is shown so that it can be read again`, () => {
      const data = octets('0001 00', hex)
      assert.deepEqual(parse(format(data)), data)
    })
  }

  test('any parameters come out of text as they went in', () => {
    const params = fc
      .uniqueArray(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.nat(0xffff)), fc.uint8Array()), {
        selector: ([key]) => key,
        maxLength: 5,
      })
      .map((list) => list.sort(([a], [b]) => a - b))
      .map((list) => octets(...list.flatMap(([key, value]) => [uint16(key), uint16(value.length), value])))
    fc.assert(
      fc.property(params, (wire) => {
        const data = octets('0001 00', wire)
        assert.deepEqual(parse(format(data)), data)
      }),
    )
  })
})
