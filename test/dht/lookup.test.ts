import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Findings } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { SECRET_OCTETS } from '../../src/zone/signature.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'
import { dead, silent, stuck, VirtualNetwork, type VirtualPeer } from './virtual-network.ts'

interface Scene {
  readonly clock: ManualClock
  readonly owner: TestOwner
  readonly network: VirtualNetwork
  look(goal?: Partial<LookupGoal>, start?: readonly VirtualPeer[]): Promise<Findings>
  /** Puts a zone on the peers closest to it. */
  store(zone: SignedZone, count?: number): void
}

/** Always the same key, so that who is close to it is always the same too. */
const SECRET = Buffer.alloc(SECRET_OCTETS, 7)

function scene(peers: number): Scene {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now(), SECRET)
  const network = new VirtualNetwork(peers, clock)
  const signal = new AbortController().signal
  return {
    clock,
    owner,
    network,
    look: async (goal, start = network.closest(owner.key).slice(-3)) =>
      await walk(
        { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800, ...goal },
        start.map(({ contact }) => contact),
        { tools: network.tools(), signal },
      ),
    store: (zone, count = 20) => {
      for (const peer of network.closest(owner.key).slice(0, count)) peer.zone = zone
    },
  }
}

const contactsOf = (peers: readonly VirtualPeer[]) => peers.map(({ contact }) => contact)

const unknown = (count: number): Contact[] =>
  Array.from({ length: count }, (_, at) => ({
    id: Buffer.from(`nobody ${at} ${Math.sin(at)}`),
    addresses: [],
  }))

for (const size of [1, 3, 50, 200]) {
  test(`among ${size} peers a zone on the closest is found from far away, asking few`, async () => {
    const { owner, look, store, network } = scene(size)
    const zone = owner.sign()
    store(zone)
    const { verdict, effort } = await look()
    assert.ok(verdict.kind === 'found')
    assert.deepEqual(verdict.zone.bytes, zone.bytes)
    assert.ok(effort.asked <= 10, `${effort.asked} asked`)
    assert.equal(new Set(network.asked).size, network.asked.length, 'no peer is asked twice')
  })
}

test('the depth of the path is told', async () => {
  const { owner, look, store, network } = scene(200)
  store(owner.sign(), 3)
  const near = await look({}, network.closest(owner.key).slice(0, 3))
  assert.deepEqual([near.effort.hops, near.effort.asked <= 2], [1, true])
  const far = await look()
  assert.ok(far.effort.hops >= 2, `${far.effort.hops} hops`)
})

test('what nobody holds is absent, and the closest of all have said so', async () => {
  const { owner, look, network } = scene(100)
  const { verdict, closest } = await look()
  assert.deepEqual(verdict, { kind: 'absent' })
  assert.deepEqual(closest.slice(0, 8), contactsOf(network.closest(owner.key).slice(0, 8)))
})

test('fewer than three peers cannot say that a zone is absent', async () => {
  assert.equal((await scene(2).look()).verdict.kind, 'unreachable')
  assert.equal((await scene(3).look()).verdict.kind, 'absent')
})

test('without a peer it is unreachable at once', async () => {
  const { look } = scene(3)
  const { verdict, effort } = await look({}, [])
  assert.ok(verdict.kind === 'unreachable')
  assert.match(verdict.cause, /No other node/)
  assert.deepEqual([effort.asked, effort.hops], [0, 0])
})

test('half the network dead does not hide a zone, nor keep absence from being known', async () => {
  const { owner, look, store, network } = scene(100)
  for (const peer of network.peers.filter((_, at) => at % 2 === 0)) peer.behaviour = dead
  const alive = network.closest(owner.key).filter(({ behaviour }) => !behaviour)
  assert.equal((await look({}, alive.slice(-3))).verdict.kind, 'absent')
  store(owner.sign())
  assert.equal((await look({}, alive.slice(-3))).verdict.kind, 'found')
})

test('when most of the closest are dead, those further away do not make it absent', async () => {
  const { owner, look, network } = scene(20)
  const closest = network.closest(owner.key)
  for (const peer of closest.slice(0, 16)) peer.behaviour = dead
  assert.equal((await look({}, closest)).verdict.kind, 'unreachable')
})

test('when more than a third of the closest are connected but silent, absence is not known', async () => {
  const { owner, look, network } = scene(20)
  const closest = network.closest(owner.key)
  for (const peer of closest.slice(0, 6)) peer.behaviour = silent
  assert.equal((await look({}, closest)).verdict.kind, 'absent')
  for (const peer of closest.slice(0, 8)) peer.behaviour = silent
  const { verdict } = await look({}, closest)
  assert.ok(verdict.kind === 'unreachable')
  assert.match(verdict.cause, /too few/)
})

