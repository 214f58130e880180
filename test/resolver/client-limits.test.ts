/** How much one client from outside may ask: what it is told beyond that, and whom it does not concern. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import type { DnsConfig } from '../../src/resolver/config.ts'
import type { Transport } from '../../src/resolver/query.ts'
import { Bit, queryPacket, readReply } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { secretOf, zoneOf } from '../support/zones.ts'

const STRANGER = '8.8.4.4'
const ZONES = Array.from({ length: 30 }, (_, at) =>
  zoneOf('www 300 IN A 192.0.2.1', { secret: secretOf(at + 1) }),
)
const nameOf = (at: number) => `www.${ZONES[at]!.key.label}.kad.alt A`

class Asked {
  readonly resolver: TestResolver

  constructor(resolver: TestResolver) {
    this.resolver = resolver
  }

  async ask(question: string, address = STRANGER, transport: Transport = 'udp') {
    const packet = queryPacket(question, { edns: {} })
    const reply = await this.resolver.resolver.serve(packet, { address, transport })
    assert.ok(reply)
    return readReply(reply)
  }
}

async function open(config: Partial<DnsConfig>) {
  const resolver = await TestResolver.open({ zones: ZONES, config })
  return Object.assign(new Asked(resolver), { [Symbol.asyncDispose]: () => resolver[Symbol.asyncDispose]() })
}

describe('a client from outside that asks more than it may', () => {
  test('is told to ask over TCP, and there that it asks too much; in time it may ask again', async () => {
    await using asked = await open({ maxQuestionsPerSecond: 1 })
    for (let at = 0; at < 10; at++) assert.equal((await asked.ask('localhost A')).answers.length, 1)
    const over = await asked.ask('localhost A')
    assert.deepEqual([over.rcode, over.answers.length, over.bits & Bit.TC], [Rcode.NoError, 0, Bit.TC])
    const overTcp = await asked.ask('localhost A', STRANGER, 'tcp')
    assert.deepEqual([overTcp.rcode, overTcp.edns?.error?.code], [Rcode.Refused, ExtendedError.Prohibited])
    asked.resolver.clock.advance(1000)
    assert.equal((await asked.ask('localhost A')).answers.length, 1)
  })

  test('does not hold back another, but does hold back its household: an IPv6 /56 is one client', async () => {
    await using asked = await open({ maxQuestionsPerSecond: 1 })
    const bitsOf = async (address: string) => (await asked.ask('localhost A', address)).bits & Bit.TC
    for (let at = 0; at < 10; at++) await asked.ask('localhost A', `2a00:1:2:a0${at}0::1`)
    assert.equal(await bitsOf('2a00:1:2:a0ff::1'), Bit.TC)
    assert.equal(await bitsOf('2a00:1:2:a1ff::1'), 0)
    assert.equal(await bitsOf(STRANGER), 0)
    for (let at = 0; at < 9; at++) await asked.ask('localhost A')
    assert.equal(await bitsOf(`::ffff:${STRANGER}`), Bit.TC)
  })

  test('is told of in the log once a minute, with how often, and without its address', async () => {
    await using asked = await open({ maxQuestionsPerSecond: 1 })
    for (let at = 0; at < 15; at++) await asked.ask('localhost A')
    assert.equal(asked.resolver.logged.length, 1)
    assert.match(asked.resolver.logged[0] ?? '', /max_questions_per_second/)
    assert.ok(!asked.resolver.logged[0]?.includes(STRANGER))
    asked.resolver.clock.advance(60_000)
    for (let at = 0; at < 15; at++) await asked.ask('localhost A')
    assert.equal(JSON.parse(asked.resolver.logged[1] ?? '').refused, 6, 'so far')
  })
})

describe('a client from outside that has many names searched for', () => {
  test('is refused with a reason; what is remembered it is told, and ordinary names', async () => {
    await using asked = await open({ maxSearchesPerSecond: 1 })
    for (let at = 0; at < 10; at++) assert.equal((await asked.ask(nameOf(at))).answers.length, 1)
    const over = await asked.ask(nameOf(10))
    assert.deepEqual([over.rcode, over.edns?.error?.code], [Rcode.ServFail, ExtendedError.Prohibited])
    assert.equal((await asked.ask(nameOf(0))).answers.length, 1)
    assert.equal((await asked.ask('localhost A')).answers.length, 1)
    assert.match(asked.resolver.logged.join(), /max_searches_per_second/)
    asked.resolver.clock.advance(1000)
    assert.equal((await asked.ask(nameOf(11))).answers.length, 1)
  })
})

test('clients of the house have no limits, nor has the API', async () => {
  await using asked = await open({ maxQuestionsPerSecond: 1, maxSearchesPerSecond: 1 })
  for (const address of ['127.0.0.1', '192.168.1.7', 'fd00::7', 'fe80::1%eth0'])
    for (let at = 0; at < 30; at++) {
      const { answers, bits } = await asked.ask(nameOf(at), address)
      assert.deepEqual([answers.length, bits & Bit.TC], [1, 0], address)
    }
  assert.deepEqual(asked.resolver.logged, [])
})
