/** The row about too much: tens of thousands of signed zones from a few addresses, and octets without end. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_FRAME_OCTETS } from '../../src/dht/frames.ts'
import type { Agent, Way } from './commands.ts'
import { type Row, tally } from './row.ts'
import type { RealNode, World } from './world.ts'

const RECORDS = 50_000
const ADDRESSES = 4
const LARGE = 3_900_000
const ZONES = 5
/** Zones of others, of config/default.toml, and octets on disk that one may take: zone, floor and database around them. */
const MAX_ZONES = 50_000
const OCTETS_OF_ZONE = 1500
const MAX_DISK = MAX_ZONES * OCTETS_OF_ZONE
/** What is written before it is cut off: a frame, and what was under way when it was. */
const MAX_WRITTEN = 2 * MAX_FRAME_OCTETS
/** What the memory of a node may move by, by itself. */
const MAX_GROWTH = 32 * 2 ** 20

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map((file) => stat(join(file.parentPath, file.name)).catch(() => undefined)),
  )
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0)
}

/** Zones of each of the nodes; the first node is the victim. */
async function publishAll(nodes: readonly RealNode[]): Promise<string[]> {
  const names: string[] = []
  for (const node of nodes)
    for (let number = 0; number < ZONES; number++) {
      const { key, name } = await node.makeZone()
      await node.publish(key, 'mine')
      names.push(name)
    }
  return names
}

/** All at once; by our protocol, the last address by kad-dht's. */
async function floodAll(world: World, to: string): Promise<Record<string, number>> {
  const agents: Agent[] = []
  for (let number = 0; number < ADDRESSES; number++) agents.push((await world.attacker()).agent)
  const told = await Promise.all(
    agents.map((agent, at) => {
      const by: Way = at === ADDRESSES - 1 ? 'kad' : 'zone'
      return agent.do({ do: 'flood', to, count: RECORDS / ADDRESSES, by })
    }),
  )
  const all: Record<string, number> = {}
  for (const [answer, count] of told.flatMap(Object.entries<number>)) all[answer] = (all[answer] ?? 0) + count
  return all
}

interface Large {
  readonly written: Record<Way, number>
  /** Of memory, in octets, with as many such records begun as there are streams. */
  readonly growth: Record<Way, number>
}

async function sendLarge(agent: Agent, victim: RealNode): Promise<Large> {
  const written = { zone: 0, kad: 0 }
  const growth = { zone: 0, kad: 0 }
  for (const by of ['zone', 'kad'] as const) {
    written[by] = await agent.do({ do: 'trickle', to: victim.address, by, octets: LARGE })
    const before = await victim.machine.memory()
    await agent.do({ do: 'hold', to: victim.address, by, octets: LARGE })
    growth[by] = (await victim.machine.memory()) - before
  }
  return { written, growth }
}

const megabytes = (octets: number) => `${(octets / 2 ** 20).toFixed(1)} MB`

export const flooded: Row = {
  tried: `${RECORDS} zones signed by new keys, from ${ADDRESSES} addresses, one of them by kad-dht; then a record of 3.9 MB by either protocol`,
  nodes: 3,
  async run(world) {
    const [victim] = world.nodes as [RealNode]
    const names = await publishAll(world.nodes)
    const atFirst = await victim.machine.memory()
    const told = await floodAll(world, victim.address)
    const flooded = await victim.machine.memory()
    const large = await sendLarge(world.attackers[0] as Agent, victim)
    const disk = await sizeOf(victim.data)
    // The others are gone: what the victim answers now, it still holds.
    for (const node of world.nodes.slice(1)) await node.machine.stop()
    await victim.machine.stop()
    await victim.start('')
    const answers: string[] = []
    for (const name of names) answers.push(await victim.ask(name))
    const { written, growth } = large
    const isCut = written.zone <= MAX_WRITTEN && written.kad <= MAX_WRITTEN
    const isSmall = growth.zone <= MAX_GROWTH && growth.kad <= MAX_GROWTH
    return {
      seen:
        `told ${Object.entries(told)
          .map(([answer, count]) => `${count} ${answer}`)
          .join(', ')}; disk ${megabytes(disk)}; ` +
        `its own ${ZONES} zones and ${names.length - ZONES} of others, asked after a restart alone: ${tally(answers)}; ` +
        `of 3.9 MB written before the cut ${written.zone} octets, by kad-dht ${written.kad}; ` +
        `16 at once: memory ${megabytes(growth.zone)} more, by kad-dht ${megabytes(growth.kad)} more; before the flood ${megabytes(atFirst)}, after it ${megabytes(flooded)}`,
      wanted: `disk ${megabytes(MAX_DISK)} at most, all mine, cut within ${MAX_WRITTEN}, memory within ${megabytes(MAX_GROWTH)}`,
      passed: disk <= MAX_DISK && isCut && isSmall && answers.every((answer) => answer === 'mine'),
    }
  },
}