test('when nobody answers it is unreachable', async () => {
  const { look, network } = scene(30)
  for (const peer of network.peers) peer.behaviour = silent
  assert.equal((await look({}, network.peers)).verdict.kind, 'unreachable')
})

test('a forged zone is not believed; the true one behind it is found', async () => {
  const { owner, look, store, network } = scene(60)
  const zone = owner.sign()
  const forged = Uint8Array.from(zone.bytes, (octet, at) => (at === 40 ? octet ^ 1 : octet))
  const other = new TestOwner().sign()
  store(zone)
  const liars = network.closest(owner.key).slice(0, 6)
  for (const [at, peer] of liars.entries()) {
    const bytes = at % 2 === 0 ? forged : other.bytes
    peer.behaviour = (request) => ({ kind: 'found', bytes, closer: network.closer(peer, request) })
  }
  const { verdict } = await look({}, network.closest(owner.key).slice(0, 20))
  assert.ok(verdict.kind === 'found')
  assert.deepEqual(verdict.zone.bytes, zone.bytes)
})

test('when all that comes back is forged, it is bogus and counted', async () => {
  const { look, network } = scene(5)
  for (const peer of network.peers)
    peer.behaviour = () => ({ kind: 'found', bytes: Buffer.alloc(200, 1), closer: [] })
  assert.deepEqual((await look({}, network.peers)).verdict, { kind: 'bogus', rejected: 5 })
})

test('a single liar does not make an absent zone bogus', async () => {
  const { look, network } = scene(5)
  network.peers[0]!.behaviour = () => ({ kind: 'found', bytes: Buffer.alloc(200, 1), closer: [] })
  assert.equal((await look({}, network.peers)).verdict.kind, 'absent')
})

test('an expired zone is neither served nor held against those who have it', async () => {
  const { owner, look, store, clock } = scene(5)
  store(owner.sign('', { soa: { expire: 60 } }))
  clock.advance(61_000)
  const { verdict } = await look()
  assert.equal(verdict.kind, 'unreachable')
})

test('a zone below the floor, or older than the copy at home, is never the answer', async () => {
  const { owner, look, store } = scene(40)
  const older = owner.sign()
  const have = owner.sign()
  store(older)
  assert.notEqual((await look({ floor: have.sequence })).verdict.kind, 'found')
  assert.notEqual((await look({ have })).verdict.kind, 'found')
})

test('an older zone sent by a holder that overlooks the copy asked with is not the answer either', async () => {
  const { owner, look, network } = scene(10)
  const older = owner.sign()
  for (const peer of network.peers) peer.behaviour = () => ({ kind: 'found', bytes: older.bytes, closer: [] })
  assert.equal((await look({ have: owner.sign() }, network.peers)).verdict.kind, 'unreachable')
})

test('stale holders in front do not hide a newer zone behind them', async () => {
  const { owner, look, network } = scene(80)
  const older = owner.sign()
  const have = owner.sign()
  const newer = owner.sign()
  const closest = network.closest(owner.key)
  for (const peer of closest.slice(0, 20)) peer.zone = older
  for (const peer of closest.slice(15, 20)) peer.zone = newer
  const { verdict } = await look({ have })
  assert.ok(verdict.kind === 'found')
  assert.equal(verdict.zone.sequence, newer.sequence)
})

test('the same copy confirms, whether told as "same" or sent', async () => {
  const { owner, look, store, network } = scene(30)
  const have = owner.sign()
  store(have)
  assert.deepEqual((await look({ have })).verdict, { kind: 'same' })
  for (const peer of network.peers) peer.behaviour = () => ({ kind: 'found', bytes: have.bytes, closer: [] })
  assert.deepEqual((await look({ have })).verdict, { kind: 'same' })
})

test('a "same" to somebody who has no copy says nothing', async () => {
  const { look, network } = scene(5)
  for (const peer of network.peers) peer.behaviour = () => ({ kind: 'same', closer: [] })
  assert.equal((await look({}, network.peers)).verdict.kind, 'unreachable')
})

test('a lookup of the closest goes on to the end and brings the newest', async () => {
  const { owner, look, network } = scene(100)
  const older = owner.sign()
  const newer = owner.sign()
  const closest = network.closest(owner.key)
  for (const [at, peer] of closest.slice(0, 20).entries()) peer.zone = at === 17 ? newer : older
  const findings = await look({ until: 'closest' }, closest.slice(0, 40))
  assert.ok(findings.verdict.kind === 'found')
  assert.equal(findings.verdict.zone.sequence, newer.sequence)
  assert.deepEqual(findings.closest, contactsOf(closest.slice(0, 20)))
})

