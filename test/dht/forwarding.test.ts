/** Gets passed on to nearer peers: within what the request allows, verified, and never for longer than the asker waits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DhtFault } from '../../src/dht/fault.ts'
import { Forwarder } from '../../src/dht/forwarding.ts'
import type { Contact, GetReply, GetRequest } from '../../src/dht/frames.ts'
import { verifyZone } from '../../src/zone/signed-zone.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const contact = (name: string): Contact => ({ id: Buffer.from(name), addresses: [] })
const REQUEST_TIMEOUT = 800
const HEDGE = 60

const never = new Promise<never>(() => undefined)
const ABSENT: GetReply = { kind: 'absent', closer: [] }

function setUp(
  replies: Record<string, GetReply | Promise<never>>,
  { maxForwards = 10, groups = {} as Record<string, string> } = {},
) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now())
  const asked: [name: string, request: GetRequest][] = []
  const signals: AbortSignal[] = []
  const forwarder = new Forwarder({
    nearer: () => Object.keys(replies).map(contact),
    ask: async ({ id }, request, signal) => {
      asked.push([Buffer.from(id).toString(), request])
      signals.push(signal)
      return (await replies[Buffer.from(id).toString()]) ?? ABSENT
    },
    hedgeAfter: () => HEDGE,
    accept: verifyZone,
    groupOf: ({ id }) => groups[Buffer.from(id).toString()],
    clock,
    limits: { maxForwards, requestTimeout: REQUEST_TIMEOUT },
  })
  const forward = async (request: Partial<GetRequest> = {}, asker = 'asker') => {
    const budget = { hopsLeft: 3, messagesLeft: 3, millisecondsLeft: 1800 }
    const get = { kind: 'get', key: owner.key.bytes, replica: 1, have: undefined, ...budget } as const
    return await forwarder.forward({ ...get, ...request }, Buffer.from(asker))
  }
  return { clock, owner, asked, signals, forward, replies }
}

test('a get is passed on with a hop and a request less and three quarters of the time, and what comes is given', async () => {
  const { owner, asked, forward, replies } = setUp({ near: ABSENT })
  const zone = owner.sign()
  for (const kind of ['found', 'relayed'] as const) {
    replies['near'] = { kind, bytes: zone.bytes, closer: [] }
    assert.deepEqual(await forward({ have: { sequence: 1n, digest: Buffer.alloc(16) } }), zone.bytes)
  }
  const [[, passedOn]] = asked as [(typeof asked)[0]]
  const budget = { hopsLeft: 2, messagesLeft: 2, millisecondsLeft: 0.75 * REQUEST_TIMEOUT }
  assert.deepEqual(passedOn, { kind: 'get', key: owner.key.bytes, replica: 1, ...budget })
})

test('one hop left: the next peer is to pass it on no further', async () => {
  const { asked, forward } = setUp({ near: ABSENT })
  await forward({ hopsLeft: 1, messagesLeft: 1 })
  assert.deepEqual(
    asked.map(([, { hopsLeft, messagesLeft }]) => [hopsLeft, messagesLeft]),
    [[0, 0]],
  )
})

test('without hops or requests left nobody is asked', async () => {
  const { asked, forward } = setUp({ near: ABSENT })
  assert.equal(await forward({ hopsLeft: 0 }), undefined)
  assert.equal(await forward({ messagesLeft: 0 }), undefined)
  assert.deepEqual(asked, [])
})

test('whatever a request says, it makes six requests at most and goes three hops', async () => {
  const replies = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`peer ${at}`, ABSENT]))
  const { asked, forward } = setUp(replies)
  assert.equal(await forward({ hopsLeft: 255, messagesLeft: 255 }), undefined)
  const spent = asked.reduce((sum, [, { messagesLeft }]) => sum + 1 + messagesLeft, 0)
  assert.equal(spent, 6)
  assert.ok(asked.every(([, { hopsLeft }]) => hopsLeft === 2))
})

test('it does not go back to who asked', async () => {
  const { asked, forward } = setUp({ asker: ABSENT, near: ABSENT })
  await forward()
  assert.deepEqual(
    asked.map(([name]) => name),
    ['near'],
  )
})

test('while one is late the next is asked, as long as requests are left', async () => {
  const { clock, owner, asked, forward, replies } = setUp({ first: never, second: never, third: never })
  const forwarded = forward({ hopsLeft: 1, messagesLeft: 2 })
  await clock.settle()
  assert.equal(asked.length, 1)
  const zone = owner.sign()
  replies['second'] = { kind: 'found', bytes: zone.bytes, closer: [] }
  clock.advance(HEDGE)
  assert.deepEqual(await forwarded, zone.bytes)
  assert.deepEqual(
    asked.map(([name]) => name),
    ['first', 'second'],
  )
})

test('a forged copy is not given on, and another peer is asked', async () => {
  const { clock, owner, forward, replies } = setUp({ liar: ABSENT, honest: ABSENT, silent: ABSENT })
  const zone = owner.sign()
  const forged = Buffer.from(zone.bytes)
  forged[forged.length - 1]! ^= 1
  const strange = new TestOwner(() => clock.now()).sign()
  for (const bytes of [forged, strange.bytes]) {
    replies['liar'] = { kind: 'found', bytes, closer: [] }
    assert.equal(await forward({ hopsLeft: 1, messagesLeft: 1 }), undefined)
    replies['honest'] = { kind: 'found', bytes: zone.bytes, closer: [] }
    assert.deepEqual(await forward({ hopsLeft: 1, messagesLeft: 2 }), zone.bytes)
  }
})

test('a peer that cannot be asked is as one that has nothing', async () => {
  const { forward } = setUp({ gone: Promise.reject(new DhtFault('stream', 'It is gone.')) })
  assert.equal(await forward(), undefined)
})

test('it ends in time for the answer to come back, and asks nobody after that', async () => {
  const { clock, signals, forward } = setUp({ stuck: never, second: never })
  let ended = false
  const forwarded = forward({ millisecondsLeft: 400, messagesLeft: 1, hopsLeft: 1 }).finally(() => {
    ended = true
  })
  clock.advance(299)
  await clock.settle()
  assert.equal(ended, false)
  clock.advance(1)
  assert.equal(await forwarded, undefined)
  assert.ok(signals.every(({ aborted }) => aborted))
})

test('no more than so many are passed on at once', async () => {
  const { clock, asked, forward } = setUp({ stuck: never }, { maxForwards: 2 })
  const both = [forward({}, 'one'), forward({}, 'another')]
  assert.equal(await forward({}, 'a third'), undefined)
  assert.equal(asked.length, 2)
  clock.advance(REQUEST_TIMEOUT)
  await Promise.all(both)
  void forward({}, 'a third')
  await clock.settle()
  assert.equal(asked.length, 3)
})

test('one asker has a quarter of them, and so have all of one IP group', async () => {
  const groups = { ours: '66.1', too: '66.1', other: '77.1' }
  const { clock, asked, forward } = setUp({ stuck: never }, { maxForwards: 8, groups })
  const first = [forward({}, 'ours'), forward({}, 'too')]
  assert.equal(await forward({}, 'ours'), undefined)
  const others = [forward({}, 'other'), forward({}, 'ungrouped'), forward({}, 'ungrouped')]
  assert.equal(await forward({}, 'ungrouped'), undefined)
  await clock.settle()
  assert.equal(asked.length, 5)
  clock.advance(REQUEST_TIMEOUT)
  await Promise.all([...first, ...others])
  void forward({}, 'ours')
  await clock.settle()
  assert.equal(asked.length, 6)
})
