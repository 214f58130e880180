/** A home whose line is cut: neither the upstream nor the other nodes can be reached, for days of a virtual clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { Finder } from '../../src/dht/finder.ts'
import type { Findings, Verdict } from '../../src/dht/findings.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import type { Reply } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf, SIGNED_AT, secretOf, zoneOf } from '../support/zones.ts'

const HOUR = 3_600_000
const NAMES = 50
const address = (at: number) => `192.0.2.${at}`

/** Ordinary names: half of them there, some of them aliases, some of them absent. */
const SCRIPT: Script = Object.fromEntries(
  Array.from({ length: NAMES }, (_, at) => {
    const name = `n${at}.example.org`
    const soa = 'example.org. 900 IN SOA ns.example.org. h.example.org. 1 2 3 4 120'
    if (at % 5 === 0) return [`${name} A`, { rcode: Rcode.NxDomain, authority: soa }]
    if (at % 5 === 1) return [`${name} A`, { authority: soa }]
    if (at % 5 > 2) return [`${name} A`, { answer: `${name}. ${at} IN A ${address(at)}` }]
    const answer = `${name}. 3600 IN CNAME x${at}.example.net.\nx${at}.example.net. 60 IN A ${address(at)}`
    return [`${name} A`, { answer }]
  }),
)

/** Zones that live for one hour, two hours and so on. */
const ZONES = Array.from({ length: 40 }, (_, at) =>
  zoneOf(`www 300 IN A ${address(at)}`, { secret: secretOf(at + 1), soa: { expire: (at + 1) * 3600 } }),
)
const nameOf = (at: number) => `www.${ZONES[at]!.key.label}.kad.alt A`

/** What is left of the network: one word for every lookup. */
function findings(verdict: Verdict): Findings {
  const effort = { asked: 3, hops: 1, milliseconds: 1 }
  const nobody = { closest: [], holders: [], behind: [] }
  return { verdict, effort, ...nobody, hands: 3, fewPeers: true, outOfDials: false }
}

/** The directory of a node, over a network that is there or not. */
async function networkFor({ clock, directory }: TestResolver): Promise<{ isThere: boolean }> {
  const network = { isThere: true }
  const config = { ...TEST_DHT_CONFIG, maxNewZonesPerMinute: 1000 }
  const needs = { datastore: new MemoryDatastore(), clock, logger: silentLogger, config }
  const store = await openZoneStore({ ...needs, self: new Uint8Array(32) })
  const zones = new Map(ZONES.map((zone) => [zone.key.label, zone]))
  const finder = new Finder({
    store,
    clock,
    config,
    search: async ({ key, until }) => {
      const zone = zones.get(key.label)
      if (!network.isThere || !zone) return findings({ kind: 'unreachable', cause: 'no node answered' })
      return findings(until === 'first' ? { kind: 'found', zone } : { kind: 'same' })
    },
    correct: async () => undefined,
  })
  directory.find = (key, options) => finder.find(key, options)
  return network
}

/** Lets the upstream's time run out as often as it takes. */
async function answered(resolver: TestResolver, questions: readonly string[]): Promise<Reply[]> {
  const start = resolver.clock.monotonic()
  let over = false
  const asking = Promise.all(questions.map((question) => resolver.ask(question, { edns: {} })))
  const done = asking.finally(() => {
    over = true
  })
  for (await resolver.clock.settle(); !over; await resolver.clock.settle()) resolver.clock.advance(100)
  assert.ok(resolver.clock.monotonic() - start < 2500, 'every question has its answer before 2.5 s')
  return await done
}

test('for a day: ordinary names asked before keep their answers, and ours until their signed expiry', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ ...SCRIPT }, {}] })
  const network = await networkFor(resolver)
  const questions = Object.keys(SCRIPT)
  const before = await answered(resolver, questions)
  const ours = ZONES.map((_, at) => nameOf(at))
  for (const reply of await answered(resolver, ours)) assert.equal(reply.answers.length, 1)

  network.isThere = false
  const [first, second] = resolver.upstreams
  for (const question of questions) {
    first!.script[question] = { silent: true }
    second!.script[question] = { rcode: Rcode.ServFail }
  }
  for (let hour = 1; hour <= 24; hour++) {
    resolver.clock.advance(SIGNED_AT_MS + hour * HOUR + HOUR / 2 - resolver.clock.now())
    const ordinary = await answered(resolver, questions)
    for (const [at, reply] of ordinary.entries()) assertStale(reply, before[at]!)
    const zones = await answered(resolver, ours)
    assert.deepEqual(
      zones.map(({ answers }) => answers.length),
      ZONES.map((_, at) => (at >= hour ? 1 : 0)),
    )
    for (const { rcode, edns } of zones) assert.equal(edns?.error?.code, WORD_OF[rcode])
  }
  assert.deepEqual(resolver.logged, [])
})

const SIGNED_AT_MS = Number(SIGNED_AT / 1000n)

const WORD_OF: Record<number, number> = {
  [Rcode.NoError]: ExtendedError.StaleAnswer,
  [Rcode.ServFail]: ExtendedError.NoReachableAuthority,
}

function assertStale(reply: Reply, before: Reply): void {
  const code = before.rcode === Rcode.NxDomain ? ExtendedError.StaleNxDomain : ExtendedError.StaleAnswer
  assert.deepEqual([reply.rcode, reply.edns?.error?.code], [before.rcode, code])
  assert.deepEqual(reply.answers.map(withoutTtl), before.answers.map(withoutTtl))
  for (const { ttl } of [...reply.answers, ...reply.authority]) assert.equal(ttl, 30)
}

function withoutTtl(record: Reply['answers'][number]): string {
  return linesOf([{ ...record, ttl: 0 }]).join()
}

test('for four days: what was not heard anew in three is SERVFAIL, and back with the line', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ ...SCRIPT }] })
  const question = 'n3.example.org A'
  await resolver.ask(question)
  resolver.upstream.script[question] = { silent: true }
  resolver.clock.advance(96 * HOUR)
  const [reply] = await answered(resolver, [question])
  assert.equal(reply?.rcode, Rcode.ServFail)
  resolver.upstream.script[question] = { answer: 'n3.example.org. 60 IN A 192.0.2.3' }
  resolver.clock.advance(HOUR)
  assert.equal((await resolver.ask(question)).answers.length, 1)
})
