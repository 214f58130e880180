/** Names with servers of their own (`upstream.domains`): who is asked for them, and who never hears of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import type { UpstreamServer } from '../../src/resolver/config.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { ALICE, linesOf, zoneOf } from '../support/zones.ts'

const ORDINARY: Script = {
  'www.example.org A': { answer: 'www.example.org. 60 IN A 192.0.2.80' },
  'cdn.example.org A': { answer: 'cdn.example.org. 60 IN A 192.0.2.81' },
  'evil.example.org A': { answer: 'evil.example.org. 60 IN CNAME nas.fritz.box.' },
}
const ROUTER: Script = {
  'nas.fritz.box A': { answer: 'nas.fritz.box. 60 IN A 192.168.178.20' },
  'out.fritz.box A': {
    answer: 'out.fritz.box. 60 IN CNAME cdn.example.org.\ncdn.example.org. 60 IN A 203.0.113.66',
  },
  '20.178.168.192.in-addr.arpa PTR': { answer: '20.178.168.192.in-addr.arpa. 60 IN PTR nas.fritz.box.' },
  'printer.home.arpa A': { answer: 'printer.home.arpa. 60 IN A 192.168.178.21' },
}
const COMPANY: Script = { 'wiki.deep.fritz.box A': { answer: 'wiki.deep.fritz.box. 60 IN A 10.1.2.3' } }

async function open(more: { readonly scripts?: readonly Script[] } = {}) {
  await using opening = new AsyncDisposableStack()
  const router = opening.use(await ScriptedUpstream.open(ROUTER))
  const company = opening.use(await ScriptedUpstream.open(COMPANY))
  const to = ({ endpoint }: ScriptedUpstream): UpstreamServer => ({ protocol: 'udp', ...endpoint })
  const names = ['fritz.box', '178.168.192.in-addr.arpa', 'home.arpa'].map((name) => parseName(name))
  const domains = [
    { domains: names, server: to(router) },
    { domains: [parseName('deep.fritz.box')], server: to(company) },
  ]
  const options = { scripts: [ORDINARY], zones: [zoneOf('www 60 IN A 192.0.2.1')], ...more }
  const resolver = opening.use(await TestResolver.open({ ...options, upstream: { domains } }))
  const open = opening.move()
  return { resolver, router, company, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

test('a name below goes to the server of the longest domain above it, and private addresses come back', async () => {
  await using net = await open()
  const { resolver, router, company } = net
  for (const [question, line] of [
    ['nas.fritz.box A', 'nas.fritz.box. 60 A 192.168.178.20'],
    ['NAS.Fritz.Box A', 'NAS.Fritz.Box. 60 A 192.168.178.20'],
    ['wiki.deep.fritz.box A', 'wiki.deep.fritz.box. 60 A 10.1.2.3'],
    ['www.example.org A', 'www.example.org. 60 A 192.0.2.80'],
  ] as const)
    assert.deepEqual(linesOf((await resolver.ask(question)).answers), [line])
  assert.deepEqual(
    [resolver.upstream, router, company].map(({ asked }) => asked.length),
    [1, 1, 1],
  )
})

test('names that are nobody’s elsewhere are asked of a server of their own: reverse names and home.arpa', async () => {
  await using net = await open()
  const reverse = await net.resolver.ask('20.178.168.192.in-addr.arpa PTR')
  assert.deepEqual(linesOf(reverse.answers), ['20.178.168.192.in-addr.arpa. 60 PTR nas.fritz.box.'])
  assert.equal((await net.resolver.ask('printer.home.arpa A')).answers.length, 1)
  assert.equal((await net.resolver.ask('1.179.168.192.in-addr.arpa PTR')).rcode, Rcode.NxDomain)
  assert.deepEqual(net.resolver.upstream.asked, [])
})

test('a domain of many letters is not above a name that only ends like it', async () => {
  await using net = await open()
  await net.resolver.ask('notfritz.box A')
  assert.deepEqual([net.resolver.upstream.asked.length, net.router.asked.length], [1, 0])
})

test('when they fail, nobody else hears the name', async () => {
  await using net = await open()
  await net.router[Symbol.asyncDispose]()
  const { reply } = await net.resolver.askTimed('other.fritz.box A', { edns: {} })
  assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.NetworkError])
  assert.deepEqual(net.resolver.upstream.asked, [])
})

test('an alias that leads out is followed by those who are asked for its target, and only they are believed', async () => {
  await using net = await open()
  const { answers } = await net.resolver.ask('out.fritz.box A')
  assert.deepEqual(linesOf(answers), [
    'out.fritz.box. 60 CNAME cdn.example.org.',
    'cdn.example.org. 60 A 192.0.2.81',
  ])
})

test('an alias of a stranger that leads in has no private address behind it', async () => {
  await using net = await open()
  const { answers, edns } = await net.resolver.ask('evil.example.org A', { edns: {} })
  assert.deepEqual(linesOf(answers), ['evil.example.org. 60 CNAME nas.fritz.box.'])
  assert.equal(edns?.error?.code, ExtendedError.Filtered)
})

test('names of keys are never asked of them; without any other server, other names have a reason', async () => {
  await using net = await open({ scripts: [] })
  const key = zoneOf('', { secret: ALICE }).key.label
  assert.equal((await net.resolver.ask(`www.${key}.kad.alt A`)).answers.length, 1)
  assert.equal((await net.resolver.ask('nas.fritz.box A')).answers.length, 1)
  const { rcode, edns } = await net.resolver.ask('www.example.org A', { edns: {} })
  assert.deepEqual([rcode, edns?.error?.code], [Rcode.ServFail, ExtendedError.NotReady])
})
