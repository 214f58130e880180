/** Records and block lists that change while no upstream server can be reached: what was known before still helps, as far as it holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { type Name, parseName } from '../../src/dns/name.ts'
import { Rule, RuleWriter } from '../../src/resolver/blocking/name-rules.ts'
import type { Blocking } from '../../src/resolver/layers/block.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { type AskOptions, TestResolver } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

const WWW = 'www.example A'
const STALE = ['www.example. 30 A 192.0.2.1']
const ALIAS_STALE = ['www.example. 30 CNAME cdn.example.', 'cdn.example. 30 A 192.0.2.1']
const GOOD: Script = { [WWW]: { answer: 'www.example. 300 IN A 192.0.2.1' } }
const ALIAS: Script = {
  [WWW]: { answer: 'www.example. 300 IN CNAME cdn.example.\ncdn.example. 300 IN A 192.0.2.1' },
}
const OUTAGE: Script = { [WWW]: { silent: true } }
const HOME = [parseRecordLine('nas.home.arpa 300 A 192.0.2.9')]
const OTHERS = [parseRecordLine('nas.lan 300 A 192.168.1.9')]
/** ms that a failure at the upstream is remembered, at first. */
const FAILURE_SPAN = 1000

async function blocking(...names: readonly Name[]): Promise<Blocking> {
  const writer = new RuleWriter(1000)
  for (const name of names) writer.add(name, Rule.block)
  return { rules: await writer.finish(async () => undefined), answer: 'null' }
}

type Options = NonNullable<Parameters<typeof TestResolver.open>[0]>

/** A resolver that has answered `www.example A`, and whose upstream has gone silent then. */
async function inOutage(script: Script, options: Options = {}): Promise<TestResolver> {
  const resolver = await TestResolver.open({ ...options, scripts: [{ ...script }] })
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.NoError)
  Object.assign(resolver.upstream.script, OUTAGE)
  return resolver
}

async function told(resolver: TestResolver, options: AskOptions = {}) {
  const { reply } = await resolver.askTimed(WWW, { edns: {}, ...options })
  return { code: reply.rcode, lines: linesOf(reply.answers), error: reply.edns?.error?.code }
}

test('what they do not concern is answered as stale, then at once and without asking again', async () => {
  await using resolver = await inOutage(ALIAS)
  resolver.change({ records: OTHERS, blocking: await blocking(parseName('ads.example')) })
  const stale = { code: Rcode.NoError, lines: ALIAS_STALE, error: ExtendedError.StaleAnswer }
  assert.deepEqual(await told(resolver), stale)
  const { length } = resolver.upstream.asked
  resolver.clock.advance(FAILURE_SPAN)
  const at = resolver.clock.monotonic()
  assert.deepEqual(await told(resolver), stale)
  assert.deepEqual([resolver.upstream.asked.length, resolver.clock.monotonic()], [length, at])
})

test('with an upstream that answers again, its answer is given', async () => {
  await using resolver = await inOutage(GOOD)
  resolver.change({ records: OTHERS })
  resolver.upstream.script[WWW] = { answer: 'www.example. 300 IN A 192.0.2.2' }
  assert.deepEqual((await told(resolver)).lines, ['www.example. 300 A 192.0.2.2'])
})

test('a name that does not exist still does not, as stale', async () => {
  const soa = 'example. 900 IN SOA ns.example. hostmaster.example. 1 7200 3600 1209600 300'
  const resolver = await TestResolver.open({ scripts: [{ [WWW]: { rcode: 3, authority: soa } }] })
  await using _ = resolver
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.NxDomain)
  Object.assign(resolver.upstream.script, OUTAGE)
  resolver.change({ records: OTHERS })
  const { code, error } = await told(resolver)
  assert.deepEqual([code, error], [Rcode.NxDomain, ExtendedError.StaleNxDomain])
})

for (const [word, change] of [
  ['a blocked name', { blocking: await blocking(parseName('cdn.example')) }],
  [
    'a name with another server now',
    { upstream: { servers: [{ protocol: 'udp', host: '127.0.0.1', port: 9 }] } },
  ],
] as const) {
  test(`an alias that leads to ${word} is not answered from before`, async () => {
    await using resolver = await inOutage(ALIAS)
    resolver.change(change)
    const { code, lines } = await told(resolver)
    assert.deepEqual([code, lines], [Rcode.ServFail, []])
  })
}

test('an address of the house, to which the alias of an upstream led, is not answered from before', async () => {
  const alias = { [WWW]: { answer: 'www.example. 300 IN CNAME nas.home.arpa.' } }
  await using resolver = await inOutage(alias, { config: { records: HOME } })
  resolver.change({ records: [] })
  assert.equal((await told(resolver)).code, Rcode.ServFail)
})

test('what was blocked before is not answered as if it still were', async () => {
  const before = await blocking(parseName('www.example'))
  await using resolver = await inOutage(GOOD, { blocking: before })
  resolver.change({ blocking: await blocking() })
  assert.equal((await told(resolver)).code, Rcode.ServFail)
})

test('where dns.stale_for is 0, nothing is', async () => {
  await using resolver = await inOutage(GOOD, { config: { staleFor: 0 } })
  resolver.change({ records: OTHERS })
  assert.equal((await told(resolver)).code, Rcode.ServFail)
})

test('when there are too many questions at once, nothing from before is given unjudged', async () => {
  await using resolver = await inOutage(GOOD, { config: { maxPending: 1 } })
  resolver.upstream.script['x.example A'] = { silent: true }
  resolver.change({ blocking: await blocking(parseName('www.example')) })
  const busy = resolver.ask('x.example A')
  await resolver.untilAsked(2)
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.ServFail)
  resolver.clock.advance(resolver.config.answerTimeout)
  await busy
})

test('a second change judges anew', async () => {
  await using resolver = await inOutage(GOOD)
  resolver.change({ records: OTHERS })
  assert.deepEqual((await told(resolver)).lines, STALE)
  resolver.change({ blocking: await blocking(parseName('www.example')) })
  assert.deepEqual((await told(resolver)).lines, ['www.example. 60 A 0.0.0.0'])
  resolver.change({ blocking: await blocking() })
  assert.deepEqual((await told(resolver)).lines, [])
})
