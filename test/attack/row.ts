/** What a row of `npm run attack` is given, and what it says. */
import type { Behaviour } from './commands.ts'
import type { World } from './world.ts'

export interface Verdict {
  /** Shown as it is. */
  readonly seen: string
  readonly wanted: string
  readonly passed: boolean
}

export interface Row {
  readonly tried: string
  readonly nodes: number
  run(world: World, seed: string): Promise<Verdict>
}

interface Hostile {
  readonly behaviours: readonly Behaviour[]
  readonly seed: string
  /** Places in Kademlia's space that they stand near, hexadecimal, in turn. */
  readonly places?: readonly string[]
  readonly zone?: string
}

/** A hostile peer for each behaviour, each at an address of its own, all known to all nodes. */
export async function surround(
  world: World,
  { behaviours, seed, places = [], zone }: Hostile,
): Promise<void> {
  for (const [number, behaviour] of behaviours.entries()) {
    const { agent, ip } = await world.attacker()
    const near = places[number % Math.max(1, places.length)]
    const peer = { behaviour, listen: `/ip4/${ip}/tcp/4601`, seed: `${seed}/${number}` }
    await agent.do({ do: 'listen', ...peer, ...(near && { near }), ...(zone && { zone }) })
  }
  const addresses = world.nodes.map(({ address }) => address)
  await Promise.all(world.attackers.map((agent) => agent.do({ do: 'meet', addresses })))
}

/** How often hostile peers were asked. */
export async function servedBy(world: World): Promise<number> {
  const counts = await Promise.all(world.attackers.map((agent) => agent.do({ do: 'served' })))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** How often each value is among them: `3 new, 1 SERVFAIL`. */
export function tally(values: readonly string[]): string {
  const counts = Map.groupBy(values, (value) => value)
  return [...counts].map(([value, all]) => `${all.length} ${value}`).join(', ') || 'none'
}
