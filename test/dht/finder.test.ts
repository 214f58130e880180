import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDatastore } from 'datastore-core'
import { Finder } from '../../src/dht/finder.ts'
import type { Findings, Verdict } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { openZoneStore } from '../../src/dht/zone-store.ts'
import { type SignedZone, signRevocation } from '../../src/zone/signed-zone.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const { signal } = new AbortController()
const foreign = { own: false }

/** A finder whose network says what it is told to say. */
async function setUp({ maxZones = 10 } = {}) {
  const clock = new ManualClock()
  const config = {
    maxZones,
    maxNewZonesPerMinute: 100,
    maxRevocations: 10,
    maxFloors: 10,
    keep: [],
    cachedZones: 10,
    lookupTimeout: 1800,
    walkTimeout: 10_000,
    maxWalks: 2,
    confirmMin: 60,
    confirmMax: 3600,
  }
  const datastore = new MemoryDatastore()
  const self = new Uint8Array(32)
  const store = await openZoneStore({ datastore, clock, logger: silentLogger, config, self })
  /** Of lookups that somebody waits for. */
  const goals: LookupGoal[] = []
  const network: Network = { says: { kind: 'unreachable', cause: 'nobody' }, walks: async () => AGREED }
  const search = async (goal: LookupGoal) => {
    if (goal.until === 'closest') return await network.walks(goal)
    goals.push(goal)
    return { ...AGREED, verdict: network.says }
  }
  const corrected: { contacts: readonly Contact[]; zone: SignedZone }[] = []
  const correct = async (contacts: readonly Contact[], zone: SignedZone) => {
    if (contacts.length > 0) corrected.push({ contacts, zone })
  }
  const finder = new Finder({ store, clock, config, search, correct })
  return { clock, store, goals, network, corrected, finder, owner: new TestOwner(() => clock.now()) }
}

interface Network {
  says: Verdict
  /** What comes of the walk behind an answer. */
  walks(goal: LookupGoal): Promise<Findings>
}

const PEER: Contact = { id: Buffer.from('peer'), addresses: [] }
const STALE: Contact = { id: Buffer.from('stale'), addresses: [] }
/** Three hold what was found. */
const AGREED: Findings = {
  verdict: { kind: 'same' },
  effort: { asked: 1, hops: 1, milliseconds: 1 },
  closest: [PEER, PEER, PEER],
  holders: [PEER, PEER, PEER],
  behind: [],
  hands: 3,
  fewPeers: true,
  outOfDials: false,
}

test('a zone found is kept and answers from home until REFRESH has passed', async () => {
  const { clock, store, goals, network, finder, owner } = await setUp()
  const zone = owner.sign('', { soa: { refresh: 300 } })
  network.says = { kind: 'found', zone }
  const first = await finder.find(owner.key, { signal })
  assert.ok(first.kind === 'found')
  assert.deepEqual([first.age, first.freshFor, first.effort.asked], [0, 10, 1])
  await finder.idle()
  assert.deepEqual((await store.get(owner.key))?.bytes, zone.bytes)
  clock.advance(299_000)
  const second = await finder.find(owner.key, { signal })
  assert.ok(second.kind === 'found')
  assert.deepEqual([second.age, second.freshFor, second.effort.asked, goals.length], [299, 1, 0, 1])
  network.says = { kind: 'same' }
  clock.advance(1000)
  const third = await finder.find(owner.key, { signal })
  assert.ok(third.kind === 'found')
  assert.deepEqual([third.age, third.freshFor, goals.length], [0, 10, 2])
  assert.equal(goals[1]?.have?.sequence, zone.sequence)
})

test('REFRESH is held between the two limits', async () => {
  for (const [refresh, freshFor] of [
    [1, 60],
    [86_400, 3600],
  ] as const) {
    const { network, finder, owner } = await setUp()
    network.says = { kind: 'found', zone: owner.sign('', { soa: { refresh } }) }
    await finder.find(owner.key, { signal })
    await finder.idle()
    const lookup = await finder.find(owner.key, { signal })
    assert.ok(lookup.kind === 'found')
    assert.equal(lookup.freshFor, freshFor)
  }
})

test('who asks for a younger confirmation than there is gets a new one', async () => {
  const { clock, goals, network, finder, owner } = await setUp()
  network.says = { kind: 'found', zone: owner.sign() }
  await finder.find(owner.key, { signal })
  clock.advance(5000)
  await finder.find(owner.key, { signal, maxAge: 10 })
  assert.equal(goals.length, 1)
  await finder.find(owner.key, { signal, maxAge: 4 })
  assert.equal(goals.length, 2)
})

