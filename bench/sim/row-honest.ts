/** Row `honest`: names that nobody owns, in networks without any Sybil: how often a neighbourhood is taken for crowded. */
import { TestOwner } from '../../test/support/test-zone.ts'
import { atMost, percent } from './figures.ts'
import { SimNetwork } from './network.ts'
import { type Row, randomFor, type SimOptions } from './options.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Nodes, lookups, and in how many networks: each with other ids. */
const SIZES = [
  { nodes: 30, trials: 5000, networks: 50 },
  { nodes: 1000, trials: 3000, networks: 10 },
  { nodes: 10_000, trials: 2000, networks: 2 },
] as const
const OTHER_SIZE = { trials: 1000, networks: 10 } as const
/** Lookups of one node, which knows nothing before the first. */
const PER_NODE = 10

interface Outcome {
  readonly nodes: number
  readonly trials: number
  suspected: number
  absent: number
}

export const honestRow: Row = {
  name: 'honest',
  what: `names nobody owns, where no node lies; ${PER_NODE} of each asker`,
  run: async (options) => {
    const sizes = options.nodes === undefined ? SIZES : [{ ...OTHER_SIZE, nodes: options.nodes }]
    const outcomes: Outcome[] = []
    for (const { nodes, trials, networks } of sizes) {
      const outcome = { nodes, trials: options.trials ?? trials, suspected: 0, absent: 0 }
      for (let at = 0; at < networks; at++) await ask(outcome, { at, networks, options })
      outcomes.push(outcome)
    }
    return {
      trials: outcomes.reduce((sum, { trials }) => sum + trials, 0),
      nodes: outcomes.map(({ nodes }) => nodes).join(', '),
      checks: outcomes.map(({ nodes, trials, suspected }) =>
        atMost(1, { what: `${nodes} nodes, suspected of 1,000`, value: (1000 * suspected) / trials }),
      ),
      notes: outcomes.map(
        ({ nodes, trials, suspected, absent }) =>
          `${nodes} nodes: suspected ${percent(suspected, trials)}, said to be absent ${percent(absent, trials)}`,
      ),
    }
  },
}

/** One network's share of the lookups. */
async function ask(
  outcome: Outcome,
  { at, networks, options }: { at: number; networks: number; options: SimOptions },
): Promise<void> {
  const { nodes, trials } = outcome
  const clock = new VirtualClock()
  const name = `honest ${nodes} ${at}`
  options.progress(`${nodes} nodes: network ${at + 1} of ${networks}`)
  const network = new SimNetwork({ nodes, clock, options, name })
  const random = randomFor(options, name)
  const share = Math.floor(((at + 1) * trials) / networks) - Math.floor((at * trials) / networks)
  for (let done = 0; done < share; done += PER_NODE) {
    await using seeker = await clock.run(Seeker.open(network, random.pick(network.peers)))
    for (let each = done; each < Math.min(share, done + PER_NODE); each++) {
      const { key } = new TestOwner(() => clock.now(), random.octets(32))
      const lookup = await clock.run(seeker.find(key))
      if (lookup.kind === 'absent') outcome.absent++
      if (seeker.suspected.has(key.label)) outcome.suspected++
    }
  }
}
