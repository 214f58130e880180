/** Row `liars`: three of ten nodes lie, each in one of four ways. */
import type { Lookup } from '../../src/zone/directory.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { atLeast, atMost, percent } from './figures.ts'
import { type Behaviour, SimNetwork, type SimPeer } from './network.ts'
import { type Row, type RowResult, randomFor, type SimOptions } from './options.ts'
import type { Random } from './random.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
const TRIALS = 3000
const SHARE = 0.3
/** Milliseconds within which the newest has to be the answer, and between two questions. */
const PATIENCE = 10_000
const BETWEEN = 1000
/** Milliseconds before the first question at which the newest was put. */
const PUBLISHED_BEFORE = 61_000

/** What the lookups of one trial are about. */
interface Scene {
  old: SignedZone
  newest: SignedZone
}

interface Outcome {
  readonly inTime: boolean
  readonly firstOlder: boolean
  readonly forged: boolean
}

export const liarsRow: Row = {
  name: 'liars',
  what: '30 % of all nodes lie: withhold, send garbage, send what is old, name only one another',
  run: async (options) => {
    const trials = options.trials ?? TRIALS
    const without = await run(options, { trials, floor: false })
    const withFloor = await run(options, { trials, floor: true })
    const both = [...without, ...withFloor]
    const count = (outcomes: readonly Outcome[], of: keyof Outcome) =>
      outcomes.filter((each) => each[of]).length
    return {
      trials: both.length,
      nodes: String(options.nodes ?? NODES),
      checks: [
        ...[without, withFloor].map((outcomes, at) =>
          atLeast(0.999, {
            what: `the newest within 10 s, ${at === 0 ? 'asker new to the name' : 'asker with a floor'}`,
            part: count(outcomes, 'inTime'),
            whole: trials,
          }),
        ),
        atMost(0, { what: 'answers that nobody signed', value: count(both, 'forged') }),
      ],
      notes: [
        `first answers that were older, asker new to the name: ${percent(count(without, 'firstOlder'), trials)}`,
        `first answers that were older, asker with a floor: ${percent(count(withFloor, 'firstOlder'), trials)}`,
      ],
    } satisfies RowResult
  },
}

async function run(
  options: SimOptions,
  { trials, floor }: { readonly trials: number; readonly floor: boolean },
): Promise<Outcome[]> {
  const clock = new VirtualClock()
  const network = new SimNetwork({ nodes: options.nodes ?? NODES, clock, options, name: 'liars' })
  const random = randomFor(options, 'liars')
  const scene: Partial<Scene> = {}
  const liars = random.sample(network.peers, Math.round(network.peers.length * SHARE))
  const ways = waysToLie(network, { liars, scene, random })
  for (const [at, liar] of liars.entries()) liar.behaviour = ways[at % ways.length]
  const outcomes: Outcome[] = []
  for (let trial = 0; trial < trials; trial++) {
    if (trial % 100 === 0) options.progress(`${floor ? 'with' : 'without'} a floor: ${trial} of ${trials}`)
    outcomes.push(await lookUp(network, { scene, random, floor }))
  }
  return outcomes
}

async function lookUp(
  network: SimNetwork,
  { scene, random, floor }: { scene: Partial<Scene>; random: Random; floor: boolean },
): Promise<Outcome> {
  const { clock, options, peers } = network
  const owner = new TestOwner(() => clock.now(), random.octets(32))
  const old = owner.sign('old', { behind: 3_600_000 })
  const newest = owner.sign('new')
  Object.assign(scene, { old, newest })
  const holders = network.closest(SimNetwork.placeOf(owner.key, 0), options.config.maxAsked)
  for (const holder of holders) if (!holder.behaviour) network.store(holder, newest)
  await clock.advance(PUBLISHED_BEFORE)
  const asker = random.pick(peers.filter((peer) => !peer.behaviour && !holders.includes(peer)))
  await using seeker = await clock.run(Seeker.open(network, asker))
  if (floor) await clock.run(seeker.store.raiseFloor(newest))
  const outcome = await outcomeOf(seeker, { old, newest, clock })
  for (const holder of holders) holder.zones.clear()
  return outcome
}

/** Asks again and again, as a resolver would whose clients do. */
async function outcomeOf(
  seeker: Seeker,
  { old, newest, clock }: Scene & { readonly clock: VirtualClock },
): Promise<Outcome> {
  const began = clock.now()
  let first: Lookup | undefined
  let forged = false
  let inTime = false
  while (!inTime && clock.now() - began < PATIENCE) {
    const lookup = await clock.run(seeker.find(newest.key))
    first ??= lookup
    const octets = lookup.kind === 'found' ? Buffer.from(lookup.zone.bytes) : undefined
    inTime = octets?.equals(newest.bytes) === true && clock.now() - began <= PATIENCE
    forged ||= octets !== undefined && !octets.equals(newest.bytes) && !octets.equals(old.bytes)
    if (!inTime) await clock.advance(BETWEEN)
  }
  await clock.run(seeker.finder.idle())
  return { inTime, forged, firstOlder: first?.kind === 'found' && first.zone.sequence < newest.sequence }
}

function waysToLie(
  network: SimNetwork,
  { liars, scene, random }: { liars: readonly SimPeer[]; scene: Partial<Scene>; random: Random },
): Behaviour[] {
  const names = new Set(liars)
  return [
    (request, peer) => ({ kind: 'absent', closer: network.closer(request, peer) }),
    (request, peer) => {
      const bytes = Buffer.from(scene.newest!.bytes)
      bytes[32 + random.below(bytes.length - 32)]! ^= 1 + random.below(255)
      return { kind: 'found', bytes, closer: network.closer(request, peer) }
    },
    (request, peer) => ({ kind: 'found', bytes: scene.old!.bytes, closer: network.closer(request, peer) }),
    (request) => {
      const place = SimNetwork.placeOf(scene.newest!.key, request.replica)
      const near = network.closest(place, network.peers.length > 200 ? 200 : network.peers.length)
      const friends = near.filter((peer) => names.has(peer)).slice(0, 8)
      return { kind: 'absent', closer: friends.map(({ contact }) => contact) }
    },
  ]
}
