/** Sybils stand closer to a place than chance would have put them; honest neighbourhoods are not taken for them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { pino } from 'pino'
import { Random } from '../../bench/sim/random.ts'
import { CROWDED, Crowding, chanceOf } from '../../src/dht/crowding.ts'
import type { Findings } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import type { RoutingTable } from '../../src/dht/kad.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { distance, encodeRecordKey, kademliaId, type Replica } from '../../src/dht/record-key.ts'
import { searchReplicas } from '../../src/dht/replicas.ts'
import { Searcher, type SearcherNeeds } from '../../src/dht/searcher.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { VirtualNetwork } from './virtual-network.ts'

const COUNT = 20
const { signal } = new AbortController()

function scene({ peers = 200, answers = Number.POSITIVE_INFINITY, stuck = false } = {}) {
  const clock = new ManualClock()
  const network = new VirtualNetwork(peers, clock)
  const seeds = new Random('crowding')
  const newKey = () => new TestOwner(() => 0, seeds.octets(32)).key
  const suspected: string[] = []
  /** Besides what is looked for. */
  const searched: LookupGoal[] = []
  const crowding = new Crowding({
    count: COUNT,
    randomKey: newKey,
    suspect: ({ label }) => suspected.push(label),
    hear: async (goal) => {
      searched.push(goal)
      return await hear(goal)
    },
    clock,
    timeout: 1800,
  })
  const look = async (goal: LookupGoal) => {
    const contacts = network.closest(goal.key, goal.replica).map(({ contact }) => contact)
    return await walk(goal, contacts.slice(0, answers), { tools: network.tools(), signal })
  }
  const hear = async (goal: LookupGoal) =>
    stuck ? await new Promise<never>(() => undefined) : await look(goal)
  const find = async (key: PublicKey, parts: Partial<Findings> = {}, replica: Replica = 0) => {
    const goal = { key, replica, floor: 0n, until: 'first', timeout: 1800 } as const
    return await crowding.search(goal, async (each) => ({ ...(await look(each)), ...parts }))
  }
  return { clock, find, newKey, suspected, searched }
}

/** The closest to a place of so many ids that somebody has made. */
function ground(key: PublicKey, replica: Replica = 0, made = 20_000): Contact[] {
  const place = kademliaId(encodeRecordKey(key, replica))
  const ids = Array.from({ length: made }, (_, at) => createHash('sha256').update(`made ${at}`).digest())
  const placed = ids.map((id) => ({ id, away: distance(kademliaId(id), place) }))
  placed.sort((a, b) => Buffer.compare(a.away, b.away))
  return placed.slice(0, COUNT).map(({ id }) => ({ id, addresses: [] }))
}

test('the chance of a density is that of a quotient of two gamma distributions', () => {
  // F at 0.35 with 40 and 160 degrees of freedom, at 0.1 with 40 and 40, at 1 with 40 and 160, and at 2/3 with 6 and 160.
  const chances = [
    [chanceOf({ away: 0.035, peers: 20 }, [0.1, 0.1, 0.1, 0.1], 20), 0.000108123796],
    [chanceOf({ away: 0.01, peers: 20 }, [0.1], 20), 1.84008224e-11],
    [chanceOf({ away: 0.1, peers: 20 }, [0.05, 0.15, 0.02, 0.18], 20), 0.519978587],
    [chanceOf({ away: 0.01, peers: 3 }, [0.1, 0.1, 0.1, 0.1], 20), 0.323309831],
  ] as const
  for (const [chance, known] of chances) assert.ok(Math.abs(chance / known - 1) < 1e-6, `${chance} ${known}`)
  assert.equal(chanceOf({ away: 0, peers: 20 }, [0.1], 20), 0)
})

