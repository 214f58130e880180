/** Upstream servers at their worst: whatever they do, the client has the right answer, the last one known, or SERVFAIL with a reason, in time. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { Bit } from '../support/queries.ts'
import { FORGED_ADDRESS, type Forgery, type Script, type Scripted } from '../support/scripted-upstream.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

const WWW = 'www.example.org A'
const OLD = { answer: 'www.example.org. 300 IN A 192.0.2.80' }
const GOOD = { answer: 'www.example.org. 300 IN A 192.0.2.81' }
const SOA = 'example.org. 900 IN SOA ns.example.org. h.example.org. 1 2 3 4 120'
/** Milliseconds after which musl asks again. */
const DUE = 2500

const spelledOtherwise = (reply: Buffer) => {
  reply.write('wWw', 13, 'latin1')
  return reply
}
const withTc = (reply: Buffer) => {
  reply[2] = reply.readUInt8(2) | (Bit.TC >> 8)
  return reply
}
/** The owner of the only record, an A, becomes a label and a pointer back to that label. */
const withLoop = (reply: Buffer) => {
  const at = reply.length - 16
  return Buffer.concat([reply.subarray(0, at), Buffer.of(1, 0x61, 0xc0, at), reply.subarray(at + 2)])
}
/** More than the 1232 octets that were offered, by records for nobody. */
const MANY = Array.from({ length: 90 }, (_, at) => `x${at}.example.net. 300 IN A ${FORGED_ADDRESS}`).join(
  '\n',
)
const extras = {
  authority: 'org. 9 IN NS evil.example.',
  additional: `www.example.com. 9 IN A ${FORGED_ADDRESS}\nevil.example. 9 IN A ${FORGED_ADDRESS}`,
}

const FORGERIES: readonly Forgery[] = [
  'wrong id',
  'wrong id, and records without an end',
  'wrong name',
  'wrong type',
  'wrong class',
  'wrong port',
  'extra question',
  'no question',
  'a question, not a reply',
  'another opcode',
  'no message',
]

/** What still leads to the right answer. */
const BEARABLE: Record<string, Scripted> = {
  'says everything twice': { ...GOOD, twice: true },
  'cuts its answer short over UDP': { ...GOOD, truncated: true },
  'spells the question otherwise': { ...GOOD, change: spelledOtherwise },
  'adds what it was not asked': { ...GOOD, ...extras },
  'adds answers to what it was not asked': { answer: `${MANY}\n${GOOD.answer}` },
  ...Object.fromEntries(FORGERIES.map((forgery) => [`is beaten by a lie: ${forgery}`, { ...GOOD, forgery }])),
}

/** What leads to none. */
const UNBEARABLE: Record<string, Scripted> = {
  'is silent': { silent: true },
  'is silent over TCP, and cuts its answer short over UDP': { ...GOOD, truncated: true, silent: 'tcp' },
  'cuts its answer short over TCP too': { ...GOOD, change: withTc },
  'says SERVFAIL': { rcode: Rcode.ServFail },
  'says REFUSED': { rcode: Rcode.Refused },
  'says nothing but garbage': { ...GOOD, change: (reply) => Buffer.alloc(reply.length, 0xff) },
  'has another id': {
    ...GOOD,
    change: (reply) => Buffer.concat([Buffer.of(reply[0]! ^ 1), reply.subarray(1)]),
  },
  'stops in the middle of a record': { ...GOOD, change: (reply) => reply.subarray(0, reply.length - 2) },
  'has names without an end': { ...GOOD, change: withLoop },
  'has aliases without an end': {
    answer: 'www.example.org. 300 IN CNAME x.example.org.\nx.example.org. 300 IN CNAME www.example.org.',
  },
  'says nothing but zeros, 60,000 of them': { ...GOOD, change: () => Buffer.alloc(60_000) },
  'sends its question back': {
    ...GOOD,
    change: (reply) => Buffer.concat([reply.subarray(0, 2), Buffer.of(1, 0), reply.subarray(4)]),
  },
  'answers too late': { ...GOOD, held: true },
}

/** Two upstreams that behave so, and perhaps an answer of before whose TTL is over. */
async function opened(scripted: Scripted, { hasOld = false } = {}): Promise<TestResolver> {
  const scripts: Script[] = [{ [WWW]: OLD }, {}]
  const resolver = await TestResolver.open({ scripts })
  if (hasOld) await resolver.ask(WWW)
  resolver.clock.advance(300_000)
  for (const { script } of resolver.upstreams) script[WWW] = scripted
  return resolver
}

for (const hasOld of [false, true]) {
  const ending = hasOld ? ', where an old answer is known' : ''
  describe(`an upstream that${ending}`, () => {
    for (const [word, scripted] of Object.entries(BEARABLE)) {
      test(`${word}: the right answer`, async () => {
        await using resolver = await opened(scripted, { hasOld })
        const { reply, waited } = await resolver.askTimed(WWW, { edns: {} })
        assert.deepEqual(linesOf(reply.answers), ['www.example.org. 300 A 192.0.2.81'])
        assert.deepEqual([reply.edns?.error, reply.authority, reply.additional], [undefined, [], []])
        assert.ok(waited < DUE)
        assert.deepEqual(resolver.logged, [])
      })
    }

    for (const [word, scripted] of Object.entries(UNBEARABLE)) {
      const outcome = hasOld ? 'the old answer and EDE 3' : 'SERVFAIL with a reason'
      test(`${word}: ${outcome}, before 2.5 s`, async () => {
        await using resolver = await opened(scripted, { hasOld })
        const { reply, waited } = await resolver.askTimed(WWW, { edns: {} })
        assert.ok(waited < DUE, `${waited} ms`)
        assert.ok(reply.edns?.error)
        if (hasOld) {
          assert.deepEqual(linesOf(reply.answers), ['www.example.org. 30 A 192.0.2.80'])
          assert.equal(reply.edns.error.code, ExtendedError.StaleAnswer)
        } else {
          assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.ServFail, 0])
          assert.notEqual(reply.edns.error.text, '')
        }
        for (const upstream of resolver.upstreams) upstream.release()
        await resolver.clock.settle()
        assert.deepEqual(resolver.logged, [])
      })
    }
  })
}

test('an upstream that says NXDOMAIN and then has data: each is told as long as it lasts', async () => {
  await using resolver = await opened({ rcode: Rcode.NxDomain, authority: SOA })
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.NxDomain)
  for (const { script } of resolver.upstreams) script[WWW] = GOOD
  resolver.clock.advance(119_000)
  assert.equal((await resolver.ask(WWW)).rcode, Rcode.NxDomain)
  resolver.clock.advance(1000)
  assert.deepEqual(linesOf((await resolver.ask(WWW)).answers), ['www.example.org. 300 A 192.0.2.81'])
})
