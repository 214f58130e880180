/** A lookup followed: every peer that was asked is told of once, and once more with what it said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow } from '../../src/dht/following.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupStep } from '../../src/zone/directory.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { VirtualNetwork } from './virtual-network.ts'

const signal = new AbortController().signal

function scene(peers: number, holders: number) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now())
  const network = new VirtualNetwork(peers, clock)
  const zone = owner.sign()
  const closest = network.closest(owner.key)
  for (const peer of closest.slice(0, holders)) peer.zone = zone
  const start = closest.slice(-3).map(({ contact }) => contact)
  const networks = {
    search: async (goal: Parameters<typeof walk>[0]) =>
      await walk(goal, start, { tools: network.tools(), signal }),
  }
  const steps: LookupStep[] = []
  const followed = (until: 'first' | 'closest') =>
    follow(
      { key: owner.key, floor: 0n, until, signal, tell: (step) => steps.push(step) },
      { networks, config: { walkTimeout: 10_000 } },
    )
  return { zone, network, steps, followed }
}

const answersIn = (steps: readonly LookupStep[]) =>
  steps.flatMap((step) => (step.step === 'answered' ? [step] : []))

test('until the first: those asked, what each said, and the zone at the end', async () => {
  const { zone, network, steps, followed } = scene(200, 20)
  const { kind, sequence, copies } = await followed('first')
  assert.deepEqual([kind, sequence], ['found', zone.sequence])
  assert.ok(copies >= 1)
  assert.equal(steps.filter(({ step }) => step === 'asked').length, network.asked.length)
  const [first, ...others] = answersIn(steps)
  assert.deepEqual([first?.said, first?.hop], ['absent', 1])
  assert.ok((first?.closer.length ?? 0) > 0)
  const last = others.findLast(({ said }) => said === 'found')
  assert.deepEqual([last?.sequence, (last?.hop ?? 0) > 1], [zone.sequence, true])
})

test('until the closest: every copy among them is counted', async () => {
  const { steps, followed } = scene(200, 5)
  const { copies } = await followed('closest')
  assert.equal(copies, 5)
  const givers = answersIn(steps).filter(({ sequence }) => sequence !== undefined)
  assert.deepEqual([givers.length, new Set(givers.map(({ peer }) => peer)).size >= 1], [5, true])
})

test('where nobody holds it, every answer says so', async () => {
  const { steps, followed } = scene(50, 0)
  assert.equal((await followed('first')).kind, 'absent')
  assert.ok(answersIn(steps).every(({ said }) => said === 'absent'))
})

test('peers that cannot be reached or say nothing are told of as such', async () => {
  const { network, steps, followed } = scene(8, 1)
  const [, second, third] = network.peers
  if (second) second.behaviour = () => Promise.reject(new Error('It said nothing.'))
  if (third) third.behaviour = () => ({ kind: 'busy' })
  await followed('closest')
  assert.deepEqual(
    answersIn(steps)
      .map(({ said }) => said)
      .filter((said) => said === 'silent' || said === 'busy')
      .sort(),
    ['busy', 'silent'],
  )
})
