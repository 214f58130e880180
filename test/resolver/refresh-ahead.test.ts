/** Names that are asked for often are asked for anew before their answers fade, and others are not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { Bit, DNSSEC_OK } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { ALICE, linesOf, zoneOf } from '../support/zones.ts'

const WWW = 'www.example.org A'
const SIGNED_UNCHECKED = { bits: Bit.RD | Bit.CD, edns: DNSSEC_OK }
const good = (ttl = 300): Script => ({
  [WWW]: { answer: `www.example.org. ${ttl} IN A 192.0.2.80`, edns: true },
})

/** Asks at these seconds after the first time. */
async function askAt(resolver: TestResolver, seconds: readonly number[], way = {}): Promise<void> {
  const start = resolver.clock.monotonic()
  for (const second of seconds) {
    resolver.clock.advance(start + second * 1000 - resolver.clock.monotonic())
    assert.equal((await resolver.ask(WWW, way)).answers.length, 1)
  }
  await resolver.clock.settle()
}

describe('a name that is asked for often', () => {
  test('is asked for anew in the last tenth of its TTL: no client ever waits for it', async () => {
    await using resolver = await TestResolver.open({ scripts: [good()] })
    await askAt(resolver, [0, 100, 200, 269])
    assert.equal(resolver.upstream.asked.length, 1)
    resolver.upstream.script[WWW] = { answer: 'www.example.org. 300 IN A 192.0.2.81' }
    resolver.clock.advance(1000)
    assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 30 A 192.0.2.80'])
    await until(async () => (await resolver.ask(WWW)).answers[0]?.ttl === 300)
    assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 300 A 192.0.2.81'])
    assert.equal(resolver.upstream.asked.length, 2)
  })

  test('with DO and CD is asked for with DO and CD', async () => {
    await using resolver = await TestResolver.open({ scripts: [good()] })
    await askAt(resolver, [0, 100, 200, 280], SIGNED_UNCHECKED)
    await resolver.untilAsked(2)
    const [first, second] = resolver.upstream.asked.map(({ text, message: { flags, edns } }) => [
      text,
      flags.checkingDisabled,
      edns?.dnssecOk,
    ])
    assert.deepEqual([first, second], [second, [WWW, true, true]])
  })

  test('and fails then keeps its answer until that fades; it is tried again, but not each second', async () => {
    await using resolver = await TestResolver.open({ scripts: [good()] })
    await askAt(resolver, [0, 100, 200])
    resolver.upstream.script[WWW] = { rcode: Rcode.ServFail }
    for (let left = 29; left >= 1; left--) {
      resolver.clock.advance(left === 29 ? 71_000 : 1000)
      const [record] = (await resolver.ask(WWW)).answers
      assert.equal(record?.ttl, left)
      await until(() => resolver.upstream.asked.length > 1)
      await resolver.clock.settle()
    }
    const tries = resolver.upstream.asked.length - 1
    assert.ok(tries >= 2 && tries <= 5, `${tries} tries: after 1, 2, 4, 8 and 16 s`)
  })

  test('is asked for once, however many ask while that goes on', async () => {
    const held = { answer: 'www.example.org. 300 IN A 192.0.2.81', held: true } as const
    await using resolver = await TestResolver.open({ scripts: [good(), { [WWW]: held }] })
    await askAt(resolver, [0, 100, 200])
    const [silent, late] = resolver.upstreams
    silent!.script[WWW] = { silent: true }
    resolver.clock.advance(75_000)
    for (let left = 100; left > 0; left--) await resolver.ask(WWW)
    await resolver.untilAsked(2)
    resolver.clock.advance(UPSTREAM_TIMEOUT)
    await resolver.untilAsked(1, late)
    resolver.clock.advance(1000 - UPSTREAM_TIMEOUT)
    for (let left = 100; left > 0; left--) await resolver.ask(WWW)
    late!.release()
    await until(async () => (await resolver.ask(WWW)).answers[0]?.ttl === 300)
    assert.deepEqual([silent!.asked.length, late!.asked.length], [2, 1])
  })
})

test('who asks after the answer has faded waits for what is asked ahead: one question goes out', async () => {
  await using resolver = await TestResolver.open({ scripts: [good()] })
  await askAt(resolver, [0, 100, 200])
  resolver.upstream.script[WWW] = { answer: 'www.example.org. 300 IN A 192.0.2.81', held: true }
  resolver.clock.advance(99_500)
  assert.equal((await resolver.ask(WWW)).answers[0]?.ttl, 1)
  await resolver.untilAsked(2)
  resolver.clock.advance(500)
  const asking = Array.from({ length: 100 }, () => resolver.ask(WWW))
  await resolver.clock.settle()
  resolver.upstream.release()
  for (const reply of await Promise.all(asking)) assert.equal(reply.answers[0]?.ttl, 300)
  assert.equal(resolver.upstream.asked.length, 2)
})

describe('not asked for ahead is', () => {
  for (const [word, ttl, seconds] of [
    ['a name that is asked for rarely', 300, [0, 100, 280]],
    ['a name that is asked for often within one second only', 300, [0, 280, 280.2, 280.4, 280.6]],
    ['an answer that lives for less than ten seconds', 9, [0, 2, 4, 6, 8.5]],
  ] as const) {
    test(word, async () => {
      await using resolver = await TestResolver.open({ scripts: [good(ttl)] })
      await askAt(resolver, seconds)
      await resolver.ask('other.example A')
      assert.deepEqual(resolver.upstream.questions, [WWW, 'other.example A'])
    })
  }

  test('a name of ours: its directory keeps it fresh', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN A 192.0.2.1')] })
    for (const wait of [0, 100, 100, 80]) {
      resolver.clock.advance(wait * 1000)
      await resolver.ask(`www.${publicKeyOf(ALICE).label}.kad.alt A`)
    }
    await resolver.clock.settle()
    assert.equal(resolver.directory.finds.length, 1)
  })

  test('more than twenty names in one second', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `n${at}.example`)
    const script = Object.fromEntries(
      names.map((name) => [`${name} A`, { answer: `${name}. 300 IN A 192.0.2.1` }]),
    )
    await using resolver = await TestResolver.open({ scripts: [script] })
    const askAll = async () => {
      for (const name of names) await resolver.ask(`${name} A`)
      await resolver.clock.settle()
    }
    for (const wait of [0, 100, 100, 80]) {
      resolver.clock.advance(wait * 1000)
      await askAll()
    }
    await resolver.ask('last.example A')
    const ahead = resolver.upstream.asked.length - names.length - 1
    assert.ok(ahead > 0 && ahead <= 20, `${ahead} were asked for`)
  })
})
