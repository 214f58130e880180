/** Row `sybils`: 45 nodes of one hand sit next to a name, at one of its places or at all. They say that they take it, withhold it, and name one another. */
import { createHash } from 'node:crypto'
import { distance, kademliaId, type Replica } from '../../src/dht/record-key.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { atLeast, mean } from './figures.ts'
import { type Behaviour, SimNetwork, type SimPeer } from './network.ts'
import { type Check, type Row, randomFor, type SimOptions } from './options.ts'
import { Seeker } from './seeker.ts'
import { closestOf } from './space.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
const TRIALS = 200
const SYBILS = 45
const FEW_GROUPS = 3
/** Peer ids the attacker has made, to choose from: 200 for each node of the network. */
const IDS_PER_NODE = 200

/** More than stand closer to a place than the first honest node. */
const MANY = 10 * IDS_PER_NODE

/** The attacker's ids, in the order of their points. */
interface Made {
  readonly ids: readonly Uint8Array[]
  readonly points: readonly Uint8Array[]
  readonly ranks: readonly number[]
}

/** How the Sybils stand. */
interface Siege {
  readonly words: string
  readonly replicas: readonly Replica[]
  /** IP groups they are of, at each place. */
  readonly groups: number
  /** Whether they keep as far from the place as is still closer than every honest node, so as not to be seen. */
  readonly apart?: boolean
}

const ALL = [0, 1, 2] as const
const SIEGES: readonly Siege[] = [
  { words: `${FEW_GROUPS} IP groups, one place`, replicas: [0], groups: FEW_GROUPS },
  { words: 'each of a group of its own, one place', replicas: [0], groups: SYBILS },
  { words: `${FEW_GROUPS} IP groups, at each of the three places`, replicas: ALL, groups: FEW_GROUPS },
  { words: 'each of a group of its own, at each of the three places', replicas: ALL, groups: SYBILS },
  { words: 'the same, as far apart as hides the name', replicas: ALL, groups: SYBILS, apart: true },
]

export const sybilsRow: Row = {
  name: 'sybils',
  what: `${SYBILS} Sybils next to the name, before it is put`,
  run: async (options) => {
    const [nodes, trials] = [options.nodes ?? NODES, options.trials ?? TRIALS]
    const made = makeIds(nodes * IDS_PER_NODE, options)
    const checks: Check[] = []
    const notes: string[] = []
    for (const siege of SIEGES) {
      const outcomes: Outcome[] = []
      for (let trial = 0; trial < trials; trial++) {
        if (trial % 10 === 0) options.progress(`${siege.words}: ${trial} of ${trials}`)
        outcomes.push(await attack(made, siege, { nodes, trial, options }))
      }
      checks.push(checkOf(siege, outcomes))
      notes.push(noteOf(siege, outcomes))
    }
    return { trials, nodes: `${nodes} + ${SYBILS} at each place`, checks, notes }
  },
}

interface Outcome {
  readonly found: boolean
  readonly suspected: boolean
  readonly holders: number
  /** Sybils among the k closest to the first place. */
  readonly near: number
}

function checkOf({ words, groups }: Siege, outcomes: readonly Outcome[]): Check {
  const whole = outcomes.length
  const found = outcomes.filter((each) => each.found).length
  if (groups === FEW_GROUPS) return atLeast(0.995, { what: `found, ${words}`, part: found, whole })
  const part = outcomes.filter((each) => each.found || each.suspected).length
  return atLeast(0.99, { what: `found or suspected, ${words}`, part, whole })
}

function noteOf({ words }: Siege, outcomes: readonly Outcome[]): string {
  const count = (is: (each: Outcome) => boolean) => outcomes.filter(is).length
  const found = count((each) => each.found)
  const suspected = count((each) => !each.found && each.suspected)
  const holders = mean(outcomes.map((each) => each.holders)).toFixed(1)
  const near = mean(outcomes.map((each) => each.near)).toFixed(1)
  const neither = outcomes.length - found - suspected
  return `${words}: ${found} found, ${suspected} suspected, ${neither} neither; ${holders} honest holders, ${near} Sybils of the k closest`
}

async function attack(
  made: Made,
  siege: Siege,
  { nodes, trial, options }: { nodes: number; trial: number; options: SimOptions },
): Promise<Outcome> {
  const clock = new VirtualClock()
  const random = randomFor(options, `sybils ${trial}`)
  const owner = new TestOwner(() => clock.now(), random.octets(32))
  const needs = { nodes, clock, options, name: `sybils ${trial}` }
  const honest = siege.apart ? new SimNetwork(needs) : undefined
  const chosen = siege.replicas.map((replica) => choose(made, SimNetwork.placeOf(owner.key, replica), honest))
  const network = new SimNetwork({ ...needs, ids: [...new Set(chosen.flat())] })
  for (const ids of chosen) place(network, ids, siege.groups)
  const honestPeers = network.peers.filter(({ behaviour }) => !behaviour)
  const [publisher, asker] = random.sample(honestPeers, 2)
  await using source = await clock.run(Seeker.open(network, publisher!))
  await clock.run(source.put(owner.sign()))
  await using seeker = await clock.run(Seeker.open(network, asker!))
  const lookup = await clock.run(seeker.find(owner.key))
  const near = network.closest(SimNetwork.placeOf(owner.key, 0), options.config.maxAsked)
  return {
    found: lookup.kind === 'found',
    suspected: seeker.suspected.has(owner.key.label),
    holders: network.peers.filter(({ zones }) => zones.size > 0).length,
    near: near.filter(({ behaviour }) => behaviour).length,
  }
}

/** The closest to a place; or the farthest of those that are closer than every honest node. */
function choose(made: Made, target: Uint8Array, honest: SimNetwork | undefined): Uint8Array[] {
  const count = honest ? MANY : SYBILS
  const near = closestOf(made.ranks, made.points, { target, count })
  if (!honest) return near.map((rank) => made.ids[rank]!)
  const limit = distance(honest.closest(target, 1)[0]!.point, target)
  const closer = near.filter((rank) => Buffer.compare(distance(made.points[rank]!, target), limit) < 0)
  return closer.slice(-SYBILS).map((rank) => made.ids[rank]!)
}

/** They name only one another. */
function place(network: SimNetwork, ids: readonly Uint8Array[], groups: number): void {
  const sybils = network.peers.filter(({ contact }) => ids.includes(contact.id))
  for (const [at, sybil] of sybils.entries()) {
    sybil.behaviour = naming(sybils)
    sybil.group = `sybil ${at % groups} of ${groups}`
  }
}

function naming(sybils: readonly SimPeer[]): Behaviour {
  return (_, peer) => {
    const others = sybils.filter((other) => other !== peer).slice(0, 8)
    return { kind: 'absent', closer: others.map(({ contact }) => contact) }
  }
}

function makeIds(count: number, { seed }: SimOptions): Made {
  const made = Array.from({ length: count }, (_, at) => {
    const id = createHash('sha256').update(`${seed} attacker ${at}`).digest()
    return { id, point: kademliaId(id) }
  })
  made.sort((a, b) => Buffer.compare(a.point, b.point))
  return {
    ids: made.map(({ id }) => id),
    points: made.map(({ point }) => point),
    ranks: Array.from(made.keys()),
  }
}
