/** Row `night`: the publisher is gone for six days of seven, and half of all nodes are others each day. */
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { atLeast, atMost } from './figures.ts'
import { SimNetwork, type SimPeer } from './network.ts'
import { type Row, randomFor, type SimOptions } from './options.ts'
import type { Random } from './random.ts'
import { Seeker } from './seeker.ts'
import { VirtualClock } from './virtual-clock.ts'

const NODES = 1000
/** Zones; each is asked for once a day until its signed expiry, and once behind it. */
const TRIALS = 500
const HOUR = 3_600_000
const DAY = 24 * HOUR
const HOURS = 168

export const nightRow: Row = {
  name: 'night',
  what: 'the publisher is off for 6 days of 7, half of all nodes are replaced each day (trials: zones)',
  run: async (options) => {
    const [nodes, trials] = [options.nodes ?? NODES, options.trials ?? TRIALS]
    const kept = await week(options, { nodes, trials, keeping: true })
    const without = await week(options, { nodes, trials, keeping: false })
    return {
      trials,
      nodes: String(nodes),
      checks: [
        atLeast(0.999, { what: 'found until the signed expiry', part: kept.before, whole: 7 * trials }),
        atMost(0, { what: 'found after it', value: kept.after }),
      ],
      notes: [
        'how holders keep zones alive is played by its rule here, not by the code of a node',
        `holders put a zone again ${(kept.kept / trials / 7).toFixed(1)} times a day`,
        `were holders to keep nothing alive, but for what lookups correct: ${((100 * without.before) / (7 * trials)).toFixed(1)} % found`,
      ],
    }
  },
}

interface Week {
  /** Questions answered before the zones expired, and after. */
  before: number
  after: number
  /** Times a holder put a zone again. */
  kept: number
}

async function week(
  options: SimOptions,
  { nodes, trials, keeping }: { readonly nodes: number; readonly trials: number; readonly keeping: boolean },
): Promise<Week> {
  const network = new SimNetwork({ nodes, clock: new VirtualClock(), options, name: 'night' })
  const random = randomFor(options, 'night')
  const zones = putAll(network, { trials, random })
  const began = network.clock.now()
  const result: Week = { before: 0, after: 0, kept: 0 }
  for (let hour = 1; hour <= HOURS + 1; hour++) {
    if (hour % 24 === 0) options.progress(`${keeping ? 'with' : 'without'} keeping: hour ${hour}`)
    await network.clock.advance(Math.max(0, began + hour * HOUR - network.clock.now()))
    for (const peer of replaced(network, random)) peer.zones.clear()
    if (keeping) result.kept += await keepAllAlive(network, zones)
    if (hour > HOURS) result.after += await answered(network, zones, random)
    else if (hour % 24 === 23) result.before += await answered(network, zones, random)
  }
  return result
}

function putAll(
  network: SimNetwork,
  { trials, random }: { readonly trials: number; readonly random: Random },
): SignedZone[] {
  const now = () => network.clock.now()
  const zones = Array.from({ length: trials }, () => new TestOwner(now, random.octets(32)).sign())
  for (const zone of zones) for (const peer of closestTo(network, zone)) network.store(peer, zone)
  return zones
}

async function keepAllAlive(network: SimNetwork, zones: readonly SignedZone[]): Promise<number> {
  let kept = 0
  for (const zone of zones) kept += await keepAlive(network, zone)
  return kept
}

function closestTo(network: SimNetwork, { key }: SignedZone): SimPeer[] {
  return network.closest(SimNetwork.placeOf(key, 0), network.options.config.maxAsked)
}

/** A node that takes another's place in the space holds nothing; by the hour, so that half are others after a day. */
function replaced({ peers }: SimNetwork, random: Random): SimPeer[] {
  return random.sample(peers, Math.round(peers.length * (1 - 0.5 ** (HOUR / DAY))))
}

/**
 * By its rule: a holder among the 20 closest to which nobody has put the zone for a day, a quarter more or less, reads it
 * again from the 20 closest and puts it on them. @returns how many did
 */
async function keepAlive(network: SimNetwork, zone: SignedZone): Promise<number> {
  const { clock } = network
  let kept = 0
  for (const peer of closestTo(network, zone)) {
    const put = peer.put.get(zone.key.label) ?? Infinity
    const patience = DAY * (0.75 + 0.5 * (peer.point[31]! / 255))
    if (zone.expires <= clock.now() || !peer.zones.has(zone.key.label) || clock.now() - put < patience)
      continue
    await using seeker = await clock.run(Seeker.open(network, peer))
    await clock.run(seeker.put(zone))
    network.store(peer, zone)
    kept++
  }
  return kept
}

async function answered(network: SimNetwork, zones: readonly SignedZone[], random: Random): Promise<number> {
  const ask = async ({ key }: SignedZone): Promise<boolean> => {
    await using seeker = await Seeker.open(network, random.pick(network.peers))
    const lookup = await seeker.find(key)
    await seeker.finder.idle()
    return lookup.kind === 'found'
  }
  const answers = await network.clock.run(Promise.all(zones.map(ask)))
  return answers.filter(Boolean).length
}
