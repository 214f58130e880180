import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RecordType } from '../../src/dns/message.ts'
import { formatRdata, parseRdata } from '../../src/dns/rdata-text.ts'
import { assertDnsFault } from '../support/faults.ts'
import { octets } from '../support/wire.ts'

const parse = (text: string) => Buffer.from(parseRdata(RecordType.LOC, text))
const format = (data: Uint8Array) => formatRdata(RecordType.LOC, data)
const SIZES = '1m 10000m 10m'

describe('a place as text and as octets', () => {
  // Those of RFC 1876 4; the octets are those BIND 9.18 and ldns 1.8 make of them, the text is BIND's.
  const table: [hex: string, text: string, alsoRead: string][] = [
    [
      '00 33 16 13 89172dd0 70be15f0 00988d20',
      '42 21 54.000 N 71 6 18.000 W -24.00m 30m 10000m 10m',
      '42 21 54 N 71 06 18 W -24m 30m',
    ],
    [
      '00 12 24 13 89170690 70bf2dd8 00988d20',
      '42 21 43.952 N 71 5 6.344 W -24.00m 1m 200m 10m',
      '42 21 43.952 N 71 5 6.344 W -24m 1m 200m',
    ],
    [
      '00 12 16 13 8b3556c8 80081650 00989a68',
      `52 14 5.000 N 0 8 50.000 E 10.00m ${SIZES}`,
      '52 14 05 N 00 08 50 E 10m',
    ],
    [
      '00 12 16 13 791b7d28 98e64868 00989a68',
      `32 7 19.000 S 116 2 25.000 E 10.00m ${SIZES}`,
      '32 7 19 S 116 2 25 E 10m',
    ],
    [
      '00 25 16 13 8916cb3c 70c310df 00988550',
      '42 21 28.764 N 71 0 51.617 W -44.00m 2000m 10000m 10m',
      '42 21 28.764 N 71 00 51.617 W -44m 2000m',
    ],
    // The ends of what can be written.
    [
      '00 12 16 13 6cb02700 a69fb200 00000000',
      `90 0 0.000 S 180 0 0.000 E -100000.00m ${SIZES}`,
      '90 S 180 E -100000.00',
    ],
    [
      '00 99 00 90 7fffffff 7fffffff ffffffff',
      '0 0 0.001 S 0 0 0.001 W 42849672.95m 90000000m 0.00m 0.09m',
      '0 0 0.001 s 0 0 0.001 w 42849672.95 90000000.00 0 0.09',
    ],
    ['00 12 16 13 80000000 80000000 00989680', `0 0 0.000 N 0 0 0.000 E 0.00m ${SIZES}`, '0 S 0 W -0'],
    // One digit and a power of ten: the others are cut off (RFC 1876, appendix A).
    [
      '00 91 13 12 934fd8ff 59604e01 0098967f',
      '89 59 59.999 N 179 59 59.999 W -0.01m 0.90m 10m 1m',
      '89 59 59.999 N 179 59 59.999 W -0.01 0.99 12.34m 1.00',
    ],
    [
      '00 12 16 13 8036ee80 80003a98 009896b2',
      `1 0 0.000 N 0 0 15.000 E 0.50m ${SIZES}`,
      '1 N 0 0 15.0 E 0.5m',
    ],
  ]
  for (const [hex, text, alsoRead] of table) {
    test(`${alsoRead} is ${text}`, () => {
      assert.equal(format(octets(hex)), text)
      for (const read of [text, alsoRead]) assert.deepEqual(parse(read), octets(hex))
    })
  }

  test('every digit and power of ten is read as it is written', () => {
    for (let digit = 1; digit <= 9; digit++) {
      for (let power = 0; power <= 9; power++) {
        const size = (digit << 4) | power
        const data = octets('00', Buffer.of(size, size, size), '80000000 80000000 00989680')
        assert.deepEqual(parse(format(data)), data)
      }
    }
  })

  test('its words may stand in parentheses over several lines', () => {
    assert.deepEqual(parse('( 1 N\n2 E ) 0m'), parse('1 N 2 E 0m'))
  })
})

