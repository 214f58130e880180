/** EDNS options that belong to a connection: padding (RFC 7830, 8467) and keepalive (RFC 7828). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bit, opt, queryPacket, type Reply } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { octets } from '../support/wire.ts'
import { zoneOf } from '../support/zones.ts'

const zone = zoneOf(
  `www 300 IN A 192.0.2.1\n${Array.from({ length: 3 }, (_, at) => `big 300 IN TXT ${String(at).repeat(240)}`).join('\n')}`,
)
const WWW = `www.${zone.key.label}.kad.alt A`
const BIG = `big.${zone.key.label}.kad.alt TXT`
const open = () => TestResolver.open({ zones: [zone] })
const PADDED = { edns: { options: '000c 0005 0000000000' } }
const KEPT = { edns: { options: '000b 0000' } }
const ENCRYPTED = ['tls', 'https'] as const

describe('a client that pads', () => {
  for (const transport of ENCRYPTED) {
    test(`over ${transport} has replies of a multiple of 468 octets, filled with zeros`, async () => {
      await using resolver = await open()
      for (const [question, length] of [
        [WWW, 468],
        [BIG, 936],
        [WWW.replace('www', 'none'), 468],
      ] as const) {
        const { octets: reply } = await resolver.ask(question, { ...PADDED, transport })
        assert.equal(reply.length, length, question)
        assert.ok(reply.subarray(-40).every((octet) => octet === 0))
      }
    })
  }

  test('and sends a cookie has both, and still that length', async () => {
    await using resolver = await open()
    const options = `${PADDED.edns.options} 000a 0008 0123456789abcdef`
    const reply = await resolver.ask(WWW, { edns: { options }, transport: 'tls' })
    assert.equal(reply.octets.length, 468)
    assert.ok(reply.octets.includes(octets('000a 0018 0123456789abcdef 01')))
  })

  for (const transport of ['udp', 'tcp'] as const) {
    test(`over ${transport}, where everybody reads along, has none`, async () => {
      await using resolver = await open()
      const plain = await resolver.ask(WWW, { edns: {}, transport })
      assert.equal((await resolver.ask(WWW, { ...PADDED, transport })).octets.length, plain.octets.length)
    })
  }

  test('or not: one that does not has none over TLS', async () => {
    await using resolver = await open()
    assert.ok((await resolver.ask(WWW, { edns: {}, transport: 'tls' })).octets.length < 200)
  })
})

describe('a client that asks how long its connection stays', () => {
  const keepAliveIn = ({ octets: reply }: Reply) => reply.subarray(-6).toString('hex')

  for (const transport of ['tcp', 'tls'] as const) {
    test(`over ${transport} is told, in tenths of a second`, async () => {
      await using resolver = await open()
      assert.equal(keepAliveIn(await resolver.ask(WWW, { ...KEPT, transport })), '000b00020064')
      const refused = await resolver.send(
        octets('4b4e 2900 0001 0000 0000 0001', queryPacket(WWW).subarray(12), opt(KEPT.edns)),
        transport,
      )
      assert.equal(refused && refused.bits & Bit.QR, Bit.QR)
    })
  }

  for (const transport of ['udp', 'https'] as const) {
    test(`over ${transport} is told nothing of it`, async () => {
      await using resolver = await open()
      const plain = await resolver.ask(WWW, { edns: {}, transport })
      const asked = await resolver.ask(WWW, { ...KEPT, transport })
      assert.deepEqual(asked.octets, plain.octets)
    })
  }
})
