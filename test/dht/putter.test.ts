/** How a zone is put: on whom first, and what is heard of a newer one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Findings } from '../../src/dht/findings.ts'
import { nothingFound } from '../../src/dht/findings.ts'
import type { Contact, GetReply, PutReply } from '../../src/dht/frames.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { Putter } from '../../src/dht/putter.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'

const contact = (name: string): Contact => ({ id: Buffer.from(name), addresses: [] })
const nameOf = ({ id }: Contact) => Buffer.from(id).toString()
const { signal } = new AbortController()

interface Network {
  /** Who is likely to be among the closest to the first place, and who is, for each place. */
  readonly likely: readonly string[]
  readonly closest: readonly [readonly string[], readonly string[], readonly string[]]
  /** What peers say once they are put on, or asked. */
  readonly stored?: (name: string) => PutReply
  readonly held?: () => GetReply
}

function setUp({ likely, closest, stored, held }: Network) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now())
  /** What happened, in order. */
  const events: string[] = []
  const adopted: SignedZone[] = []
  const goals: LookupGoal[] = []
  const putter = new Putter({
    store: {
      put: async (zone) => {
        adopted.push(zone)
        return { kind: 'new' }
      },
    },
    client: {
      put: async (peer) => {
        events.push(`put ${nameOf(peer)}`)
        return stored?.(nameOf(peer)) ?? { kind: 'stored' }
      },
      get: async (peer) => {
        events.push(`get ${nameOf(peer)}`)
        return held?.() ?? { kind: 'same', closer: [] }
      },
    },
    clock,
    logger: silentLogger,
    config: TEST_DHT_CONFIG,
    search: async (goal): Promise<Findings> => {
      events.push(`search ${goal.replica}`)
      goals.push(goal)
      return { ...nothingFound(''), closest: closest[goal.replica].map(contact), fewPeers: false }
    },
    likelyClosest: () => likely.map(contact),
  })
  return { owner, clock, events, adopted, goals, putter }
}

const PLACES = [
  ['a', 'b', 'c'],
  ['c', 'd'],
  ['a', 'e'],
] as const

test('a zone is on those likely to be the closest before anybody is asked who is, and on each peer once', async () => {
  const { owner, events, putter } = setUp({ likely: ['a', 'x'], closest: PLACES })
  assert.equal(await putter.put(owner.sign(), signal), 6)
  assert.deepEqual(events.slice(0, 3), ['put a', 'put x', 'search 0'])
  assert.deepEqual(events.filter((event) => event.startsWith('put')).sort(), [
    'put a',
    'put b',
    'put c',
    'put d',
    'put e',
    'put x',
  ])
})

test('who does not acknowledge a zone keeps nobody waiting', async () => {
  const silence = Promise.withResolvers<PutReply>()
  const { owner, clock, events, putter } = setUp({
    likely: ['x'],
    closest: PLACES,
    stored: (name) => (name === 'x' ? (silence.promise as unknown as PutReply) : { kind: 'stored' }),
  })
  const putting = putter.put(owner.sign(), signal)
  await clock.settle()
  assert.deepEqual(events, ['put x'])
  clock.advance(50)
  await clock.settle()
  assert.deepEqual(events.slice(0, 5), ['put x', 'search 0', 'put a', 'put b', 'put c'])
  silence.resolve({ kind: 'stored' })
  assert.equal(await putting, 6)
})

test('each node that acknowledges a zone is told at once, and one that refuses it is not', async () => {
  const { owner, events, putter } = setUp({
    likely: ['a', 'b'],
    closest: PLACES,
    stored: (name) => (name === 'b' ? { kind: 'refused', refusal: 'full' } : { kind: 'stored' }),
  })
  assert.equal(await putter.put(owner.sign(), signal, () => events.push('acknowledged')), 4)
  assert.ok(events.indexOf('acknowledged') < events.indexOf('search 0'))
  assert.equal(events.filter((event) => event === 'acknowledged').length, 4)
})

test('who has answered for the first place is named to the lookups of the other two', async () => {
  const { owner, goals, putter } = setUp({ likely: [], closest: PLACES })
  await putter.put(owner.sign(), signal)
  const heard = new Set(PLACES[0].map((name) => Buffer.from(name).toString('hex')))
  assert.deepEqual(
    goals.map((goal) => goal.heard),
    [new Set(), heard, heard],
  )
})

test('some of those who took a zone are asked in the end, and a newer one of theirs is adopted and told', async () => {
  const held = { reply: undefined as GetReply | undefined }
  const { owner, events, adopted, putter } = setUp({
    likely: [],
    closest: PLACES,
    held: () => held.reply ?? { kind: 'same', closer: [] },
  })
  const zone = owner.sign('mine')
  assert.equal(await putter.put(zone, signal), 5)
  assert.match(events.at(-1) ?? '', /^get [abcde]$/)

  const newer = owner.sign('from another device')
  held.reply = { kind: 'found', bytes: newer.bytes, closer: [] }
  await assert.rejects(putter.put(zone, signal), {
    reason: 'older',
    message: `Zone ${zone.key.label} is superseded by sequence ${newer.sequence}, signed by another device.`,
  })
  assert.ok(adopted.length > 0)
  assert.ok(adopted.every((each) => Buffer.compare(each.bytes, newer.bytes) === 0))
})

test('what is read back and is forged or older supersedes nothing', async () => {
  const { owner, clock, adopted, putter } = setUp({
    likely: [],
    closest: PLACES,
    held: () => ({ kind: 'found', bytes: forged, closer: [] }),
  })
  const zone = owner.sign()
  clock.advance(1000)
  const forged = Buffer.from(owner.sign('newer').bytes)
  forged[forged.length - 1] = 1 ^ forged.at(-1)!
  assert.equal(await putter.put(zone, signal), 5)
  assert.deepEqual(adopted, [])
})