test('a valid copy at home is served whatever the network says, with its true age', async () => {
  const says: Verdict[] = [
    { kind: 'unreachable', cause: '' },
    { kind: 'absent' },
    { kind: 'bogus', rejected: 3 },
  ]
  for (const verdict of says) {
    const { store, network, finder, owner } = await setUp()
    await store.put(owner.sign(), foreign)
    network.says = verdict
    const lookup = await finder.find(owner.key, { signal })
    assert.ok(lookup.kind === 'found', verdict.kind)
    assert.deepEqual([lookup.age, lookup.freshFor], [Infinity, 0])
  }
})

test("without a copy the network's word is passed on", async () => {
  const { network, finder, owner } = await setUp()
  for (const verdict of [{ kind: 'absent' }, { kind: 'bogus', rejected: 2 }] as const) {
    network.says = verdict
    assert.equal((await finder.find(owner.key, { signal })).kind, verdict.kind)
  }
})

test('an expired copy is not served, and what was once seen is not said to be absent', async () => {
  const { clock, store, network, finder, owner } = await setUp()
  await store.put(owner.sign('', { soa: { expire: 60 } }), foreign)
  clock.advance(61_000)
  network.says = { kind: 'absent' }
  const lookup = await finder.find(owner.key, { signal })
  assert.ok(lookup.kind === 'unreachable')
  assert.match(lookup.cause, /seen before/)
})

test('a revocation is final: it is returned without asking', async () => {
  const { store, goals, finder, owner } = await setUp()
  await store.put(signRevocation(owner.secret), foreign)
  const lookup = await finder.find(owner.key, { signal })
  assert.ok(lookup.kind === 'found')
  assert.deepEqual([lookup.zone.revoked, lookup.age, goals.length], [true, 0, 0])
})

test('a zone there is no room for is returned, and never again an older one', async () => {
  const { network, finder, goals, owner } = await setUp({ maxZones: 0 })
  const zone = owner.sign()
  network.says = { kind: 'found', zone }
  assert.equal((await finder.find(owner.key, { signal })).kind, 'found')
  await finder.find(owner.key, { signal })
  assert.equal(await goals[1]?.floor, zone.sequence)
})

test('when a newer zone came in by put during the lookup, that is returned', async () => {
  const { store, network, finder, owner } = await setUp()
  const older = owner.sign()
  const newer = owner.sign()
  network.says = { kind: 'found', zone: older }
  await store.put(newer, foreign)
  const lookup = await finder.find(owner.key, { signal })
  assert.ok(lookup.kind === 'found')
  assert.deepEqual([lookup.zone.sequence, lookup.age], [newer.sequence, Infinity])
})

test('a signal that has aborted rejects before anything is asked', async () => {
  const { goals, finder, owner } = await setUp()
  await assert.rejects(finder.find(owner.key, { signal: AbortSignal.abort(new Error('late')) }), {
    message: 'late',
  })
  assert.equal(goals.length, 0)
})

test('a zone that one peer alone has given is fresh for ten seconds, until three agree', async () => {
  const { clock, goals, network, finder, owner } = await setUp()
  const walk = Promise.withResolvers<Findings>()
  network.walks = () => walk.promise
  network.says = { kind: 'found', zone: owner.sign() }
  const freshFor = async () => {
    const lookup = await finder.find(owner.key, { signal })
    return lookup.kind === 'found' ? lookup.freshFor : undefined
  }
  assert.equal(await freshFor(), 10)
  clock.advance(9_000)
  assert.deepEqual([await freshFor(), goals.length], [1, 1])
  walk.resolve(AGREED)
  await finder.idle()
  assert.deepEqual([await freshFor(), goals.length], [300, 1])
})

test('two that agree are not enough where others hold something older, and are where nobody does', async () => {
  for (const [behind, freshFor] of [
    [[STALE], 10],
    [[], 300],
  ] as const) {
    const { network, finder, owner } = await setUp()
    network.says = { kind: 'found', zone: owner.sign() }
    network.walks = async () => ({ ...AGREED, holders: [PEER, PEER], hands: 2, behind })
    await finder.find(owner.key, { signal })
    await finder.idle()
    const lookup = await finder.find(owner.key, { signal })
    assert.equal(lookup.kind === 'found' && lookup.freshFor, freshFor)
  }
})

