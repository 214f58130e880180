/** Several servers: who is asked, when the next one is, who rests, and who stands in when all fail. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import type { UpstreamConfig } from '../../src/resolver/config.ts'
import { type Script, ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'

const HEDGE_MAX = 200
const REST_MIN = 1000
const SILENT = { silent: true } as const
const address = (name: string) => ({ answer: `${name}.example. 300 IN A 192.0.2.1` })
const ANSWERS: Script = Object.fromEntries(
  ['a', 'b', 'c'].map((name) => [`${name}.example A`, address(name)]),
)
const SAYS_NOTHING: Script = Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.example A`, SILENT]))

function open(scripts: readonly Script[], upstream: Partial<UpstreamConfig>): Promise<TestResolver> {
  return TestResolver.open({ scripts, upstream })
}

/** How many questions each server has heard. */
function heard({ upstreams }: TestResolver): number[] {
  return upstreams.map(({ asked }) => asked.length)
}

describe('a race', () => {
  test('begins between two servers; a third hears nothing', async () => {
    await using resolver = await open([ANSWERS, ANSWERS, ANSWERS], { mode: 'race' })
    assert.equal((await resolver.ask('a.example A')).answers.length, 1)
    await resolver.untilAsked(1, resolver.upstreams[1])
    assert.deepEqual(heard(resolver), [1, 1, 0])
  })

  test('is the first server alone, until it is slow: then the second is asked beside it', async () => {
    await using resolver = await open([{ ...ANSWERS, 'b.example A': SILENT }, ANSWERS], { mode: 'race' })
    await resolver.ask('a.example A')
    await resolver.untilAsked(1, resolver.upstreams[1])
    const asking = resolver.ask('b.example A')
    await resolver.untilAsked(2, resolver.upstreams[0])
    await resolver.clock.settle()
    assert.deepEqual(heard(resolver), [2, 1])
    resolver.clock.advance(HEDGE_MAX)
    assert.equal((await asking).answers.length, 1)
  })

  test('of two dead servers is over in time for a third to answer', async () => {
    await using resolver = await open([SAYS_NOTHING, SAYS_NOTHING, ANSWERS], { mode: 'race' })
    const asking = resolver.ask('a.example A')
    for (const server of [0, 1]) await resolver.untilAsked(1, resolver.upstreams[server])
    resolver.clock.advance(UPSTREAM_TIMEOUT)
    assert.equal((await asking).answers.length, 1)
  })
})

test('a server that failed stands behind the others for a second, and is then asked first again', async () => {
  await using resolver = await open([{ ...ANSWERS, 'a.example A': SILENT }, ANSWERS], { mode: 'strict' })
  const asking = resolver.ask('a.example A')
  await resolver.untilAsked(1)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  assert.equal((await asking).answers.length, 1)
  assert.equal((await resolver.ask('b.example A')).answers.length, 1)
  assert.deepEqual(heard(resolver), [1, 2])
  resolver.clock.advance(REST_MIN)
  assert.equal((await resolver.ask('c.example A')).answers.length, 1)
  assert.deepEqual(heard(resolver), [2, 2])
})

test('twenty questions that fail together are one failure: after a second the server is asked first again', async () => {
  const names = Array.from({ length: 20 }, (_, at) => `n${at}.example A`)
  const silent = Object.fromEntries(names.map((name) => [name, SILENT]))
  const spare = Object.fromEntries(names.map((name) => [name, { rcode: Rcode.NxDomain }]))
  await using resolver = await open(
    [
      { ...ANSWERS, ...silent },
      { ...ANSWERS, ...spare },
    ],
    { mode: 'strict' },
  )
  const asking = names.map((name) => resolver.ask(name))
  await resolver.untilAsked(20)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  for (const { rcode } of await Promise.all(asking)) assert.equal(rcode, Rcode.NxDomain)
  resolver.clock.advance(REST_MIN)
  assert.equal((await resolver.ask('c.example A')).answers.length, 1)
  assert.deepEqual(heard(resolver), [21, 20])
})

test('a server that failed is asked all the same when there is no other', async () => {
  await using resolver = await open([{ ...ANSWERS, 'a.example A': SILENT }], { mode: 'strict' })
  const asking = resolver.ask('a.example A')
  await resolver.untilAsked(1)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  assert.equal((await asking).rcode, Rcode.ServFail)
  assert.equal((await resolver.ask('b.example A')).answers.length, 1)
})

test('in parallel all are asked, and the first answer counts', async () => {
  await using resolver = await open([SAYS_NOTHING, { 'a.example A': { rcode: 2 } }, ANSWERS], {
    mode: 'parallel',
  })
  assert.equal((await resolver.ask('a.example A')).answers.length, 1)
  for (const upstream of resolver.upstreams) await resolver.untilAsked(1, upstream)
})

describe('the fallback', () => {
  async function withFallback(
    script: Script,
    use: (resolver: TestResolver, spare: ScriptedUpstream) => Promise<void>,
  ) {
    await using spare = await ScriptedUpstream.open(ANSWERS)
    const fallback = [{ protocol: 'udp', ...spare.endpoint }] as const
    await using resolver = await open([script, script, script, script], { mode: 'race', fallback })
    await use(resolver, spare)
  }

  test('hears nothing while another answers', () =>
    withFallback(ANSWERS, async (resolver, spare) => {
      assert.equal((await resolver.ask('a.example A')).answers.length, 1)
      assert.deepEqual(spare.asked, [])
    }))

  test('is asked at once when all others say that they have no answer', () =>
    withFallback({ 'a.example A': { rcode: 2 } }, async (resolver, spare) => {
      assert.equal((await resolver.ask('a.example A')).answers.length, 1)
      assert.equal(spare.asked.length, 1)
    }))

  test('answers in time when all others are silent', () =>
    withFallback(SAYS_NOTHING, async (resolver) => {
      const asking = resolver.ask('a.example A')
      for (const server of [0, 1]) await resolver.untilAsked(1, resolver.upstreams[server])
      resolver.clock.advance(UPSTREAM_TIMEOUT)
      for (const server of [2, 3]) await resolver.untilAsked(1, resolver.upstreams[server])
      resolver.clock.advance(UPSTREAM_TIMEOUT / 2)
      assert.equal((await asking).answers.length, 1)
    }))
})
