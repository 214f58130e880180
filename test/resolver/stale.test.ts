/** Answers whose TTL is over, given because no newer one can be had (RFC 8767): when, for how long, and with what word beside them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode, RecordType } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import type { Reply } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { ALICE, linesOf, SIGNED_AT, zoneOf } from '../support/zones.ts'

const EDNS = { edns: {} }
const WWW = 'www.example.org A'
const GOOD = { answer: 'www.example.org. 300 IN A 192.0.2.80' }
const NEWER = { answer: 'www.example.org. 300 IN A 192.0.2.81' }
const GONE = {
  rcode: Rcode.NxDomain,
  authority: 'example.org. 900 IN SOA ns.example.org. h.example.org. 1 2 3 4 120',
}
const SILENT = { silent: true } as const
const SERVFAIL = { rcode: Rcode.ServFail }
const DAY = 86_400_000
const TTL = 300_000
const A = publicKeyOf(ALICE).label

/** A resolver that has asked for these once, of as many upstreams. */
async function opened(...scripts: Script[]): Promise<TestResolver> {
  const resolver = await TestResolver.open({ scripts })
  for (const question of Object.keys(scripts[0] ?? {})) await resolver.ask(question)
  return resolver
}

function say(resolver: TestResolver, question: string, ...scripted: Script[string][]): void {
  for (const [at, said] of scripted.entries()) resolver.upstreams[at]!.script[question] = said
}

function wordOf({ edns, rcode, answers, authority }: Reply): unknown[] {
  return [rcode, edns?.error?.code, ...linesOf(answers), ...authority.map(({ ttl }) => ttl)]
}

const STALE = [Rcode.NoError, ExtendedError.StaleAnswer, 'www.example.org. 30 A 192.0.2.80']

describe('an answer whose TTL is over', () => {
  test('is given with TTL 30 and EDE 3 when the upstream fails', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    assert.deepEqual(wordOf(await resolver.ask('WWW.example.org A', EDNS)), [
      ...STALE.slice(0, 2),
      'WWW.example.org. 30 A 192.0.2.80',
    ])
    assert.equal((await resolver.ask(WWW)).edns, undefined, 'no EDE without OPT')
  })

  test('that said there is none: NXDOMAIN and its SOA with TTL 30, and EDE 19', async () => {
    await using resolver = await opened({ [WWW]: GONE })
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), [Rcode.NxDomain, ExtendedError.StaleNxDomain, 30])
  })

  test('is not given when a newer one can be had, whatever that says', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, GONE)
    resolver.clock.advance(TTL)
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), [Rcode.NxDomain, undefined, 120])
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    assert.equal((await resolver.ask(WWW)).rcode, Rcode.NxDomain, 'and that is the last that is known')
  })

  test('is overtaken by one that may not be kept', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, { answer: 'www.example.org. 0 IN A 192.0.2.81' })
    resolver.clock.advance(TTL)
    assert.equal((await resolver.ask(WWW)).answers.length, 1)
    say(resolver, WWW, SERVFAIL)
    assert.equal((await resolver.ask(WWW)).rcode, Rcode.ServFail)
  })

  test('is given until three days are over, and then it is SERVFAIL', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL + 3 * DAY - 1000)
    assert.equal((await resolver.ask(WWW)).answers[0]?.ttl, 1)
    resolver.clock.advance(1000)
    assert.equal((await resolver.ask(WWW)).rcode, Rcode.ServFail)
  })

  test('is not given where dns.stale_for is 0', async () => {
    await using resolver = await TestResolver.open({ scripts: [{ [WWW]: GOOD }], config: { staleFor: 0 } })
    await resolver.ask(WWW)
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    assert.equal((await resolver.ask(WWW)).rcode, Rcode.ServFail)
  })

  test('is not given to a client that asks without RD: REFUSED, as ever', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    resolver.clock.advance(TTL)
    assert.equal((await resolver.ask(WWW, { bits: 0 })).rcode, Rcode.Refused)
    say(resolver, WWW, SERVFAIL)
    await resolver.ask(WWW)
    assert.equal((await resolver.ask(WWW, { bits: 0 })).rcode, Rcode.Refused)
  })

  test('is told as stale by the API', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    for (const _ of ['asked', 'at once']) {
      const answer = await resolver.lookUp(parseName('www.example.org.'), RecordType.A)
      assert.deepEqual([answer.origin, answer.error?.code], ['stale', ExtendedError.StaleAnswer])
      assert.deepEqual(linesOf(answer.records), ['www.example.org. 30 A 192.0.2.80'])
    }
  })
})

describe('an upstream that is silent', () => {
  test('the stale answer is given when its time is over', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SILENT)
    resolver.clock.advance(TTL)
    const { reply, waited } = await resolver.askTimed(WWW, EDNS)
    assert.deepEqual(wordOf(reply), STALE)
    assert.equal(waited, UPSTREAM_TIMEOUT)
  })

  test('like all others: it is given after 1.8 s; what comes then is remembered', async () => {
    await using resolver = await opened({ [WWW]: GOOD }, {}, {})
    say(resolver, WWW, SILENT, SILENT, { ...NEWER, held: true })
    resolver.clock.advance(TTL)
    const asking = resolver.ask(WWW, EDNS)
    for (const server of [0, 1]) {
      await resolver.untilAsked(1, resolver.upstreams[server])
      resolver.clock.advance(UPSTREAM_TIMEOUT)
    }
    await resolver.untilAsked(1, resolver.upstreams[2])
    resolver.clock.advance(1800 - 2 * UPSTREAM_TIMEOUT)
    assert.deepEqual(wordOf(await asking), STALE)
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), STALE, 'and to others at once')
    resolver.upstreams[2]!.release()
    await until(async () => (await resolver.ask(WWW)).answers[0]?.ttl === 300)
    assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 300 A 192.0.2.81'])
    assert.equal(resolver.upstreams[2]!.asked.length, 1)
  })

  test('what is asked behind a stale answer counts among the questions worked on at once', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ [WWW]: GOOD }, {}, {}],
      config: { maxPending: 1 },
    })
    await resolver.ask(WWW)
    say(resolver, WWW, SILENT, SILENT, SILENT)
    resolver.clock.advance(TTL)
    const { reply } = await resolver.askTimed(WWW)
    assert.equal(reply.answers.length, 1)
    const busy = await resolver.ask('other.example A', EDNS)
    assert.equal(busy.edns?.error?.code, ExtendedError.NotReady)
    resolver.clock.advance(resolver.config.answerTimeout)
    await until(async () => (await resolver.ask('localhost A')).answers.length === 1)
  })
})

