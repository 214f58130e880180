/** Servers asked over kept connections, TCP and TLS: what they see, whom we believe, and what happens when they go away. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setDefaultCACertificates, TLSSocket, type TlsOptions } from 'node:tls'
import { Rcode } from '../../src/dns/message.ts'
import type { UpstreamServer } from '../../src/resolver/config.ts'
import { type Script, ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'

const fixture = (file: string) => readFileSync(new URL(`../fixtures/${file}`, import.meta.url))
const cert = fixture('upstream-certificate.pem')
const TLS: TlsOptions = { cert, key: fixture('upstream-key.pem'), ALPNProtocols: ['dot'] }
const A = { answer: 'a.example. 300 IN A 192.0.2.1' }
const B = { answer: 'b.example. 300 IN A 192.0.2.2' }
const IDLE = 10_000

setDefaultCACertificates([cert.toString()])

interface Pair extends AsyncDisposable {
  readonly upstream: ScriptedUpstream
  readonly resolver: TestResolver
}

/** A resolver that asks one server over a kept connection. */
async function pairOf(
  script: Script,
  { tls, ...server }: Partial<UpstreamServer> & { tls?: TlsOptions } = {},
): Promise<Pair> {
  await using opening = new AsyncDisposableStack()
  const upstream = opening.use(await ScriptedUpstream.open(script, tls))
  const servers = [{ protocol: tls ? 'tls' : 'tcp', ...upstream.endpoint, ...server } as const]
  const resolver = opening.use(await TestResolver.open({ scripts: [], servers }))
  const open = opening.move()
  return { upstream, resolver, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

for (const [word, tls] of [
  ['TCP', undefined],
  ['TLS', TLS],
] as const) {
  describe(`a server asked over ${word}`, () => {
    const options = tls ? { tls, name: 'dns.example' } : {}

    test('has one connection for many questions, and may answer the last of them first', async () => {
      await using pair = await pairOf({ 'a.example A': { ...A, held: true }, 'b.example A': B }, options)
      const { upstream, resolver } = pair
      const first = resolver.ask('a.example A')
      await resolver.untilAsked(1, upstream)
      assert.equal((await resolver.ask('b.example A')).answers.length, 1)
      upstream.release()
      assert.equal((await first).answers.length, 1)
      assert.deepEqual([upstream.connections.length, upstream.asked.length], [1, 2])
    })

    for (const forgery of ['wrong id', 'wrong name', 'wrong type', 'extra question'] as const) {
      test(`is believed when a reply with ${forgery} goes ahead of its answer, and that one is not`, async () => {
        await using pair = await pairOf({ 'a.example A': { ...A, forgery } }, options)
        const [record] = (await pair.resolver.ask('a.example A')).answers
        assert.deepEqual([...(record?.data ?? [])], [192, 0, 2, 1])
      })
    }

    test('is asked again over another connection when the kept one ends under a question', async () => {
      await using pair = await pairOf({ 'a.example A': A, 'b.example A': { ...B, held: true } }, options)
      const { upstream, resolver } = pair
      await resolver.ask('a.example A')
      const asking = resolver.ask('b.example A')
      await resolver.untilAsked(2, upstream)
      upstream.script['b.example A'] = B
      upstream.connections[0]?.destroy()
      assert.equal((await asking).answers.length, 1)
      assert.equal(upstream.connections.length, 2)
    })

    test('is asked once more and no more when its connections end under every question', async () => {
      await using pair = await pairOf({ 'a.example A': A, 'b.example A': { silent: true } }, options)
      const { upstream, resolver } = pair
      await resolver.ask('a.example A')
      const asking = resolver.ask('b.example A')
      for (const at of [0, 1]) {
        await resolver.untilAsked(2 + at, upstream)
        upstream.connections[at]?.destroy()
      }
      assert.equal((await asking).rcode, Rcode.ServFail)
      assert.equal(upstream.asked.length, 3)
    })

    test('has its connection closed after ten seconds without a question, and another one for the next', async () => {
      await using pair = await pairOf({ 'a.example A': A, 'b.example A': B }, options)
      const { upstream, resolver } = pair
      await resolver.ask('a.example A')
      resolver.clock.advance(IDLE)
      await until(() => upstream.connections[0]?.destroyed === true)
      assert.equal((await resolver.ask('b.example A')).answers.length, 1)
      assert.equal(upstream.connections.length, 2)
    })

    test('that is slow for one name alone keeps its connection, and what waits on it', async () => {
      const slow = { 'slow.example A': { silent: true }, 'b.example A': { ...B, held: true } } as const
      await using pair = await pairOf({ 'a.example A': A, ...slow }, options)
      const { upstream, resolver } = pair
      const asking = resolver.ask('slow.example A')
      await resolver.untilAsked(1, upstream)
      resolver.clock.advance(UPSTREAM_TIMEOUT - 100)
      assert.equal((await resolver.ask('a.example A')).answers.length, 1)
      const waiting = resolver.ask('b.example A')
      await resolver.untilAsked(3, upstream)
      resolver.clock.advance(100)
      assert.equal((await asking).rcode, Rcode.ServFail)
      upstream.release()
      assert.equal((await waiting).answers.length, 1)
      assert.deepEqual([upstream.connections.length, upstream.asked.length], [1, 3])
    })

    test('that has gone silent on a kept connection is asked over a new one next time', async () => {
      await using pair = await pairOf({ 'a.example A': A, 'b.example A': { silent: true } }, options)
      const { upstream, resolver } = pair
      await resolver.ask('a.example A')
      const asking = resolver.ask('b.example A')
      await resolver.untilAsked(2, upstream)
      resolver.clock.advance(UPSTREAM_TIMEOUT)
      assert.equal((await asking).rcode, Rcode.ServFail)
      upstream.script['c.example A'] = { answer: 'c.example. 300 IN A 192.0.2.3' }
      assert.equal((await resolver.ask('c.example A')).answers.length, 1)
      assert.equal(upstream.connections.length, 2)
    })
  })
}

describe('a server asked over TLS', () => {
  test('sees questions whose length is a multiple of 128, by ALPN dot and TLS 1.2 at least', async () => {
    const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.example`
    await using pair = await pairOf({ 'a.example A': A, [`${long} A`]: { rcode: 3 } }, { tls: TLS })
    const { upstream, resolver } = pair
    await resolver.ask('a.example A')
    await resolver.ask(`${long} A`)
    assert.deepEqual(
      upstream.asked.map(({ octets, transport }) => [octets, transport]),
      [
        [128, 'tls'],
        [256, 'tls'],
      ],
    )
    const [stream] = upstream.connections
    assert.ok(stream instanceof TLSSocket)
    assert.equal(stream.alpnProtocol, 'dot')
    assert.match(stream.getProtocol() ?? '', /^TLSv1\.[23]$/)
  })

  test('is met again by the session it gave', async () => {
    await using pair = await pairOf({ 'a.example A': A, 'b.example A': B }, { tls: TLS, name: 'dns.example' })
    const { upstream, resolver } = pair
    await resolver.ask('a.example A')
    upstream.connections[0]?.destroy()
    await resolver.ask('b.example A')
    const reused = upstream.connections.map(
      (stream) => stream instanceof TLSSocket && stream.isSessionReused() === true, // null once it is closed
    )
    assert.deepEqual(reused, [false, true])
  })

  for (const [word, server] of [
    ['another name than its certificate has', { tls: TLS, name: 'other.example' }],
    ['TLS 1.1 alone', { tls: { ...TLS, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } }],
  ] as const) {
    test(`by ${word}: SERVFAIL, and it hears no question`, async () => {
      await using pair = await pairOf({ 'a.example A': A }, server)
      assert.equal((await pair.resolver.ask('a.example A')).rcode, Rcode.ServFail)
      assert.deepEqual(pair.upstream.asked, [])
    })
  }
})
