/** How much one upstream server is given at once, and what happens to the question that is one too many. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setDefaultCACertificates, type TlsOptions } from 'node:tls'
import { Rcode } from '../../src/dns/message.ts'
import type { UpstreamServer } from '../../src/resolver/config.ts'
import { type Script, type Scripted, ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'

const fixture = (file: string) => readFileSync(new URL(`../fixtures/${file}`, import.meta.url))
const cert = fixture('upstream-certificate.pem')
const TLS: TlsOptions = { cert, key: fixture('upstream-key.pem'), ALPNProtocols: ['dot'] }
/** Questions on one kept connection; and questions over TCP at once, one connection each. */
const IN_FLIGHT = 256
const OVER_TCP = 64

setDefaultCACertificates([cert.toString()])

const address = (name: string) => ({ answer: `${name} 300 IN A 192.0.2.1` })
const names = (count: number) => Array.from({ length: count }, (_, at) => `n${at}.example`)
const scriptOf = (count: number, said: Scripted): Script =>
  Object.fromEntries(names(count).map((name) => [`${name} A`, { ...address(`${name}.`), ...said }]))

for (const [protocol, tls] of [
  ['tcp', undefined],
  ['tls', TLS],
] as const) {
  describe(`a connection by ${protocol} with ${IN_FLIGHT} questions on it`, () => {
    test('has no room for one more, which the next server answers; all others are answered', async () => {
      await using busy = await ScriptedUpstream.open(scriptOf(IN_FLIGHT + 1, { held: true }), tls)
      await using other = await ScriptedUpstream.open({ 'more.example A': address('more.example.') })
      const servers: UpstreamServer[] = [
        { protocol, ...busy.endpoint, ...(tls ? { name: 'dns.example' } : {}) },
        { protocol: 'udp', ...other.endpoint },
      ]
      await using resolver = await TestResolver.open({ scripts: [], servers })
      const asking = names(IN_FLIGHT).map((name) => resolver.ask(`${name} A`))
      await resolver.untilAsked(IN_FLIGHT, busy)
      assert.equal((await resolver.ask('more.example A')).answers.length, 1)
      busy.release()
      for (const { answers } of await Promise.all(asking)) assert.equal(answers.length, 1)
      assert.deepEqual([busy.connections.length, busy.asked.length, other.asked.length], [1, IN_FLIGHT, 1])
    })
  })
}

describe(`a server by udp with ${OVER_TCP} questions over TCP at once`, () => {
  for (const [word, said] of [
    ['forged replies drove them there', { forgery: 'wrong id' }],
    ['they were cut short', { truncated: true }],
  ] as const) {
    test(`is asked no more that way though ${word}, and again when one of them is over`, async () => {
      const script = scriptOf(OVER_TCP + 2, { ...said, silent: 'tcp' })
      await using resolver = await TestResolver.open({ scripts: [script] })
      const asking = names(OVER_TCP).map((name) => resolver.ask(`${name} A`))
      await resolver.untilAsked(2 * OVER_TCP)
      const [one = '', two = ''] = names(OVER_TCP + 2).slice(OVER_TCP)
      assert.equal((await resolver.ask(`${one} A`)).rcode, Rcode.ServFail)
      assert.equal(resolver.upstream.connections.length, OVER_TCP)
      resolver.clock.advance(UPSTREAM_TIMEOUT)
      for (const { rcode } of await Promise.all(asking)) assert.equal(rcode, Rcode.ServFail)
      script[`${two} A`] = { ...address(`${two}.`), ...said }
      assert.equal((await resolver.ask(`${two} A`)).answers.length, 1)
    })
  }
})
