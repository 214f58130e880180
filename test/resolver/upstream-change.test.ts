/** Upstream servers that change while the resolver runs: who is asked from then on, and what becomes of questions under way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import type { UpstreamServer } from '../../src/resolver/config.ts'
import { type Script, ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { linesOf } from '../support/zones.ts'

const WWW = 'www.example A'
const EDNS = { edns: {} }
const said = (address: string) => ({ answer: `www.example. 300 IN A ${address}` })
const lineOf = (address: string) => [`www.example. 300 A ${address}`]

/** A resolver that asks the first of two servers, over kept connections; `other` is the second. */
async function open(first: Script, second: Script) {
  await using opening = new AsyncDisposableStack()
  const [one, two] = [
    opening.use(await ScriptedUpstream.open(first)),
    opening.use(await ScriptedUpstream.open(second)),
  ]
  const to = ({ endpoint }: ScriptedUpstream): UpstreamServer => ({ protocol: 'tcp', ...endpoint })
  const resolver = opening.use(await TestResolver.open({ scripts: [], servers: [to(one)] }))
  const open = opening.move()
  return { resolver, one, two, other: to(two), [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function answersTo(resolver: TestResolver, question = WWW): Promise<string[]> {
  return linesOf((await resolver.ask(question)).answers)
}

test('only the new servers are asked, and the connection to the old one is closed', async () => {
  await using net = await open({ [WWW]: said('192.0.2.1') }, { [WWW]: said('192.0.2.2') })
  const { resolver, one, two, other } = net
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.1'))
  resolver.change({ upstream: { servers: [other] } })
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.2'))
  assert.deepEqual([one.asked.length, two.asked.length], [1, 1])
  await until(() => one.connections[0]?.destroyed === true)
})

test('who waits for an old server still has its answer, which nobody else is given', async () => {
  const held = { [WWW]: { ...said('192.0.2.1'), held: true } } as const
  await using net = await open(held, { [WWW]: said('192.0.2.2') })
  const { resolver, one, other } = net
  const early = answersTo(resolver)
  await resolver.untilAsked(1, one)
  resolver.change({ upstream: { servers: [other] } })
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.2'), 'the same question, asked after')
  assert.equal(one.connections[0]?.destroyed, false)
  one.release()
  assert.deepEqual(await early, lineOf('192.0.2.1'))
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.2'), 'from memory')
  await until(() => one.connections[0]?.destroyed === true)
})

test('what failed at the old servers is asked of the new ones at once', async () => {
  await using net = await open({ [WWW]: { rcode: Rcode.ServFail } }, { [WWW]: said('192.0.2.2') })
  const { resolver, other } = net
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.ServFail)
  assert.equal((await resolver.ask(WWW, EDNS)).edns?.error?.code, ExtendedError.CachedError)
  resolver.change({ upstream: { servers: [other] } })
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.2'))
})

test('what fails at an old server afterwards is not held against the new ones', async () => {
  await using net = await open({ [WWW]: { silent: true } }, { [WWW]: said('192.0.2.2') })
  const { resolver, one, other } = net
  const early = resolver.ask(WWW)
  await resolver.untilAsked(1, one)
  resolver.change({ upstream: { servers: [other] } })
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  assert.equal((await early).rcode, Rcode.ServFail)
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.2'))
})

test('a domain gets servers of its own and loses them again', async () => {
  const router = { [WWW]: said('192.168.178.20') }
  await using net = await open({ [WWW]: said('192.0.2.1') }, router)
  const { resolver, other } = net
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.1'))
  resolver.change({ upstream: { domains: [{ domains: [parseName('example')], server: other }] } })
  assert.deepEqual(await answersTo(resolver), lineOf('192.168.178.20'))
  resolver.change({ upstream: { domains: [] } })
  assert.deepEqual(await answersTo(resolver), lineOf('192.0.2.1'))
})

test('private addresses are let in, and kept out again', async () => {
  await using net = await open({ [WWW]: said('10.0.0.1') }, {})
  const { resolver } = net
  assert.deepEqual(await answersTo(resolver), [])
  resolver.change({ upstream: { privateNames: [parseName('example')] } })
  assert.deepEqual(await answersTo(resolver), lineOf('10.0.0.1'))
  resolver.change({ upstream: { privateNames: [] } })
  assert.deepEqual(await answersTo(resolver), [])
})

test('servers that stay as they are keep their connection', async () => {
  await using net = await open({ [WWW]: said('192.0.2.1') }, {})
  const { resolver, one } = net
  await answersTo(resolver)
  resolver.change({ records: [] })
  await answersTo(resolver)
  assert.deepEqual([one.asked.length, one.connections.length], [2, 1])
})

test('a resolver that ends lets go of old servers too, though somebody waits for them', async () => {
  await using net = await open({ [WWW]: { silent: true } }, {})
  const { resolver, one, other } = net
  const asking = resolver.ask(WWW)
  await resolver.untilAsked(1, one)
  resolver.change({ upstream: { servers: [other] } })
  resolver.resolver[Symbol.dispose]()
  assert.equal((await asking).rcode, Rcode.ServFail)
  await until(() => one.connections[0]?.destroyed === true)
})