test('peers that are made up, or not closer than who tells of them, cost little and hide nothing', async () => {
  const { owner, look, store, network } = scene(60)
  store(owner.sign())
  const liars = network.closest(owner.key).slice(-10)
  for (const peer of liars) {
    peer.behaviour = (request) => ({
      kind: 'absent',
      closer: [...unknown(8), ...network.closer(peer, request), peer.contact],
    })
  }
  const { verdict, effort } = await look({}, liars.slice(0, 3))
  assert.equal(verdict.kind, 'found')
  assert.ok(effort.asked < 40, `${effort.asked} asked`)
})

test('a peer that tells of more and more made-up peers is listened to up to a limit', async () => {
  const { look, network, clock } = scene(3)
  let made = 0
  const flood = (): Contact[] =>
    Array.from({ length: 8 }, () => ({ id: Buffer.from(`made up ${made++}`), addresses: [] }))
  for (const peer of network.peers) peer.behaviour = () => ({ kind: 'absent', closer: flood() })
  const { effort } = await look({}, network.peers)
  assert.ok(effort.asked <= 200, `${effort.asked} asked`)
  assert.equal(clock.monotonic(), clock.now())
})

test('at most two are asked at a time', async () => {
  const { network, look } = scene(30)
  let now = 0
  let most = 0
  for (const peer of network.peers) {
    peer.behaviour = async (request) => {
      most = Math.max(most, ++now)
      await Promise.resolve()
      now--
      return network.honest(request, peer)
    }
  }
  await look({}, network.peers)
  assert.equal(most, 2)
})

test('the deadline ends it, with what is known by then', async () => {
  const { owner, look, network, clock } = scene(30)
  for (const peer of network.peers) peer.behaviour = stuck
  const looking = look({}, network.closest(owner.key))
  await until(() => network.asked.length === 2)
  clock.advance(1799)
  clock.advance(1)
  const { verdict, effort } = await looking
  assert.equal(verdict.kind, 'unreachable')
  assert.deepEqual(effort, { asked: 2, hops: 0, milliseconds: 1800 })
})

test('each request says how much time is left', async () => {
  const { look, network, clock } = scene(4)
  const left: number[] = []
  for (const peer of network.peers) {
    peer.behaviour = (request) => {
      left.push(request.millisecondsLeft)
      clock.advance(100)
      return network.honest(request, peer)
    }
  }
  await look({}, network.peers)
  assert.deepEqual(
    left.sort((a, b) => b - a),
    [1800, 1700, 1600, 1500],
  )
})

test('an aborted lookup rejects with the reason and leaves no rejection unhandled', async () => {
  const { owner, network } = scene(10)
  for (const peer of network.peers) peer.behaviour = stuck
  const abort = new AbortController()
  const goal = { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800 } as const
  const start = network.peers.map(({ contact }) => contact)
  const looking = walk(goal, start, { tools: network.tools(), signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(looking, { message: 'enough' })
})

test('busy peers are passed by', async () => {
  const { owner, look, store, network } = scene(40)
  store(owner.sign())
  for (const peer of network.closest(owner.key).slice(0, 10)) peer.behaviour = () => ({ kind: 'busy' })
  assert.equal((await look()).verdict.kind, 'found')
})

test('it tells who holds the newest, who an older one, and says nothing of liars and of those without', async () => {
  const { owner, look, network } = scene(40)
  const [older, have, newest] = [owner.sign('older'), owner.sign('have'), owner.sign('newest')]
  const closest = network.closest(owner.key).slice(0, 20)
  for (const [at, peer] of closest.entries()) peer.zone = [newest, have, older, undefined][at % 4]
  const liar = closest[3]!
  liar.behaviour = (request, peer) => ({
    kind: 'found',
    bytes: Buffer.from(newest.bytes).fill(0, 50, 60),
    closer: network.closer(peer, request),
  })
  const { verdict, holders, behind } = await look({ until: 'closest', have }, closest)
  assert.equal(verdict.kind, 'found')
  assert.deepEqual(holders, contactsOf(closest.filter((_, at) => at % 4 === 0)))
  assert.deepEqual(behind, contactsOf(closest.filter((_, at) => at % 4 === 1 || at % 4 === 2)))
})

test('of peers that have been heard for another place only the three closest are asked again', async () => {
  const { owner, network, look } = scene(30)
  const closest = network.closest(owner.key)
  const heard = new Set(closest.slice(0, 15).map(({ contact }) => Buffer.from(contact.id).toString('hex')))
  const findings = await look({ until: 'closest', heard }, closest)
  assert.deepEqual(findings.closest, contactsOf(closest.slice(0, 20)))
  assert.deepEqual(new Set(network.asked), new Set([...closest.slice(0, 3), ...closest.slice(15, 20)]))
})
