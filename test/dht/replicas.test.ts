/** A zone lies in three neighbourhoods; and of each, no one hand's peers are all that is heard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { searchReplicas } from '../../src/dht/replicas.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { stuck, VirtualNetwork, type VirtualPeer } from './virtual-network.ts'

const COUNT = 200
/** Of a key whose three neighbourhoods have no peer in common. */
const SEED = 3

function scene(peers = COUNT) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now(), Buffer.alloc(32, SEED))
  const network = new VirtualNetwork(peers, clock)
  const zone = owner.sign()
  const near = ([0, 1, 2] as const).map((replica) => network.closest(owner.key, replica).slice(0, 20))
  if (peers >= COUNT) assert.equal(new Set(near.flat()).size, 60)
  const asked: LookupGoal[] = []
  const search = async (goal: LookupGoal, signal = new AbortController().signal) => {
    asked.push(goal)
    const start = network.closest(goal.key, goal.replica).slice(0, 60)
    const contacts = start.map(({ contact }) => contact)
    return await walk(goal, contacts, { tools: network.tools(), signal })
  }
  const look = () =>
    searchReplicas({ key: owner.key, floor: 0n, until: 'first', timeout: 1800 }, { search, clock })
  return {
    clock,
    owner,
    network,
    near: near as [VirtualPeer[], VirtualPeer[], VirtualPeer[]],
    zone,
    asked,
    look,
  }
}

test('a zone in its first neighbourhood is looked for in no other', async () => {
  const { near, zone, asked, look } = scene()
  for (const peer of near[0]) peer.zone = zone
  assert.equal((await look()).verdict.kind, 'found')
  assert.deepEqual(
    asked.map(({ replica }) => replica),
    [0],
  )
})

test('a zone that its first neighbourhood withholds is found in another', async () => {
  const { near, zone, asked, look } = scene()
  for (const peer of near[2]) peer.zone = zone
  const { verdict } = await look()
  assert.ok(verdict.kind === 'found')
  assert.deepEqual(verdict.zone.bytes, zone.bytes)
  assert.deepEqual(
    asked.map(({ replica }) => replica),
    [0, 1, 2],
  )
})

test('a first neighbourhood that says nothing has a third of the time before the others are asked', async () => {
  const { clock, near, zone, asked, look } = scene()
  for (const peer of near[1]) peer.zone = zone
  for (const peer of near[0]) peer.behaviour = stuck
  const looking = look()
  await clock.settle()
  clock.advance(599)
  await clock.settle()
  assert.equal(asked.length, 1)
  clock.advance(1)
  assert.equal((await looking).verdict.kind, 'found')
})

test('absent is what all three neighbourhoods lack; what one does not say is unreachable', async () => {
  const nowhere = scene()
  const lacking = await nowhere.look()
  assert.equal(lacking.verdict.kind, 'absent')
  assert.ok(lacking.effort.asked >= 60)
  const unsure = scene()
  for (const peer of unsure.near[1]) peer.behaviour = stuck
  const looking = unsure.look()
  for (let step = 0; step < 40; step++) {
    await unsure.clock.settle()
    unsure.clock.advance(50)
  }
  assert.equal((await looking).verdict.kind, 'unreachable')
})

test('where there are fewer than twenty peers they are asked once', async () => {
  const { asked, look } = scene(8)
  assert.equal((await look()).verdict.kind, 'absent')
  assert.equal(asked.length, 1)
})

test('45 peers of three groups, nearer than all others, do not hide a zone', async () => {
  const { network, zone, look } = scene()
  const [sybils, honest] = [network.closest(zone.key).slice(0, 45), network.closest(zone.key).slice(45)]
  for (const [at, peer] of sybils.entries()) peer.group = `sybil ${at % 3}`
  for (const [at, peer] of honest.entries()) peer.group = `honest ${at}`
  for (const peer of honest.slice(0, 14)) peer.zone = zone // what a put with the same caps reaches
  const { verdict, effort } = await look()
  assert.equal(verdict.kind, 'found')
  assert.ok(effort.asked <= 10, `${effort.asked} were asked`)
})
