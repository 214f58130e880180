/** Row `keeper`: a node that keeps 10,000 zones hands all of them to the network again. */
import { TestOwner } from '../../test/support/test-zone.ts'
import { atMost, mean } from './figures.ts'
import { SimNetwork } from './network.ts'
import { type Row, randomFor } from './options.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
const ZONES = 10_000
const SECONDS = 120
const MICROSECONDS = 1_000_000

export const keeperRow: Row = {
  name: 'keeper',
  what: 'a node hands 10,000 zones to 1,000 nodes again (trials: zones)',
  run: async (options) => {
    const [nodes, trials] = [options.nodes ?? NODES, options.trials ?? ZONES]
    const clock = new VirtualClock()
    const network = new SimNetwork({ nodes, clock, options, name: 'keeper' })
    const random = randomFor(options, 'keeper')
    options.progress('signing')
    const zones = Array.from({ length: trials }, () =>
      new TestOwner(() => clock.now(), random.octets(32)).sign(),
    )
    await using seeker = await clock.run(Seeker.open(network, network.peers[0]!))
    const before = process.cpuUsage()
    const began = clock.now()
    const storedOn: number[] = []
    for (const [at, zone] of zones.entries()) {
      if (at % 500 === 0) options.progress(`${at} of ${trials}`)
      storedOn.push(await clock.run(seeker.put(zone)))
    }
    const { user, system } = process.cpuUsage(before)
    const refused = storedOn.filter((count) => count < Math.min(options.config.maxAsked, nodes - 1)).length
    return {
      trials,
      nodes: String(nodes),
      checks: [
        atMost(SECONDS, { what: 'seconds of processor time', value: (user + system) / MICROSECONDS }),
        atMost(0, { what: 'zones that not all of the 20 took', value: refused }),
      ],
      notes: [
        `stored on ${mean(storedOn).toFixed(1)} nodes each; one after the other it takes ${((clock.now() - began) / 60_000).toFixed(0)} minutes of the network's time`,
        'the processor time is that of the keeper and of all 1,000 nodes together, signatures apart',
      ],
    }
  },
}
