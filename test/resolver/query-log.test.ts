/** The questions of late: what is kept of each, how many, and that it tells nobody's address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRcode } from '../../src/dns/message.ts'
import { formatName, parseName } from '../../src/dns/name.ts'
import { Rule, RuleWriter } from '../../src/resolver/blocking/name-rules.ts'
import type { QueryFilter } from '../../src/resolver/query-log.ts'
import { queryPacket } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { zoneOf } from '../support/zones.ts'

const zone = zoneOf('www 300 IN A 192.0.2.1')
const WWW = `www.${zone.key.label}.kad.alt`
const SCRIPT: Script = { 'www.example.org A': { answer: 'www.example.org. 10 IN A 192.0.2.2' } }

async function open(queryLog = 100): Promise<TestResolver> {
  const writer = new RuleWriter(100)
  writer.add(parseName('ads.example'), Rule.block)
  const blocking = { rules: await writer.finish(async () => undefined), answer: 'null' } as const
  return await TestResolver.open({ zones: [zone], scripts: [{ ...SCRIPT }], blocking, config: { queryLog } })
}

function read({ resolver }: TestResolver, filter: Partial<QueryFilter> = {}) {
  return resolver.log?.read({ limit: 100, ...filter }, formatName) ?? []
}

function linesOf(resolver: TestResolver, filter: Partial<QueryFilter> = {}): string[] {
  return read(resolver, filter).map(
    ({ number, name, type, rcode, origin, transport }) =>
      `${number} ${formatName(name)} ${type} ${formatRcode(rcode)} ${origin} ${transport}`,
  )
}

test('each question is kept with where its answer came from, the newest first', async () => {
  await using resolver = await open()
  for (const question of [
    `${WWW} A`,
    'www.example.org A',
    'WWW.example.org A',
    'ads.example A',
    'localhost A',
    'none.example A',
  ])
    await resolver.ask(question)
  await resolver.ask('localhost AAAA', { transport: 'tcp' })
  assert.deepEqual(linesOf(resolver), [
    '7 localhost. 28 NOERROR local tcp',
    '6 none.example. 1 SERVFAIL failure udp',
    '5 localhost. 1 NOERROR local udp',
    '4 ads.example. 1 NOERROR blocked udp',
    '3 www.example.org. 1 NOERROR cache udp',
    '2 www.example.org. 1 NOERROR upstream udp',
    `1 ${WWW}. 1 NOERROR zone udp`,
  ])
})

test('a stale answer is kept as one, and how long each took', async () => {
  await using resolver = await open()
  await resolver.ask('www.example.org A')
  resolver.upstream.script['www.example.org A'] = { silent: true }
  resolver.clock.advance(60_000)
  await resolver.askTimed('www.example.org A')
  const [stale] = read(resolver)
  assert.equal(stale?.origin, 'stale')
  assert.ok((stale?.milliseconds ?? 0) >= 800)
})

test('by a part of the name, by RCODE, after a number, and as many as wanted', async () => {
  await using resolver = await open()
  for (const question of [`${WWW} A`, 'www.example.org A', 'none.example A', 'localhost A'])
    await resolver.ask(question)
  const numbers = (filter: Partial<QueryFilter>) => read(resolver, filter).map(({ number }) => number)
  assert.deepEqual(numbers({ name: 'example' }), [3, 2])
  assert.deepEqual(numbers({ rcode: 2 }), [3])
  assert.deepEqual(numbers({ after: 2 }), [4, 3])
  assert.deepEqual(numbers({ limit: 1 }), [4])
})

test('no more are kept than wanted, the oldest goes first; forgotten, there are none', async () => {
  await using resolver = await open(3)
  for (let at = 0; at < 5; at++) await resolver.ask('localhost A')
  assert.deepEqual(
    read(resolver).map(({ number }) => number),
    [5, 4, 3],
  )
  resolver.resolver.log?.clear()
  assert.deepEqual(read(resolver), [])
  await resolver.ask('localhost A')
  assert.deepEqual(
    read(resolver).map(({ number }) => number),
    [6],
  )
})

test('a client is the same word each time, another than others, and another in another node', async () => {
  const wordsIn = async () => {
    await using resolver = await open()
    for (const address of ['192.168.1.7', '192.168.1.8', '192.168.1.7'])
      await resolver.resolver.serve(queryPacket('localhost A'), { address, transport: 'udp' })
    return read(resolver).map(({ client }) => client)
  }
  const [third, second, first] = await wordsIn()
  assert.match(first ?? '', /^[0-9a-f]{6}$/)
  assert.equal(third, first)
  assert.notEqual(second, first)
  assert.notDeepEqual((await wordsIn())[0], first)
})

test('none is kept unless that is wanted', async () => {
  await using resolver = await open(0)
  await resolver.ask('localhost A')
  assert.equal(resolver.resolver.log, undefined)
})
