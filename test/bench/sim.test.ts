/** The simulator on small networks: it runs, its figures are those of the engine, and a seed gives the same ones again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig, type SimOptions } from '../../bench/sim/options.ts'
import { Random } from '../../bench/sim/random.ts'
import { honestRow } from '../../bench/sim/row-honest.ts'
import { killed70Row } from '../../bench/sim/row-killed.ts'
import { liarsRow } from '../../bench/sim/row-liars.ts'
import { networkRow } from '../../bench/sim/row-network.ts'
import { sybilsRow } from '../../bench/sim/row-sybils.ts'
import { closestOf } from '../../bench/sim/space.ts'
import { StuckFault, VirtualClock } from '../../bench/sim/virtual-clock.ts'
import { distance } from '../../src/dht/record-key.ts'

const small: SimOptions = {
  config: defaultConfig(),
  seed: 'test',
  nodes: 200,
  trials: 40,
  roundTrip: 50,
  spread: 0,
  warm: 2,
  progress: () => undefined,
}

test('in a network of 200 that all are connected every name is found at the first hop in one round trip', async () => {
  const { checks, notes } = await networkRow.run({ ...small, warm: 20 })
  assert.ok(checks.every(({ met }) => met))
  assert.ok(
    notes.some((note) => note === '200 nodes: hops 1.0 median, 1.0 p99, 1.0 max; a relay counts as one'),
    notes.join('\n'),
  )
  assert.ok(
    notes.some((note) => note.startsWith('200 nodes: round trips 1.0 median')),
    notes.join('\n'),
  )
})

test('with 70 % of 200 nodes killed every name is found of which a holder is left, the same in each run', async () => {
  const first = await killed70Row.run(small)
  assert.equal(first.checks[0]?.figure, '100.00 % (40 of 40)')
  assert.deepEqual(await killed70Row.run(small), first)
})

test('a row whose target is missed says so', async () => {
  const { checks } = await killed70Row.run({ ...small, config: { ...small.config, lookupTimeout: 20 } })
  assert.deepEqual(
    checks.map(({ figure, met }) => [figure, met]),
    [['0.00 % (0 of 40)', false]],
  )
})

test('of liars nothing forged is believed, and whoever has a floor is not first given what is older', async () => {
  const { checks, notes } = await liarsRow.run(small)
  assert.ok(
    checks.every(({ met }) => met),
    JSON.stringify(checks),
  )
  assert.ok(notes.includes('first answers that were older, asker with a floor: 0.00 % (0 of 40)'))
})

test('the closest points are those that sorting by distance gives', () => {
  const random = new Random('space')
  const points = Array.from({ length: 300 }, () => random.octets(32)).sort(Buffer.compare)
  for (let round = 0; round < 20; round++) {
    const target = random.octets(32)
    const sorted = [...points.keys()].sort((a, b) =>
      Buffer.compare(distance(points[a]!, target), distance(points[b]!, target)),
    )
    assert.deepEqual(closestOf([...points.keys()], points, { target, count: 20 }), sorted.slice(0, 20))
  }
})

test('the virtual clock runs alarms in the order of their time, leaves out the disposed, and knows when it is stuck', async () => {
  const clock = new VirtualClock(0)
  const random = new Random('alarms')
  const heard: number[] = []
  for (let alarm = 0; alarm < 200; alarm++) clock.after(random.below(90), () => heard.push(clock.now()))
  clock.after(50, () => heard.push(-1))[Symbol.dispose]()
  await clock.advance(100)
  assert.equal(heard.length, 200)
  assert.deepEqual(
    heard,
    heard.toSorted((a, b) => a - b),
  )
  await assert.rejects(clock.run(new Promise(() => undefined)), StuckFault)
})

test('in honest networks of 200 what nobody owns is absent, and no neighbourhood is taken for crowded', async () => {
  const { notes } = await honestRow.run(small)
  assert.deepEqual(notes, ['200 nodes: suspected 0.00 % (0 of 40), said to be absent 100.00 % (40 of 40)'])
})

test('Sybils at all three places of a name are seen where they hide it', async () => {
  const { checks, notes } = await sybilsRow.run({ ...small, trials: 4 })
  assert.ok(
    checks.every(({ met }) => met),
    notes.join('\n'),
  )
  assert.match(notes[3] ?? '', /: 0 found, 4 suspected, 0 neither;/)
})
