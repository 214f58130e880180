import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OctetWriter } from '../../src/dns/octet-writer.ts'
import { octets } from '../support/wire.ts'

test('numbers are written with the most significant octet first', () => {
  const writer = new OctetWriter()
  writer.write(0x12, 8)
  writer.write(0x3456, 16)
  writer.write(0xffff_fffe, 32)
  assert.deepEqual(writer.toBuffer(), octets('12 3456 fffffffe'))
})

test('single bits are gathered into octets', () => {
  const writer = new OctetWriter()
  writer.write(1, 1)
  writer.write(0b0010, 4)
  assert.equal(writer.bitLength(), 5)
  assert.equal(writer.byteLength(), 0)
  writer.write(0b111, 3)
  writer.write(0xabcd, 16)
  assert.deepEqual(writer.toBuffer(), octets('97 abcd'))
  assert.equal(writer.bitLength(), 24)
})

test('more than any buffer begins with is kept in its order', () => {
  const writer = new OctetWriter()
  const piece = Buffer.from(Array.from({ length: 200 }, (_, at) => at))
  for (let count = 0; count < 50; count++) writer.writeOctets(piece)
  assert.deepEqual(writer.toBuffer(), Buffer.concat(Array<Buffer>(50).fill(piece)))
})

test('what another writer holds is appended', () => {
  const inner = new OctetWriter()
  inner.write(0x0102, 16)
  const outer = new OctetWriter()
  outer.write(0xff, 8)
  outer.writeBuffer(inner)
  assert.deepEqual(outer.toBuffer(), octets('ff 0102'))
})

test('a field is filled in afterwards', () => {
  const writer = new OctetWriter()
  writer.write(0, 32)
  writer.patch(8, 0xabcd, 16)
  assert.deepEqual(writer.toBuffer(), octets('00 abcd 00'))
})

test('looking at what has been written copies nothing', () => {
  const writer = new OctetWriter()
  writer.write(1, 8)
  assert.equal(writer.toBuffer().buffer, writer.toBuffer().buffer)
})
