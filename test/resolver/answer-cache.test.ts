/** What is remembered of answers, for how long, and what makes it forgotten. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode, RecordType } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { AnswerCache } from '../../src/resolver/answer-cache.ts'
import { type Answer, emptyAnswer } from '../../src/resolver/query.ts'
import { makeReady } from '../../src/resolver/reply.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Bit, DNSSEC_OK, queryPacket, questionOctets } from '../support/queries.ts'
import { recordsFrom } from '../support/records.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { ALICE, BOB, linesOf, SIGNED_AT, zoneOf } from '../support/zones.ts'

const A = publicKeyOf(ALICE).label
const B = publicKeyOf(BOB).label
const WWW = `www.${A}.kad.alt`
const SIGNED = DNSSEC_OK
const next = (text: string, secret = ALICE) => zoneOf(text, { secret, sequence: SIGNED_AT + 1n })
const publish = (resolver: TestResolver, zone: ReturnType<typeof zoneOf>) => resolver.directory.publish(zone)

describe('a remembered answer', () => {
  const scripts = [{ 'www.example.org A': { answer: 'www.example.org. 300 IN A 192.0.2.80' } }]

  test('comes at once, in the spelling of the question at hand', async () => {
    await using resolver = await TestResolver.open({ scripts })
    await resolver.ask('www.example.org A')
    for (const name of ['WWW.example.ORG', 'wWw.eXample.org', 'www.example.org']) {
      const packet = queryPacket(`${name} A`)
      const reply = resolver.resolver.serve(packet, { address: '127.0.0.1', transport: 'udp' })
      assert.ok(reply instanceof Buffer, 'no promise')
      const question = questionOctets(`${name} A`)
      assert.deepEqual(reply.subarray(12, 12 + question.length), question)
    }
    assert.equal(resolver.upstream.asked.length, 1)
  })

  test('has TTLs that count down to 1, and is gone when they are over', async () => {
    await using resolver = await TestResolver.open({ scripts })
    const ttl = async () => (await resolver.ask('www.example.org A')).answers[0]?.ttl
    assert.equal(await ttl(), 300)
    for (const [seconds, left] of [
      [1, 299],
      [98.5, 201],
      [200.4, 1],
    ] as const) {
      resolver.clock.advance(seconds * 1000)
      assert.equal(await ttl(), left)
    }
    assert.equal(resolver.upstream.asked.length, 1)
    resolver.clock.advance(100)
    assert.equal(await ttl(), 300)
    assert.equal(resolver.upstream.asked.length, 2)
  })

  test('goes when the shortest of its TTLs is over', async () => {
    const answer = 'www.example.org. 300 IN CNAME x.example.org.\nx.example.org. 20 IN A 192.0.2.1'
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { answer } }] })
    await resolver.ask('www.example.org A')
    resolver.clock.advance(19_999)
    assert.deepEqual(
      (await resolver.ask('www.example.org A')).answers.map(({ ttl }) => ttl),
      [281, 1],
    )
    resolver.clock.advance(1)
    await resolver.ask('www.example.org A')
    assert.equal(resolver.upstream.asked.length, 2)
  })

  test('is kept apart for DO and for CD', async () => {
    const answer = 'www.example.org. 300 IN A 192.0.2.80'
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { answer, edns: true } }],
    })
    const ways = [{}, { edns: SIGNED }, { bits: Bit.RD | Bit.CD }, { bits: Bit.RD | Bit.CD, edns: SIGNED }]
    for (const _ of ['asked', 'remembered'])
      for (const way of ways) assert.equal((await resolver.ask('www.example.org A', way)).answers.length, 1)
    assert.equal(resolver.upstream.asked.length, 4)
  })

  test('is not what a server without EDNS said to DO: signatures may be missing', async () => {
    const answer = 'www.example.org. 300 IN A 192.0.2.80'
    const script = { 'www.example.org A': { rcode: Rcode.FormErr, withoutEdns: { answer } } }
    await using resolver = await TestResolver.open({ scripts: [script] })
    for (const asked of [2, 4]) {
      assert.equal((await resolver.ask('www.example.org A', { edns: SIGNED })).answers.length, 1)
      assert.equal(resolver.upstream.asked.length, asked)
    }
    for (const _ of ['asked', 'remembered']) await resolver.ask('www.example.org A')
    assert.equal(resolver.upstream.asked.length, 6, 'without DO it is whole')
  })

  test('is not an alias that came so either, even where its target came with EDNS', async () => {
    const answer = 'www.example.org. 300 IN CNAME x.example.org.'
    const script = {
      'www.example.org A': { rcode: Rcode.FormErr, withoutEdns: { answer } },
      'x.example.org A': { answer: 'x.example.org. 300 IN A 192.0.2.80', edns: true },
    } as const
    await using resolver = await TestResolver.open({ scripts: [script] })
    for (const asked of [3, 6]) {
      assert.equal((await resolver.ask('www.example.org A', { edns: SIGNED })).answers.length, 2)
      assert.equal(resolver.upstream.asked.length, asked)
    }
  })

  test('is kept apart for types and for names that differ in more than case', async () => {
    await using resolver = await TestResolver.open({ scripts })
    for (const question of ['www.example.org A', 'www.example.org AAAA', 'www.example.or\\007 A'])
      await resolver.ask(question)
    assert.equal(resolver.upstream.asked.length, 3)
  })

  test('serves the API too, which is told that it was remembered', async () => {
    await using resolver = await TestResolver.open({ scripts })
    const first = await resolver.lookUp(parseName('www.example.org.'), RecordType.A)
    resolver.clock.advance(10_000)
    const second = await resolver.lookUp(parseName('WWW.example.org.'), RecordType.A)
    assert.deepEqual([first.origin, second.origin], ['upstream', 'cache'])
    assert.deepEqual(linesOf(second.records), ['www.example.org. 290 A 192.0.2.80'])
    assert.equal((await resolver.ask('www.example.org A')).answers[0]?.ttl, 290)
    assert.equal(resolver.upstream.asked.length, 1)
  })
})

describe('a zone that changes', () => {
  test('makes its answers forgotten: the next question gets the new value', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN A 192.0.2.1')] })
    await resolver.ask(`${WWW} A`)
    await publish(resolver, next('www 300 IN A 192.0.2.2'))
    assert.deepEqual(linesOf((await resolver.ask(`${WWW} A`)).answers), [`${WWW}. 300 A 192.0.2.2`])
  })

  test('makes answers of other names that lead through it forgotten, and no others', async () => {
    const zones = [
      zoneOf(`www 300 IN CNAME x.${B}.\nother 300 IN A 192.0.2.9`),
      zoneOf('x 300 IN A 192.0.2.1', { secret: BOB }),
    ]
    await using resolver = await TestResolver.open({ zones })
    await resolver.ask(`${WWW} A`)
    await resolver.ask(`other.${A}.kad.alt A`)
    const before = resolver.directory.finds.length
    await publish(resolver, next('x 300 IN A 192.0.2.2', BOB))
    assert.equal(linesOf((await resolver.ask(`${WWW} A`)).answers)[1], `x.${B}.kad.alt. 300 A 192.0.2.2`)
    await resolver.ask(`other.${A}.kad.alt A`)
    assert.equal(resolver.directory.finds.length, before + 2)
  })

  test('makes the word that nobody owns it forgotten', async () => {
    await using resolver = await TestResolver.open()
    assert.equal((await resolver.ask(`${WWW} A`)).rcode, Rcode.NxDomain)
    await publish(resolver, zoneOf('www 300 IN A 192.0.2.1'))
    assert.equal((await resolver.ask(`${WWW} A`)).rcode, Rcode.NoError)
  })

  test('while an answer is made from its older state: that answer is given, and not remembered', async () => {
    const older = zoneOf('www 300 IN A 192.0.2.1')
    await using resolver = await TestResolver.open({ zones: [older] })
    const gate = Promise.withResolvers<void>()
    const { directory } = resolver
    const find = directory.find.bind(directory)
    directory.find = async (key, options) => {
      const found = await find(key, options)
      await gate.promise
      return found
    }
    const asking = resolver.ask(`${WWW} A`)
    await publish(resolver, next('www 300 IN A 192.0.2.2'))
    gate.resolve()
    assert.deepEqual(linesOf((await asking).answers), [`${WWW}. 300 A 192.0.2.1`])
    assert.deepEqual(linesOf((await resolver.ask(`${WWW} A`)).answers), [`${WWW}. 300 A 192.0.2.2`])
  })

  test('is not heard of any more by a resolver that was closed', async () => {
    const resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN A 192.0.2.1')] })
    await resolver.ask(`${WWW} A`)
    await resolver[Symbol.asyncDispose]()
    await publish(resolver, next('www 300 IN A 192.0.2.2'))
    assert.deepEqual(linesOf((await resolver.ask(`${WWW} A`)).answers), [`${WWW}. 300 A 192.0.2.1`])
  })
})

test('an answer from a zone is never kept, nor given a TTL, past the expiry the zone was signed with', async () => {
  const zone = zoneOf('www 300 IN A 192.0.2.1', { soa: { expire: 100 } })
  await using resolver = await TestResolver.open({ zones: [zone] })
  resolver.clock.advance(69_500)
  const [record] = (await resolver.ask(`${WWW} A`)).answers
  assert.equal(record?.ttl, 30)
  resolver.directory.zones.clear() // as a directory does with what has expired
  resolver.clock.advance(30_499)
  assert.equal((await resolver.ask(`${WWW} A`)).rcode, Rcode.NxDomain)
})

test('what a packet is refused is refused over the API too, and never remembered for another name', async () => {
  await using resolver = await TestResolver.open()
  for (const [type, rcode] of [
    [252, Rcode.Refused],
    [RecordType.OPT, Rcode.FormErr],
  ] as const) {
    for (const text of ['localhost', 'www.example.org']) {
      const answer = await resolver.lookUp(parseName(text), type)
      assert.deepEqual([answer.rcode, answer.origin, answer.authority], [rcode, 'local', []])
    }
  }
  assert.deepEqual(resolver.upstream.asked, [])
})

describe('the memory for answers', () => {
  const clock = new ManualClock()
  const name = parseName('www.example.org.')
  const found: Answer = {
    ...emptyAnswer(Rcode.NoError, 'upstream'),
    records: recordsFrom('www.example.org. 300 IN A 192.0.2.80'),
  }
  const ready = makeReady(found, { name, type: RecordType.A })

  test('is bounded: what was used longest ago goes first', () => {
    const cache = new AnswerCache(clock, { maxOctets: 100_000, staleFor: 0 })
    for (let at = 0; at < 1000; at++) {
      cache.remember(`key ${at}`, ready, found)
      clock.advance(100)
      assert.ok(cache.get('key 0', clock.monotonic()), 'what is asked for all the time stays')
    }
    assert.ok(cache.size * ready.length <= 100_000)
    assert.ok(cache.size > 10 && cache.size < 1000)
    assert.equal(cache.get('key 1', clock.monotonic()), undefined)
    assert.ok(cache.get('key 999', clock.monotonic()))
  })

  test('takes no failures, no refusals, nothing without a TTL', () => {
    const cache = new AnswerCache(clock, { maxOctets: 100_000, staleFor: 0 })
    for (const rcode of [Rcode.ServFail, Rcode.Refused, Rcode.NotImp]) {
      const answer = { ...found, rcode }
      cache.remember('key', makeReady(answer, { name, type: RecordType.A }), answer)
    }
    const empty = emptyAnswer(Rcode.NoError, 'upstream')
    cache.remember('key', makeReady(empty, { name, type: RecordType.A }), empty)
    assert.equal(cache.size, 0)
  })

  test('forgets by zone what it remembered twice, or what had gone before', () => {
    const cache = new AnswerCache(clock, { maxOctets: 5000, staleFor: 0 })
    const zone = zoneOf('')
    const ofZone = { ...found, zones: [zone] }
    cache.remember('twice', ready, ofZone)
    cache.remember('twice', ready, ofZone)
    for (let at = 0; at < 20; at++) cache.remember(`key ${at}`, ready, ofZone)
    cache.remember('other', ready, found)
    cache.changed(next(''))
    assert.equal(cache.size, 1)
    assert.ok(cache.get('other', clock.monotonic()))
  })

  test('forgets all of a zone that is revoked, and takes no more of it', () => {
    const cache = new AnswerCache(clock, { maxOctets: 100_000, staleFor: 0 })
    const ofZone = { ...found, zones: [zoneOf('')] }
    cache.remember('key', ready, ofZone)
    cache.changed({ ...zoneOf(''), sequence: 2n ** 63n - 1n })
    cache.remember('key', ready, ofZone)
    assert.equal(cache.size, 0)
  })
})