test('a hundred clients that wait for a newer answer in vain: one question goes out, and all get the stale one', async () => {
  await using resolver = await opened({ [WWW]: GOOD })
  say(resolver, WWW, SILENT)
  resolver.clock.advance(TTL)
  const asking = Array.from({ length: 100 }, () => resolver.ask(WWW, EDNS))
  await resolver.untilAsked(2)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  for (const reply of await Promise.all(asking)) assert.deepEqual(wordOf(reply), STALE)
  await resolver.clock.settle()
  assert.deepEqual(resolver.upstream.questions.slice(0, 2), [WWW, WWW])
  assert.ok(
    resolver.upstream.questions.slice(2).every((question) => question.endsWith(' TXT')),
    'but a look for a loop',
  )
  resolver.clock.advance(UPSTREAM_TIMEOUT)
})

test('too many questions at once: whoever can be given a stale answer is', async () => {
  const held = { answer: 'slow.example. 9 IN A 192.0.2.1', held: true } as const
  const scripts = [{ [WWW]: GOOD, 'slow.example A': held }]
  await using resolver = await TestResolver.open({ scripts, config: { maxPending: 1 } })
  await resolver.ask(WWW)
  resolver.clock.advance(TTL)
  const slow = resolver.ask('slow.example A')
  await resolver.untilAsked(2)
  assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), STALE)
  assert.equal((await resolver.ask(WWW, { bits: 0 })).rcode, Rcode.ServFail)
  resolver.upstream.release()
  await slow
  assert.equal((await resolver.ask(WWW)).answers[0]?.ttl, 300)
})

describe('after asking failed', () => {
  test('the stale answer is given at once for 30 s, and nobody is asked', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    await resolver.ask(WWW)
    const asked = resolver.upstream.asked.length
    say(resolver, WWW, NEWER)
    resolver.clock.advance(29_999)
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), STALE)
    assert.equal(resolver.upstream.asked.length, asked)
    resolver.clock.advance(1)
    assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 300 A 192.0.2.81'])
  })

  test('by an asker that went away, the next one asks', async () => {
    await using resolver = await opened({ [WWW]: GOOD })
    say(resolver, WWW, SILENT)
    resolver.clock.advance(TTL)
    const leaving = new AbortController()
    const first = resolver.resolver.ask({ name: parseName('www.example.org.'), type: 1 }, leaving.signal)
    await resolver.untilAsked(2)
    leaving.abort()
    await first
    say(resolver, WWW, NEWER)
    assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 300 A 192.0.2.81'])
  })
})

describe('a stale answer that rests on a zone', () => {
  const question = `www.${A}.kad.alt A`
  const text = 'www 300 IN CNAME www.example.org.'

  test('is given while the alias in it leads to a name nobody answers for', async () => {
    const resolver = await TestResolver.open({ zones: [zoneOf(text)], scripts: [{ [WWW]: GOOD }] })
    await using _ = resolver
    await resolver.ask(question)
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(TTL)
    assert.equal((await resolver.ask(question)).answers.length, 2)
  })

  test('is never given past the expiry the zone was signed with', async () => {
    const zones = [zoneOf(text, { soa: { expire: 1000 } })]
    await using resolver = await TestResolver.open({ zones, scripts: [{ [WWW]: GOOD }] })
    await resolver.ask(question)
    say(resolver, WWW, SERVFAIL)
    resolver.clock.advance(999_000)
    assert.deepEqual(
      (await resolver.ask(question)).answers.map(({ ttl }) => ttl),
      [1, 1],
    )
    resolver.clock.advance(1000)
    assert.equal((await resolver.ask(question)).rcode, Rcode.ServFail)
  })

  test('is never given once a newer zone is known, even one that came while it was waited for', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf(text)], scripts: [{ [WWW]: GOOD }] })
    await resolver.ask(question)
    say(resolver, WWW, SILENT)
    resolver.clock.advance(TTL)
    const asking = resolver.ask(question)
    await resolver.untilAsked(2)
    await resolver.directory.publish(zoneOf('', { sequence: SIGNED_AT + 1n }))
    resolver.clock.advance(UPSTREAM_TIMEOUT)
    assert.equal((await asking).rcode, Rcode.ServFail)
    assert.equal((await resolver.ask(question)).rcode, Rcode.NxDomain)
  })

  test('is not one that said nobody owns the name', async () => {
    await using resolver = await TestResolver.open()
    assert.equal((await resolver.ask(question)).rcode, Rcode.NxDomain)
    resolver.directory.otherwise = {
      kind: 'unreachable',
      cause: 'nobody answers',
      effort: { asked: 1, hops: 0, milliseconds: 0 },
    }
    resolver.clock.advance(30_000)
    assert.equal((await resolver.ask(question)).rcode, Rcode.ServFail)
  })
})
