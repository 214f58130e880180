/** What could not be answered is not asked again at once (RFC 9520): for how long, and what ends it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { Bit, DNSSEC_OK, type Reply } from '../support/queries.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'

const EDNS = { edns: {} }
const WWW = 'www.example.org A'
const broken = () => ({ [WWW]: { rcode: Rcode.ServFail } })
const MENDED = { answer: 'www.example.org. 300 IN A 192.0.2.80' }
const SILENT = { silent: true } as const

const wordOf = ({ rcode, edns }: Reply) => [rcode, edns?.error?.code]
const FAILED = [Rcode.ServFail, ExtendedError.NetworkError]
const REMEMBERED = [Rcode.ServFail, ExtendedError.CachedError]

test('a broken name: within a second SERVFAIL with EDE 13 and the reason, and nobody is asked', async () => {
  await using resolver = await TestResolver.open({ scripts: [broken()] })
  const first = await resolver.ask(WWW, EDNS)
  assert.deepEqual(wordOf(first), FAILED)
  resolver.clock.advance(999)
  for (const way of [EDNS, { edns: DNSSEC_OK }]) {
    const reply = await resolver.ask('WWW.example.org A', way)
    assert.deepEqual(wordOf(reply), REMEMBERED)
    assert.equal(reply.edns?.error?.text, first.edns?.error?.text)
  }
  assert.equal((await resolver.ask(WWW)).edns, undefined, 'no EDE without OPT')
  assert.equal(resolver.upstream.asked.length, 1)
})

test('a name that stays broken is asked for after 1 s, 2 s, 4 s and so on, and every 60 s in the end', async () => {
  await using resolver = await TestResolver.open({ scripts: [broken()] })
  for (const [failures, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), FAILED)
    assert.equal(resolver.upstream.asked.length, failures + 1)
    resolver.clock.advance(seconds * 1000 - 1)
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), REMEMBERED)
    resolver.clock.advance(1)
  }
})

test('a hundred clients that ask at once are one failure, not a hundred', async () => {
  await using resolver = await TestResolver.open({ scripts: [broken()] })
  await Promise.all(Array.from({ length: 100 }, () => resolver.ask(WWW)))
  resolver.clock.advance(1000)
  assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), FAILED)
})

test('a name that was mended is answered, and its next failure is a first one', async () => {
  await using resolver = await TestResolver.open({ scripts: [broken()] })
  const { script } = resolver.upstream
  await resolver.ask(WWW)
  resolver.clock.advance(1000)
  await resolver.ask(WWW)
  resolver.clock.advance(2000)
  script[WWW] = { answer: 'www.example.org. 0 IN A 192.0.2.80' }
  assert.equal((await resolver.ask(WWW)).answers.length, 1)
  script[WWW] = { rcode: Rcode.ServFail }
  await resolver.ask(WWW)
  resolver.clock.advance(1000)
  script[WWW] = MENDED
  assert.equal((await resolver.ask(WWW)).answers.length, 1)
})

test('a name that nobody asked for in a minute begins anew', async () => {
  await using resolver = await TestResolver.open({ scripts: [broken()] })
  for (const wait of [1000, 2000 + 60_000, 1000]) {
    assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), FAILED)
    resolver.clock.advance(wait)
  }
  assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), FAILED)
})

test('silence is a failure as well', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ [WWW]: SILENT }] })
  const asking = resolver.ask(WWW)
  await resolver.untilAsked(1)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  await asking
  assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), REMEMBERED)
  assert.equal(resolver.upstream.asked.length, 1)
})

test('so is silence until the answer was due', async () => {
  const script = { [WWW]: SILENT }
  await using resolver = await TestResolver.open({ scripts: [script], config: { answerTimeout: 500 } })
  const asking = resolver.ask(WWW)
  await resolver.untilAsked(1)
  resolver.clock.advance(500)
  await asking
  const reply = await resolver.ask(WWW, EDNS)
  assert.deepEqual(wordOf(reply), REMEMBERED)
  assert.equal(resolver.upstream.asked.length, 1)
})

test('that an asker went away is no failure', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ [WWW]: SILENT }] })
  const leaving = new AbortController()
  const first = resolver.resolver.ask({ name: parseName('www.example.org.'), type: 1 }, leaving.signal)
  await resolver.untilAsked(1)
  leaving.abort()
  await first
  await resolver.clock.settle()
  resolver.upstream.script[WWW] = MENDED
  assert.equal((await resolver.ask(WWW)).answers.length, 1)
})

test('other types, CD, and a question without RD are not concerned', async () => {
  const script = { ...broken(), 'www.example.org AAAA': { answer: 'www.example.org. 9 IN AAAA 2001:db8::1' } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  await resolver.ask(WWW)
  resolver.upstream.script[WWW] = MENDED
  assert.equal((await resolver.ask('www.example.org AAAA')).answers.length, 1)
  assert.equal((await resolver.ask(WWW, { bits: 0 })).rcode, Rcode.Refused)
  assert.equal((await resolver.ask(WWW, { bits: Bit.RD | Bit.CD })).answers.length, 1)
  assert.deepEqual(wordOf(await resolver.ask(WWW, EDNS)), REMEMBERED)
})

test('an alias to a broken name: one question to the upstream, not one for each client', async () => {
  await using resolver = await TestResolver.open({
    scripts: [{ ...broken(), 'a.example A': { answer: 'a.example. 0 IN CNAME www.example.org.' } }],
  })
  for (let left = 5; left > 0; left--) assert.equal((await resolver.ask('a.example A')).rcode, Rcode.ServFail)
  assert.deepEqual(
    resolver.upstream.questions.filter((question) => question === WWW),
    [WWW],
  )
})
