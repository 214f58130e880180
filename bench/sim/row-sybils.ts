/** Row `sybils`: 45 nodes of one hand sit next to a name. They say that they take it, withhold it, and name one another. */
import { createHash } from 'node:crypto'
import { kademliaId } from '../../src/dht/record-key.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { atLeast, mean } from './figures.ts'
import { type Behaviour, SimNetwork, type SimPeer } from './network.ts'
import { type Row, randomFor, type SimOptions } from './options.ts'
import { Seeker } from './seeker.ts'
import { closestOf } from './space.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
const TRIALS = 200
const SYBILS = 45
const FEW_GROUPS = 3
/** Peer ids the attacker has made, to choose from: 200 for each node of the network. */
const IDS_PER_NODE = 200

interface Id {
  readonly id: Uint8Array
  readonly point: Uint8Array
}

export const sybilsRow: Row = {
  name: 'sybils',
  what: `${SYBILS} Sybils next to the name, before it is put`,
  run: async (options) => {
    const [nodes, trials] = [options.nodes ?? NODES, options.trials ?? TRIALS]
    const made = makeIds(nodes * IDS_PER_NODE, options)
    const rounds = async (groups: number) => {
      const outcomes: Outcome[] = []
      for (let trial = 0; trial < trials; trial++) {
        if (trial % 10 === 0) options.progress(`${groups} IP groups: ${trial} of ${trials}`)
        outcomes.push(await attack(made, { nodes, groups, trial, options }))
      }
      return { outcomes, found: outcomes.filter((outcome) => outcome.found).length }
    }
    const few = await rounds(FEW_GROUPS)
    const many = await rounds(SYBILS)
    return {
      trials,
      nodes: `${nodes} + ${SYBILS}`,
      checks: [
        atLeast(0.995, { what: `found, Sybils of ${FEW_GROUPS} IP groups`, part: few.found, whole: trials }),
        atLeast(0.99, { what: 'found, each Sybil of a group of its own', part: many.found, whole: trials }),
      ],
      notes: [
        ...[few, many].flatMap(({ outcomes }, at) => [
          `${at === 0 ? 'few' : 'many'} groups: honest nodes that hold the zone: ${mean(outcomes.map(({ holders }) => holders)).toFixed(1)}`,
        ]),
        `of the 20 closest to the name, Sybils: ${mean(few.outcomes.map(({ near }) => near)).toFixed(1)}`,
      ],
    }
  },
}

interface Outcome {
  readonly found: boolean
  readonly holders: number
  readonly near: number
}

async function attack(
  made: readonly Id[],
  { nodes, groups, trial, options }: { nodes: number; groups: number; trial: number; options: SimOptions },
): Promise<Outcome> {
  const clock = new VirtualClock()
  const random = randomFor(options, `sybils ${trial}`)
  const owner = new TestOwner(() => clock.now(), random.octets(32))
  const target = SimNetwork.placeOf(owner.key, 0)
  const points = made.map(({ point }) => point)
  const chosen = closestOf([...points.keys()], points, { target, count: SYBILS }).map((at) => made[at]!.id)
  const network = new SimNetwork({ nodes, clock, options, name: `sybils ${trial}`, ids: chosen })
  const sybils = network.peers.filter(({ contact }) => chosen.includes(contact.id))
  for (const [at, sybil] of sybils.entries()) {
    sybil.behaviour = naming(sybils)
    sybil.group = `sybil ${at % groups}`
  }
  const [publisher, asker] = random.sample(
    network.peers.filter(({ behaviour }) => !behaviour),
    2,
  )
  await using source = await clock.run(Seeker.open(network, publisher!))
  await clock.run(source.put(owner.sign()))
  await using seeker = await clock.run(Seeker.open(network, asker!))
  const lookup = await clock.run(seeker.find(owner.key))
  const near = network.closest(target, options.config.maxAsked).filter((peer) => sybils.includes(peer))
  const holders = network.peers.filter(({ zones }) => zones.size > 0)
  return { found: lookup.kind === 'found', holders: holders.length, near: near.length }
}

function naming(sybils: readonly SimPeer[]): Behaviour {
  return (_, peer) => {
    const others = sybils.filter((other) => other !== peer).slice(0, 8)
    return { kind: 'absent', closer: others.map(({ contact }) => contact) }
  }
}

/** In the order of their points. */
function makeIds(count: number, { seed }: SimOptions): Id[] {
  const ids = Array.from({ length: count }, (_, at) => {
    const id = createHash('sha256').update(`${seed} attacker ${at}`).digest()
    return { id, point: kademliaId(id) }
  })
  return ids.sort((a, b) => Buffer.compare(a.point, b.point))
}
