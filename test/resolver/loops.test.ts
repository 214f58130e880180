/** An upstream server that asks us what we ask it: a sentence in the log, a reason beside SERVFAIL, and no storm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage } from '../../src/dns/codec.ts'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import type { Reply } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'

const EDNS = { edns: {} }
/** Whatever it is asked, it has no answer of its own. */
const SILENT: Script = new Proxy({}, { get: () => ({ silent: true }) })

/** Hands on to the resolver what its upstream was asked since the last time, so many times each, as a server would that asks it. */
function sendBack(resolver: TestResolver, { from = 0, times = 1 } = {}): Promise<(Reply | undefined)[]> {
  const { asked } = resolver.upstream
  const packets = asked.slice(from).map(({ message }) => encodeMessage({ ...message, id: message.id ^ 1 }))
  return Promise.all(packets.flatMap((packet) => Array.from({ length: times }, () => resolver.send(packet))))
}

/** Lets what is still asked end. */
async function finish(resolver: TestResolver): Promise<void> {
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  await resolver.clock.settle()
}

/** One question that goes in a circle until its time is over. */
async function goInCircle(resolver: TestResolver, question: string, times = 1): Promise<Reply> {
  const from = resolver.upstream.asked.length
  const asking = resolver.ask(question, EDNS)
  await resolver.untilAsked(from + 1)
  const back = sendBack(resolver, { from, times })
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  for (const reply of await back) assert.equal(reply?.rcode, Rcode.ServFail)
  return asking
}

test('it is found out by a question of our own that comes back, and told', async () => {
  await using resolver = await TestResolver.open({ scripts: [SILENT] })
  assert.equal((await goInCircle(resolver, 'a.example A')).edns?.error?.code, ExtendedError.NetworkError)
  await resolver.untilAsked(2)
  assert.match(resolver.upstream.questions[1] ?? '', /^[0-9a-f]{16}\.[0-9a-f]{16} TXT$/)
  const [reply] = await sendBack(resolver, { from: 1, times: 3 })
  assert.deepEqual([reply?.rcode, reply?.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
  assert.equal(resolver.logged.length, 1)
  assert.match(resolver.logged[0] ?? '', /sends the questions it is asked back to this node/)

  const { edns } = await goInCircle(resolver, 'b.example A')
  assert.match(edns?.error?.text ?? '', /^an upstream server sends questions back to this node$/)
  await finish(resolver)
})

test('no storm: a question goes out once, however often it comes back', async () => {
  await using resolver = await TestResolver.open({ scripts: [SILENT] })
  await goInCircle(resolver, 'a.example A', 50)
  await resolver.untilAsked(2)
  const replies = await sendBack(resolver, { times: 50 })
  assert.ok(replies.every((reply) => reply?.rcode === Rcode.ServFail))
  await resolver.clock.settle()
  assert.equal(resolver.upstream.asked.length, 2, 'and one to see whether it comes back')
  assert.equal(resolver.logged.length, 1)
  await finish(resolver)
})

test('a minute later it is looked for anew, and not told of when it is mended', async () => {
  await using resolver = await TestResolver.open({ scripts: [SILENT] })
  await goInCircle(resolver, 'a.example A')
  await resolver.untilAsked(2)
  await sendBack(resolver, { from: 1 })
  resolver.clock.advance(60_000)
  const { edns } = await goInCircle(resolver, 'b.example A')
  assert.equal(edns?.error?.code, ExtendedError.NetworkError)
  await resolver.untilAsked(4)
  assert.equal(resolver.logged.length, 1)
  await finish(resolver)
})

test('a name that fails for one client alone is not taken for a loop: nothing else is asked', async () => {
  await using resolver = await TestResolver.open({ scripts: [SILENT] })
  const asking = resolver.ask('a.example A')
  await resolver.untilAsked(1)
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  await asking
  await resolver.clock.settle()
  await resolver.ask('localhost A')
  assert.deepEqual(resolver.upstream.questions, ['a.example A'])
})
