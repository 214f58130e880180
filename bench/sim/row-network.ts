/** Row `network`: what a lookup costs while all is well, and how that grows. */
import { TestOwner } from '../../test/support/test-zone.ts'
import { atMost, mean, quantile, spreadOf } from './figures.ts'
import { SimNetwork } from './network.ts'
import { type Row, type RowResult, randomFor } from './options.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

const SIZES = [1000, 10_000]
const LARGE = 1_000_000
const TRIALS = 1000
/** Names per node, to see how many records each has to hold. */
const NAMES_PER_NODE = 10

interface Cost {
  readonly nodes: number
  /** Round trips until the answer. */
  readonly roundTrips: number[]
  readonly hops: number[]
  /** Requests until the answer. */
  readonly messages: number[]
  /** Requests until the walk behind the answer had ended too. */
  readonly all: number[]
  readonly dials: number[]
  missed: number
}

export const networkRow: Row = {
  name: 'network',
  what: 'a lookup while all is well; a dial counts as 5 round trips',
  run: async (options) => {
    const sizes = options.nodes ? [options.nodes] : SIZES
    const trials = options.trials ?? TRIALS
    const costs: Cost[] = []
    const notes: string[] = []
    for (const nodes of sizes) {
      const network = new SimNetwork({ nodes, clock: new VirtualClock(), options, name: `network ${nodes}` })
      costs.push(await costOf(network, trials))
      const without = await costOf(network, trials, false)
      notes.push(...notesOf(costs.at(-1)!, network), ...plainly(without), recordsOf(network))
    }
    const [small, large] = costs
    if (small && large) notes.push(...growth(small, large))
    return { trials, nodes: sizes.join(', '), checks: costs.flatMap(checksOf), notes }
  },
}

async function costOf(network: SimNetwork, trials: number, forwarding = true): Promise<Cost> {
  const { clock, options, peers } = network
  const random = randomFor(options, `network ${peers.length}`)
  const empty = () => ({ roundTrips: [], hops: [], messages: [], all: [], dials: [] })
  const cost: Cost = { nodes: peers.length, ...empty(), missed: 0 }
  for (let trial = 0; trial < trials; trial++) {
    if (trial % 100 === 0) options.progress(`${peers.length} nodes: ${trial} of ${trials}`)
    const owner = new TestOwner(() => clock.now(), random.octets(32))
    const zone = owner.sign()
    const holders = network.closest(SimNetwork.placeOf(owner.key, 0), options.config.maxAsked)
    for (const holder of holders) network.store(holder, zone)
    const asker = random.pick(peers.filter((peer) => !holders.includes(peer)))
    await using seeker = await clock.run(Seeker.open(network, asker))
    seeker.forwarding = forwarding
    const before = { messages: network.messages, dials: network.dials }
    const lookup = await clock.run(seeker.find(owner.key))
    if (lookup.kind !== 'found') cost.missed++
    cost.roundTrips.push(lookup.effort.milliseconds / options.roundTrip)
    cost.hops.push(lookup.effort.hops)
    cost.messages.push(seeker.atAnswer.messages - before.messages)
    cost.dials.push(seeker.atAnswer.dials - before.dials)
    await clock.run(seeker.finder.idle())
    cost.all.push(network.messages - before.messages)
    for (const peer of peers) peer.zones.clear()
  }
  return cost
}

function checksOf(cost: Cost): RowResult['checks'] {
  const what = (words: string) => `${cost.nodes} nodes, ${words}`
  const missed = atMost(0, { what: what('names not found'), value: cost.missed })
  if (cost.nodes !== 10_000) return [missed]
  return [
    missed,
    atMost(2.2, { what: what('round trips, median'), value: quantile(cost.roundTrips, 0.5) }),
    atMost(4.5, { what: what('round trips, p99'), value: quantile(cost.roundTrips, 0.99) }),
    atMost(8, { what: what('messages, p99'), value: quantile(cost.messages, 0.99) }),
  ]
}

function notesOf(cost: Cost, { peers }: SimNetwork): string[] {
  const of = `${cost.nodes} nodes`
  return [
    `${of}: round trips ${spreadOf(cost.roundTrips)}`,
    `${of}: hops ${spreadOf(cost.hops)}; a relay counts as one`,
    `${of}: messages to the answer ${spreadOf(cost.messages)}; with the walk behind it ${spreadOf(cost.all)}`,
    `${of}: dials to the answer ${spreadOf(cost.dials)}`,
    `${of}: a node knows ${mean(peers.map(({ table }) => table.length)).toFixed(0)} and is connected with ${mean(peers.map(({ links }) => links.size)).toFixed(0)}`,
  ]
}

function plainly(cost: Cost): string[] {
  const of = `${cost.nodes} nodes, without forwarding`
  return [
    `${of}: round trips ${spreadOf(cost.roundTrips)}`,
    `${of}: messages ${spreadOf(cost.messages)}; dials ${spreadOf(cost.dials)}`,
  ]
}

/** What is measured at two sizes, drawn on as a straight line over the logarithm of the size. */
function growth(small: Cost, large: Cost): string[] {
  const decades = (from: number, to: number) => Math.log10(to / from)
  const drawn = (of: (cost: Cost) => number) => {
    const slope = (of(large) - of(small)) / decades(small.nodes, large.nodes)
    return (of(large) + slope * decades(large.nodes, LARGE)).toFixed(1)
  }
  const [trips, hops, messages] = [
    drawn((cost) => mean(cost.roundTrips)),
    drawn((cost) => mean(cost.hops)),
    drawn((cost) => mean(cost.messages)),
  ]
  return [
    `1,000,000 nodes, computed from the growth of the means: ${trips} round trips, ${hops} hops, ${messages} messages`,
  ]
}

function recordsOf(network: SimNetwork): string {
  const { peers, options } = network
  const random = randomFor(options, `records ${peers.length}`)
  const held = new Array<number>(peers.length).fill(0)
  for (let name = 0; name < NAMES_PER_NODE * peers.length; name++) {
    for (const { rank } of network.closest(random.octets(32), options.config.maxAsked)) held[rank]!++
  }
  return `${peers.length} nodes: with ${NAMES_PER_NODE} names per node a node holds ${mean(held).toFixed(0)} records on average, ${Math.max(...held)} at most`
}
