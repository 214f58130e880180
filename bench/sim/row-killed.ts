/** Rows `killed-70` and `killed-90`: most nodes are gone at once, and nobody has noticed. */

import type { Replica } from '../../src/dht/record-key.ts'
import type { Lookup } from '../../src/zone/directory.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { atLeast, percent, spreadOf } from './figures.ts'
import { SimNetwork, type SimPeer } from './network.ts'
import { type Row, type RowResult, randomFor, type SimOptions } from './options.ts'
import type { Random } from './random.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
const TRIALS = 3000
const REPLICAS: readonly Replica[] = [0, 1, 2]
/** A network has its dead drawn anew after so many lookups. */
const TRIALS_PER_DRAW = 100

interface Killing {
  readonly share: number
  readonly found: number
}

export const killed70Row = killedRow('killed-70', { share: 0.7, found: 0.999 })
export const killed90Row = killedRow('killed-90', { share: 0.9, found: 0.97 })

function killedRow(name: string, killing: Killing): Row {
  const what = `${100 * killing.share} % of all nodes are killed at once, right after a zone was put`
  return { name, what, run: (options) => run(options, killing) }
}

async function run(options: SimOptions, { share, found: least }: Killing): Promise<RowResult> {
  const nodes = options.nodes ?? NODES
  const trials = options.trials ?? TRIALS
  const network = new SimNetwork({ nodes, clock: new VirtualClock(), options, name: 'killed' })
  const random = randomFor(options, `killed ${share}`)
  const outcomes: Outcome[] = []
  for (let trial = 0; trial < trials; trial++) {
    if (trial % TRIALS_PER_DRAW === 0) {
      options.progress(`${trial} of ${trials}`)
      kill(network, random.sample(network.peers, Math.round(nodes * share)))
    }
    outcomes.push(await lookUp(network, random))
  }
  const found = outcomes.filter((outcome) => outcome.lookup.kind === 'found')
  const held = outcomes.filter(({ isHeld }) => isHeld)
  return {
    trials,
    nodes: String(nodes),
    checks: [atLeast(least, { what: 'names found', part: found.length, whole: trials })],
    notes: [
      `of replica 0 a holder was left: ${percent(held.length, trials)}`,
      `round trips of those found: ${spreadOf(found.map(({ lookup }) => lookup.effort.milliseconds / options.roundTrip))}`,
    ],
  }
}

interface Outcome {
  readonly lookup: Lookup
  /** Whether one of those of replica 0 is alive. */
  readonly isHeld: boolean
}

function kill(network: SimNetwork, victims: readonly SimPeer[]): void {
  for (const peer of network.peers) peer.dead = false
  for (const peer of victims) peer.dead = true
}

async function lookUp(network: SimNetwork, random: Random): Promise<Outcome> {
  const { clock, peers } = network
  const owner = new TestOwner(() => clock.now(), random.octets(32))
  const zone = owner.sign()
  const holders = REPLICAS.map((replica) => holdersOf(network, { key: owner.key, replica }))
  for (const holder of holders.flat()) network.store(holder, zone)
  const [first = []] = holders
  const asker = random.pick(peers.filter((peer) => !peer.dead && !first.includes(peer)))
  await using seeker = await clock.run(Seeker.open(network, asker))
  const lookup = await clock.run(seeker.find(owner.key))
  for (const holder of holders.flat()) holder.zones.clear()
  return { lookup, isHeld: first.some(({ dead }) => !dead) }
}

function holdersOf(network: SimNetwork, { key, replica }: { key: PublicKey; replica: Replica }): SimPeer[] {
  return network.closest(SimNetwork.placeOf(key, replica), network.options.config.maxAsked)
}