describe('text that is no place', () => {
  const latitude =
    /^A latitude is degrees, perhaps minutes and seconds, and N or S, such as 42 21 54\.000 N\.$/
  const longitude = /^A longitude is degrees, .* and E or W, such as 71 6 18\.000 W\.$/
  const altitude = /^".*" is no altitude in metres, such as -24\.00m\.$/
  const size = /^".*" is no size or precision in metres from 0\.00m to 90000000\.00m\.$/
  const table: [text: string, sentence: RegExp][] = [
    ['', latitude],
    ['N 0 E 0m', latitude],
    ['0 E 0 N 0m', latitude],
    ['1 2 3 4 N 0 E 0m', latitude],
    ['-1 N 0 E 0m', latitude],
    ['1.5 N 0 E 0m', latitude],
    ['1 2 3.0001 N 0 E 0m', latitude],
    ['1 2 3. N 0 E 0m', latitude],
    ['0 N', longitude],
    ['0 N 1 2 x W 0m', longitude],
    ['1 60 N 0 E 0m', /^Minutes and seconds of a latitude end before 60\.$/],
    ['0 N 1 2 60 E 0m', /^Minutes and seconds of a longitude end before 60\.$/],
    ['90 0 0.001 N 0 E 0m', /^A latitude has at most 90 degrees\.$/],
    ['0 N 180 0 0.001 W 0m', /^A longitude has at most 180 degrees\.$/],
    ['0 N 0 E', altitude],
    ['0 N 0 E 1.234m', altitude],
    ['0 N 0 E 1km', altitude],
    ['0 N 0 E +1m', altitude],
    [
      '0 N 0 E -100000.01m',
      /^An altitude lies between -100000\.00m and 42849672\.95m, and -100000\.01m does not\.$/,
    ],
    ['0 N 0 E 42849672.96', /^An altitude lies between .*, and 42849672\.96 does not\.$/],
    ['0 N 0 E 0m -1m', size],
    ['0 N 0 E 0m 90000000.01m', size],
    ['0 N 0 E 0m 1m x', size],
    ['0 N 0 E 0m 1m 1m 1m 1m', /^A location ends before "1m"\.$/],
  ]
  for (const [text, sentence] of table) {
    test(`"${text}" is refused: ${sentence.source.slice(0, 40)}`, () =>
      assertDnsFault(() => parse(text), 'bad-text', sentence))
  }
})

describe('octets that are no place', () => {
  const good = octets('00 12 16 13 80000000 80000000 00989680')
  const changed = (at: number, hex: string) => {
    const data = Buffer.from(good)
    octets(hex).copy(data, at)
    return data
  }
  const table: [fault: string, data: Buffer, sentence: RegExp][] = [
    ['an octet too few', good.subarray(0, -1), /^A LOC record has 16 octets, not 15\.$/],
    ['an octet too many', octets(good, '00'), /^A LOC record has 16 octets, not 17\.$/],
    ['a size whose digit is ten', changed(1, 'a0'), /no digit and power of ten/],
    ['a precision whose power is ten', changed(2, '1a'), /no digit and power of ten/],
    ['a precision of zero with a power', changed(3, '01'), /no digit and power of ten/],
    [
      'a latitude north of the pole',
      changed(4, '934fd901'),
      /^The latitude of a LOC record is over 90 degrees\.$/,
    ],
    ['a latitude south of the pole', changed(4, '6cb026ff'), /^The latitude/],
    [
      'a longitude past the date line',
      changed(8, 'a69fb201'),
      /^The longitude of a LOC record is over 180 degrees\.$/,
    ],
    ['no octets', Buffer.alloc(0), /^RDATA ends before its last field\.$/],
  ]
  for (const [fault, data, sentence] of table) {
    test(`${fault}: malformed, and shown as octets`, () => {
      const text = data.length === 0 ? '\\# 0' : `\\# ${data.length} ${data.toString('hex')}`
      assert.equal(format(data), text)
      assertDnsFault(() => parse(text), 'malformed', sentence)
    })
  }

  test('of another version nothing is assumed: any octets are written and read as those of an unknown type', () => {
    for (const hex of ['01', 'ff 00', '01 ff ff ff 00000000 00000000 00000000']) {
      const data = octets(hex)
      assert.equal(format(data), `\\# ${data.length} ${data.toString('hex')}`)
      assert.deepEqual(parse(format(data)), data)
    }
  })
})
