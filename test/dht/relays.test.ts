/** Connected peers are asked first, and may look further: so that a large network costs round trips and not dials. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DhtFault } from '../../src/dht/fault.ts'
import type { GetRequest } from '../../src/dht/frames.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'
import { stuck, VirtualNetwork } from './virtual-network.ts'

const HEDGE = 60

/** A lookup that begins with all peers; those from `nearest` on are connected. */
function scene(nearest: number, limits: Parameters<VirtualNetwork['tools']>[0] = {}, likely = false) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now(), Buffer.alloc(32, 7))
  const network = new VirtualNetwork(60, clock)
  const closest = network.closest(owner.key)
  const connected = closest.slice(nearest)
  const zone = owner.sign()
  const tools = {
    ...network.tools(limits),
    isConnected: ({ id }: { id: Uint8Array }) => connected.some(({ contact }) => contact.id === id),
    isLikelyHolder: () => likely,
  }
  const { signal } = new AbortController()
  const look = async (goal: Partial<LookupGoal> = {}) =>
    await walk(
      { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800, ...goal },
      closest.map(({ contact }) => contact),
      { tools, signal },
    )
  return { clock, network, closest, connected, zone, tools, look }
}

test('the two nearest connected peers are asked first, and may pass the question on three times', async () => {
  const { clock, network, connected, zone, look } = scene(25)
  const requests: GetRequest[] = []
  for (const peer of connected) {
    peer.behaviour = async (request, { contact }) => {
      requests.push(request)
      await Promise.resolve()
      return contact === connected[1]!.contact
        ? { kind: 'relayed', bytes: zone.bytes, closer: [] }
        : { kind: 'absent', closer: [] }
    }
  }
  const { verdict, holders, behind } = await look()
  assert.ok(verdict.kind === 'found')
  assert.deepEqual(verdict.zone.bytes, zone.bytes)
  assert.deepEqual(network.asked.slice(0, 2), connected.slice(0, 2))
  assert.ok(requests.every(({ hopsLeft, messagesLeft }) => hopsLeft === 3 && messagesLeft === 3))
  assert.deepEqual([holders, behind], [[], []], 'who only passes a zone on does not hold it')
  assert.equal(clock.now(), new ManualClock().now(), 'nobody was waited for')
})

test('when both have nothing the closest of all are asked, and these are to answer for themselves', async () => {
  const { network, closest, connected, zone, look } = scene(25)
  const hops: number[] = []
  for (const peer of network.peers) {
    peer.behaviour = (request, each) => {
      hops.push(request.hopsLeft)
      return network.honest(request, each)
    }
  }
  for (const peer of closest.slice(0, 20)) peer.zone = zone
  assert.equal((await look()).verdict.kind, 'found')
  assert.deepEqual(network.asked.slice(0, 2), connected.slice(0, 2))
  assert.ok(closest.slice(0, 2).includes(network.asked[2]!))
  assert.deepEqual(hops.slice(0, 3), [3, 3, 0])
})

test('a connected peer that should hold the zone is asked alone, as long as it is not late', async () => {
  const { clock, network, closest, zone, look } = scene(0, {}, true)
  const [first, second] = closest as [(typeof closest)[0], (typeof closest)[0]]
  for (const peer of closest) peer.zone = zone
  assert.equal((await look()).verdict.kind, 'found')
  assert.deepEqual(network.asked, [first])
  first.behaviour = stuck
  const looking = look()
  await until(() => network.asked.length === 2)
  clock.advance(HEDGE)
  assert.equal((await looking).verdict.kind, 'found')
  assert.ok(network.asked.includes(second))
})

test('when it has nothing, two are asked at a time', async () => {
  const { network, closest, zone, look } = scene(0, {}, true)
  for (const peer of closest.slice(2)) peer.zone = zone
  assert.equal((await look()).verdict.kind, 'found')
  assert.deepEqual(network.asked, closest.slice(0, 3))
})

test('other peers that are known are looked up only when those with a connection have nothing', async () => {
  const { network, closest, zone, tools } = scene(0)
  const goal = { key: zone.key, replica: 0, floor: 0n, until: 'first', timeout: 1800 } as const
  const contacts = closest.map(({ contact }) => contact)
  const { signal } = new AbortController()
  let reads = 0
  const more = () => {
    reads++
    return contacts
  }
  closest[0]!.zone = zone
  assert.equal((await walk(goal, contacts.slice(0, 2), { tools, signal, more })).verdict.kind, 'found')
  assert.equal(reads, 0)
  closest[0]!.zone = undefined
  closest[4]!.zone = zone
  assert.equal((await walk(goal, contacts.slice(0, 2), { tools, signal, more })).verdict.kind, 'found')
  assert.equal(reads, 1)
  assert.ok(network.asked.includes(closest[4]!))
})

test('a lookup that was refused a dial says that peers were left unasked', async () => {
  const { closest, look } = scene(25)
  assert.equal((await look()).outOfDials, false)
  closest[4]!.behaviour = () => {
    throw new DhtFault('busy', 'The peer was not dialled.')
  }
  assert.equal((await look()).outOfDials, true)
})

test('they are not all of one IP group', async () => {
  const { network, connected, look } = scene(25)
  for (const peer of connected.slice(0, 10)) peer.group = '192.0'
  connected[10]!.group = '198.51'
  await look()
  assert.deepEqual(network.asked.slice(0, 2), [connected[0], connected[10]])
})

test('they have the time that three hops more take; then others are asked beside them', async () => {
  const { clock, network, connected, closest, zone, look } = scene(25)
  for (const peer of connected) peer.behaviour = stuck
  for (const peer of closest.slice(0, 20)) peer.zone = zone
  const looking = look()
  await until(() => network.asked.length === 2)
  clock.advance(4 * HEDGE - 1)
  await clock.settle()
  assert.equal(network.asked.length, 2)
  clock.advance(1)
  await until(() => network.asked.length === 4)
  clock.advance(4 * HEDGE)
  assert.equal((await looking).verdict.kind, 'found')
})

test('who has to hear the closest themselves asks nobody to look further', async () => {
  const { network, look } = scene(0)
  const hops = new Set<number>()
  for (const peer of network.peers) {
    peer.behaviour = (request, each) => {
      hops.add(request.hopsLeft)
      return network.honest(request, each)
    }
  }
  await look({ until: 'closest' })
  assert.deepEqual([...hops], [0])
})

test('a lookup asks so many that have no connection, and no more; who has one is not counted', async () => {
  const { network, connected, look } = scene(40, { maxDialsPerLookup: 3 })
  const isConnected = (peer: unknown) => connected.some((each) => each === peer)
  const { verdict } = await look()
  assert.equal(network.asked.filter((peer) => !isConnected(peer)).length, 3)
  assert.equal(network.asked.filter(isConnected).length, 17, 'the rest of the k closest that may be asked')
  assert.equal(verdict.kind, 'unreachable', 'those nearest were not heard: that is no proof of absence')
})