test('of 1,500 honest neighbourhoods one or two are rarer than 1 in 1,000, and none in a network of 30', () => {
  for (const [nodes, most] of [
    [30, 0],
    [300, 4],
  ] as const) {
    const random = new Random(`honest ${nodes}`)
    const place = () =>
      Array.from({ length: nodes }, () => random.next()).toSorted((a, b) => a - b)[COUNT - 1]!
    const rare = Array.from({ length: 1500 }, () =>
      chanceOf({ away: place(), peers: COUNT }, [place(), place(), place(), place()], COUNT),
    ).filter((chance) => chance < 1e-3)
    assert.ok(rare.length <= most, `${nodes} nodes: ${rare.length}`)
  }
})

test('what is absent in a crowded neighbourhood is unreachable, and the key is told once', async () => {
  const { find, newKey, suspected } = scene()
  const key = newKey()
  const closest = ground(key)
  for (let time = 0; time < 2; time++) {
    const { verdict } = await find(key, { verdict: { kind: 'absent' }, closest })
    assert.deepEqual(verdict, { kind: 'unreachable', cause: CROWDED })
  }
  assert.deepEqual(suspected, [key.label])
})

test('what is absent among honest peers stays absent, for 20 keys in their three places', async () => {
  const { find, newKey, suspected } = scene()
  for (let at = 0; at < 20; at++) {
    const key = newKey()
    for (const replica of [0, 1, 2] as const)
      assert.equal((await find(key, {}, replica)).verdict.kind, 'absent')
  }
  assert.deepEqual(suspected, [])
})

test('a crowd that also used up the dials of the lookup is a crowd all the same', async () => {
  const { find, newKey, suspected } = scene()
  const key = newKey()
  const heard = { verdict: { kind: 'absent' }, closest: ground(key), outOfDials: true } as const
  assert.deepEqual((await find(key, heard)).verdict, { kind: 'unreachable', cause: CROWDED })
  assert.deepEqual(suspected, [key.label])
})

test('a copy found in a crowded neighbourhood is an answer, and the key is told', async () => {
  const { find, newKey, suspected } = scene()
  const key = newKey()
  await find(newKey())
  const { verdict } = await find(key, { verdict: { kind: 'same' }, closest: ground(key) })
  assert.equal(verdict.kind, 'same')
  assert.deepEqual(suspected, [key.label])
})

test('a node that knows no other place hears four random ones before it says absent, and never for a copy', async () => {
  const { find, newKey, searched } = scene()
  await find(newKey(), { verdict: { kind: 'same' }, closest: [] })
  assert.equal(searched.length, 0)
  await Promise.all([find(newKey()), find(newKey())])
  assert.equal(searched.length, 4)
  await find(newKey())
  assert.equal(searched.length, 4)
})

test('when the other neighbourhoods of a name are asked, random places are heard beside them', async () => {
  const { find, newKey, searched } = scene()
  await find(newKey(), { verdict: { kind: 'same' }, closest: [] }, 1)
  assert.equal(searched.length, 4)
})

test('random places that nobody hears to the end keep a lookup no longer than its own time', async () => {
  const { clock, find, newKey } = scene({ stuck: true })
  let ended = false
  const found = find(newKey(), { effort: { asked: 20, hops: 1, milliseconds: 1500 } }).finally(() => {
    ended = true
  })
  await clock.settle()
  clock.advance(299)
  await clock.settle()
  assert.equal(ended, false)
  clock.advance(1)
  assert.equal((await found).verdict.kind, 'absent')
})

test('where random places tell nothing they are heard again after ten seconds, and not with every name', async () => {
  const { clock, find, newKey, searched } = scene({ peers: 15 })
  for (let time = 0; time < 3; time++) await find(newKey(), { fewPeers: false, verdict: { kind: 'absent' } })
  assert.equal(searched.length, 4)
  clock.advance(10_000)
  await find(newKey(), { fewPeers: false, verdict: { kind: 'absent' } })
  assert.equal(searched.length, 8)
})

test('places are compared with for an hour', async () => {
  const { clock, find, newKey, searched } = scene()
  await find(newKey())
  clock.advance(3_599_999)
  await find(newKey())
  assert.equal(searched.length, 4)
  clock.advance(1)
  await find(newKey())
  assert.equal(searched.length, 7, 'the three besides the one found just before')
})

