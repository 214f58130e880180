/** Packets nobody should send: whatever they are, the client sees a reply or nothing, and nothing is thrown. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { HEADER_OCTETS } from '../../src/dns/walker.ts'
import { DEADLY } from '../support/deadly.ts'
import { Bit, DNSSEC_OK, queryPacket, readReply } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { zoneOf } from '../support/zones.ts'

const ZONE = zoneOf('www 300 IN A 192.0.2.1')
const QUESTIONS = [`www.${ZONE.key.label}.kad.alt A`, 'www.example.org A', 'x.invalid AAAA']
const SCRIPT = { 'www.example.org A': { answer: 'www.example.org. 300 IN A 192.0.2.80' } }
const open = () => TestResolver.open({ zones: [ZONE], scripts: [SCRIPT] })
const edns = { ...DNSSEC_OK, options: '000a 0008 0123456789abcdef' }
const MUTATIONS = 2000
const SEED = 20_261_123

/** A reply that can be read, belongs to the packet, and is no larger than the packet allows without EDNS or with. */
function assertReply(reply: Buffer, packet: Buffer): void {
  const { id, bits } = readReply(reply)
  assert.equal(id, packet.readUInt16BE(0))
  assert.equal(bits & Bit.QR, Bit.QR)
  assert.equal(bits & (Bit.AA | Bit.AD | Bit.Z), 0)
  assert.ok(reply.length <= 1232)
}

async function serve(resolver: TestResolver, packet: Buffer): Promise<boolean> {
  const before = Buffer.from(packet)
  const reply = await resolver.resolver.serve(packet, { address: '127.0.0.1', transport: 'udp' })
  if (reply) assertReply(reply, packet)
  assert.deepEqual(packet, before, 'what came is not written to')
  return reply !== undefined
}

/** Numbers from 0 to below `end`, the same every time (mulberry32). */
function numbersFrom(seed: number): (end: number) => number {
  let state = seed
  return (end) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }
}

/** One to six changes: an octet, a bit, a piece left out, doubled, or of a single value. */
function mutate(packet: Buffer, number: (end: number) => number): Buffer {
  let octets = Buffer.from(packet)
  for (let left = 1 + number(6); left > 0 && octets.length > 0; left--) {
    const at = number(octets.length)
    const end = at + number(Math.min(16, octets.length - at) + 1)
    const changes = [
      () => octets.fill(number(256), at, at + 1),
      () => octets.fill(octets.readUInt8(at) ^ (1 << number(8)), at, at + 1),
      () => Buffer.concat([octets.subarray(0, at), octets.subarray(end)]),
      () => Buffer.concat([octets.subarray(0, end), octets.subarray(at)]),
      () => octets.fill([0, 0xff, 0xc0, 0x3f][number(4)] ?? 0, at, end),
    ]
    octets = Buffer.from(changes[number(changes.length)]?.() ?? octets)
  }
  return octets
}

test('every beginning of a good question is answered, or too short to be; the whole is answered', async () => {
  await using resolver = await open()
  for (const question of QUESTIONS) {
    const packet = queryPacket(question, { edns })
    for (let length = 0; length <= packet.length; length++) {
      const answered = await serve(resolver, packet.subarray(0, length))
      assert.equal(answered, length >= HEADER_OCTETS, `${length} octets of ${question}`)
    }
  }
  assert.deepEqual(resolver.logged, [])
})

test(`${MUTATIONS} random changes to good questions: a reply or nothing, and nothing thrown`, async () => {
  await using resolver = await open()
  const number = numbersFrom(SEED)
  const originals = QUESTIONS.flatMap((question) => [queryPacket(question), queryPacket(question, { edns })])
  let answered = 0
  for (let left = MUTATIONS; left > 0; left--) {
    const packet = mutate(originals[left % originals.length] ?? Buffer.alloc(0), number)
    answered += Number(await serve(resolver, packet))
  }
  assert.ok(answered > MUTATIONS / 4 && answered < MUTATIONS, `${answered} of ${MUTATIONS} were answered`)
  assert.deepEqual(resolver.logged, [])
  const good = await resolver.ask(QUESTIONS[0] ?? '')
  assert.equal(good.answers.length, 1, 'and then a good question is answered as ever')
})

for (const { name, packet, rcode } of DEADLY) {
  const isRefused = rcode === Rcode.FormErr
  const verdict = isRefused ? 'FORMERR, and nobody is asked' : 'answered as the question it is'
  test(`a packet with ${name} (${packet.length} octets): ${verdict}`, async () => {
    await using resolver = await open()
    for (const transport of ['udp', 'tcp'] as const) {
      const reply = await resolver.send(packet, transport)
      assert.deepEqual([reply?.rcode, reply?.answers.length], [rcode, isRefused ? 0 : 1])
    }
    assert.equal(resolver.upstream.asked.length, isRefused ? 0 : 1)
    assert.deepEqual(resolver.logged, [])
  })
}

test('random changes to an upstream\u2019s replies: the client sees a reply, and nothing is thrown', async () => {
  const number = numbersFrom(SEED)
  const authority = 'example.org. 300 IN SOA ns.example.org. h.example.org. 1 2 3 4 60'
  const answer = 'www.example.org. 0 IN CNAME x.example.org.\nx.example.org. 0 IN MX 10 mail.example.org.'
  const change = (reply: Buffer) => {
    const head = reply.subarray(0, HEADER_OCTETS)
    return Buffer.concat([head, mutate(reply.subarray(HEADER_OCTETS), number)])
  }
  const script = { 'www.example.org MX': { answer, authority, change } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  for (let left = 300; left > 0; left--) {
    const asked = resolver.upstream.asked.length
    const asking = serve(resolver, queryPacket('www.example.org MX', { edns }))
    await resolver.untilAsked(asked + 1)
    let over = false
    const done = asking.finally(() => {
      over = true
    })
    // Where the reply was no reply any more, the time for one has to run out.
    for (let turns = 0; !over; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turns > 20) resolver.clock.advance(50)
    }
    assert.equal(await done, true)
    resolver.clock.advance(86_400_000)
  }
  assert.deepEqual(resolver.logged, [])
})