test('what is newer behind the first answer replaces it, watchers hear of it, and who holds the older is told', async () => {
  const { store, network, corrected, finder, owner } = await setUp()
  const [older, newer] = [owner.sign('older'), owner.sign('newer')]
  const heard: SignedZone[] = []
  store.watch((zone) => heard.push(zone))
  network.says = { kind: 'found', zone: older }
  network.walks = async () => ({ ...AGREED, verdict: { kind: 'found', zone: newer }, behind: [STALE] })
  await finder.find(owner.key, { signal })
  await finder.idle()
  const lookup = await finder.find(owner.key, { signal })
  assert.ok(lookup.kind === 'found')
  assert.deepEqual(lookup.zone.bytes, newer.bytes)
  assert.deepEqual(heard, [older, newer])
  assert.deepEqual(corrected, [{ contacts: [STALE], zone: newer }])
})

test('a walk that hears nobody leaves the zone unsure, and the next lookup begins another', async () => {
  const { clock, network, finder, owner } = await setUp()
  let walks = 0
  network.walks = async () => {
    walks++
    return { ...AGREED, verdict: { kind: 'unreachable', cause: '' }, closest: [], holders: [], hands: 0 }
  }
  network.says = { kind: 'found', zone: owner.sign() }
  for (let round = 0; round < 2; round++) {
    await finder.find(owner.key, { signal })
    await finder.idle()
    clock.advance(11_000)
    network.says = { kind: 'same' }
  }
  assert.equal(walks, 2)
})

test('only so many walks go on at once', async () => {
  const { clock, network, finder } = await setUp({ maxZones: 100 })
  let walks = 0
  const end = Promise.withResolvers<Findings>()
  network.walks = async () => {
    walks++
    return await end.promise
  }
  for (let count = 0; count < 5; count++) {
    const owner = new TestOwner(() => clock.now())
    network.says = { kind: 'found', zone: owner.sign() }
    assert.equal((await finder.find(owner.key, { signal })).kind, 'found')
  }
  await clock.settle()
  assert.equal(walks, 2)
  end.resolve(AGREED)
  await finder.idle()
})

test('a zone in use is replaced when a peer that says it has changed gives the newer one', async () => {
  const { network, finder, owner, store } = await setUp()
  const [older, newer] = [owner.sign(), owner.sign('www 60 IN A 192.0.2.9')]
  network.says = { kind: 'found', zone: older }
  await finder.find(owner.key, { signal })
  await finder.idle()
  const notice = { key: owner.key.bytes, sequence: newer.sequence }
  assert.equal(await finder.changed({ ...notice, give: async () => newer }), true)
  assert.deepEqual((await store.get(owner.key))?.bytes, newer.bytes)
  const unasked = async () => assert.fail('it is known by now')
  assert.equal(await finder.changed({ ...notice, give: unasked }), true)
})

test('who tells of a change and does not give it is found out, and nothing has changed', async () => {
  const { network, finder, owner, store } = await setUp()
  const older = owner.sign()
  network.says = { kind: 'found', zone: older }
  await finder.find(owner.key, { signal })
  await finder.idle()
  const notice = { key: owner.key.bytes, sequence: older.sequence + 5n }
  assert.equal(await finder.changed({ ...notice, give: async () => undefined }), false)
  assert.equal(await finder.changed({ ...notice, give: async () => older }), false)
  assert.deepEqual((await store.get(owner.key))?.bytes, older.bytes)
})

test('news of a zone that nobody used within the hour are nothing to ask for', async () => {
  const { clock, network, finder, owner } = await setUp()
  const unasked = async () => assert.fail('nobody uses it')
  const notice = { key: owner.key.bytes, sequence: 9n, give: unasked }
  assert.equal(await finder.changed(notice), true)
  network.says = { kind: 'found', zone: owner.sign() }
  await finder.find(owner.key, { signal })
  await finder.idle()
  clock.advance(3_600_001)
  assert.equal(await finder.changed({ ...notice, sequence: 2n ** 62n }), true)
})

test('at most three who tell of the same change are asked for it at once', async () => {
  const { network, finder, owner } = await setUp()
  network.says = { kind: 'found', zone: owner.sign() }
  await finder.find(owner.key, { signal })
  await finder.idle()
  const newer = owner.sign('www 60 IN A 192.0.2.9')
  const given = Promise.withResolvers<SignedZone>()
  let asked = 0
  const give = async () => {
    asked++
    return await given.promise
  }
  const notices = Array.from({ length: 5 }, () =>
    finder.changed({ key: owner.key.bytes, sequence: newer.sequence, give }),
  )
  await until(() => asked >= 3)
  given.resolve(newer)
  assert.deepEqual(await Promise.all(notices), [true, true, true, true, true])
  assert.equal(asked, 3)
})