test('crowds are not what the next is compared with', async () => {
  const { find, newKey, suspected } = scene()
  for (let time = 0; time < 70; time++) {
    const key = newKey()
    await find(key, { verdict: { kind: 'absent' }, closest: ground(key, 0, 2000) })
  }
  assert.equal(suspected.length, 70)
})

test('one crowded key asked for again and again does not make crowds look usual', async () => {
  const { find, newKey } = scene()
  const key = newKey()
  const closest = ground(key)
  for (let time = 0; time < 70; time++) {
    const { verdict } = await find(key, { verdict: { kind: 'absent' }, closest })
    assert.equal(verdict.kind, 'unreachable')
  }
})

test('where all peers known are fewer than k, or none could be compared with, nothing is suspected', async () => {
  const { find, newKey, suspected } = scene()
  const key = newKey()
  const found = { verdict: { kind: 'absent' }, closest: ground(key) } as const
  assert.equal((await find(key, { ...found, fewPeers: true })).verdict.kind, 'absent')
  const alone = scene({ answers: 0 })
  assert.equal((await alone.find(key, { ...found, fewPeers: false })).verdict.kind, 'absent')
  assert.deepEqual([...suspected, ...alone.suspected], [])
})

test('a name that Sybils hide in all its three places is unreachable, and the log says so once', async () => {
  const { key, look, logged, sybils } = besieged()
  assert.equal(sybils.length, 3 * COUNT)
  for (let time = 0; time < 2; time++)
    assert.deepEqual((await look(key)).verdict, { kind: 'unreachable', cause: CROWDED })
  assert.deepEqual(
    logged.map(({ level, zone }) => [level, zone]),
    [[40, key.label]],
  )
})

test('a name nobody owns is absent in the same network', async () => {
  const { look, logged } = besieged()
  const other = new TestOwner(() => 0, Buffer.alloc(32, 2)).key
  assert.equal((await look(other)).verdict.kind, 'absent')
  assert.deepEqual(logged, [])
})

/** A network of 200 whose Searcher knows all of it and the Sybils, which name nobody but themselves. */
function besieged() {
  const clock = new ManualClock()
  const { key } = new TestOwner(() => 0, Buffer.alloc(32, 1))
  const network = new VirtualNetwork(200, clock)
  const honest = network.tools()
  const sybils = ([0, 1, 2] as const).flatMap((replica) => ground(key, replica))
  const known = [...network.peers.map(({ contact }) => contact), ...sybils]
  const routingTable = {
    closestPeers: (place: Uint8Array, { count }: { count: number }) => {
      const placed = known.map((contact) => ({ contact, away: distance(kademliaId(contact.id), place) }))
      placed.sort((a, b) => Buffer.compare(a.away, b.away))
      return placed.slice(0, count).map(({ contact }) => ({ toMultihash: () => ({ bytes: contact.id }) }))
    },
  } as unknown as RoutingTable
  const get: SearcherNeeds['client']['get'] = async (contact, request, end) =>
    sybils.some(({ id }) => Buffer.compare(id, contact.id) === 0)
      ? { kind: 'absent', closer: sybils.slice(0, 8) }
      : await honest.ask(contact, request, end)
  const logged: { level: number; zone: string }[] = []
  const searcher = new Searcher({
    side: 'wan',
    routingTable,
    bootstrap: { firstPeer: async () => undefined },
    client: { get, roundTripOf: () => undefined, isSilent: () => false },
    links: { has: () => false, nearest: () => [] },
    groupOf: () => undefined,
    clock,
    logger: pino({}, { write: (line) => void logged.push(JSON.parse(line)) }),
    self: Buffer.from('self'),
    limits: { ...honest.limits, hedgeMin: 60, maxForwards: 0, requestTimeout: 800, lookupTimeout: 1800 },
  })
  const look = async (wanted: PublicKey) =>
    await searchReplicas(
      { key: wanted, floor: 0n, until: 'first', timeout: 1800 },
      { search: searcher.search.bind(searcher), clock },
    )
  return { key, look, logged, sybils }
}
