/** Peers that say nothing: others are asked beside them, so that a lookup costs a moment and not their patience. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Findings } from '../../src/dht/findings.ts'
import { walk } from '../../src/dht/lookup.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { TestOwner } from '../support/test-zone.ts'
import { stuck, VirtualNetwork } from './virtual-network.ts'

/** Of the virtual network: when a peer counts as late. */
const HEDGE = 60
const TURNS = 20

function scene(peers: number, secret: Uint8Array) {
  const clock = new ManualClock()
  const owner = new TestOwner(() => clock.now(), secret)
  const network = new VirtualNetwork(peers, clock)
  const closest = network.closest(owner.key)
  const zone = owner.sign()
  for (const peer of closest.slice(0, 20)) peer.zone = zone
  const { signal } = new AbortController()
  const look = (goal: Partial<LookupGoal> = {}) =>
    walk(
      { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1800, ...goal },
      closest.map(({ contact }) => contact),
      { tools: network.tools(), signal },
    )
  return { clock, network, closest, look }
}

/** Turns the clock in steps until the lookup ends. @returns what it found, and the virtual milliseconds it took */
async function timed(clock: ManualClock, looking: Promise<Findings>, step = 10) {
  let findings: Findings | undefined
  void looking.then((found) => {
    findings = found
  })
  const began = clock.now()
  for (;;) {
    for (let left = TURNS; left > 0 && !findings; left--) await turn()
    if (findings) return { findings, milliseconds: clock.now() - began }
    clock.advance(step)
  }
}

test('two that are late are not waited for: two more are asked beside them, and no more than that', async () => {
  const { clock, network, closest, look } = scene(30, Buffer.alloc(32, 7))
  for (const peer of closest.slice(0, 2)) peer.behaviour = stuck
  const { findings, milliseconds } = await timed(clock, look())
  assert.equal(findings.verdict.kind, 'found')
  assert.equal(milliseconds, HEDGE)
  assert.deepEqual(network.asked, closest.slice(0, 4))
})

test('an answer that comes late still counts', async () => {
  const { clock, network, closest, look } = scene(30, Buffer.alloc(32, 7))
  for (const peer of closest) peer.behaviour = stuck
  closest[0]!.behaviour = (request, peer) =>
    new Promise((resolve) => clock.after(3 * HEDGE + 10, () => resolve(network.honest(request, peer))))
  const { findings, milliseconds } = await timed(clock, look())
  assert.equal(findings.verdict.kind, 'found')
  assert.equal(milliseconds, 3 * HEDGE + 10)
  assert.equal(findings.effort.asked, 8)
})

/** Half of them, by chance that is the same in every run. */
function isSilent(seed: number, at: number): boolean {
  return (createHash('sha256').update(`${seed} ${at}`).digest()[0] ?? 0) < 128
}

test('with half of all peers silent each of 100 names is found, 95 of them within 300 ms', async () => {
  const times: number[] = []
  for (let seed = 1; seed <= 100; seed++) {
    const { clock, network, look } = scene(60, Buffer.alloc(32, seed))
    for (const [at, peer] of network.peers.entries()) if (isSilent(seed, at)) peer.behaviour = stuck
    const { findings, milliseconds } = await timed(clock, look())
    assert.equal(findings.verdict.kind, 'found', `seed ${seed}`)
    times.push(milliseconds)
  }
  times.sort((a, b) => a - b)
  assert.ok((times[94] ?? Infinity) <= 300, `${times[94]} ms`)
})

test('who has to hear all of the closest may ask more of them at a time', async () => {
  const times: number[] = []
  for (const parallelism of [2, 10]) {
    const { clock, network, look } = scene(30, Buffer.alloc(32, 7))
    for (const peer of network.peers) {
      peer.behaviour = (request, each) =>
        new Promise((resolve) => clock.after(50, () => resolve(network.honest(request, each))))
    }
    times.push((await timed(clock, look({ parallelism, until: 'closest' }))).milliseconds)
  }
  assert.deepEqual(times, [500, 100])
})
