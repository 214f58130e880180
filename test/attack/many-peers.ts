/** The row about peers that name thousands of others: whom a node calls because of it, and how many it remembers. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { LevelDatastore } from 'datastore-level'
import { temporaryDirectory } from '../support/dht.ts'
import { TestOwner } from '../support/test-zone.ts'
import type { Agent } from './commands.ts'
import { CANARY_PORT, CROWD, GLOBAL_CANARIES, PRIVATE_CANARIES } from './crowd.ts'
import { type Row, servedBy, surround } from './row.ts'
import type { RealNode, World } from './world.ts'

const BEHAVIOURS = ['many', 'many', 'many', 'many'] as const
const QUESTIONS = 20
/** Milliseconds, in which a node looks for itself once more: every minute. */
const WATCHED = 75_000
const MAX_GLOBAL = 20
/** Peers a node may remember. */
const MAX_PEERS = 4000
/** One of each kind, where a call has to be noticed: else nothing is proved by silence. */
const CALLS = ['127.9.9.9', '10.9.9.9', '64.9.9.9']

/** Canaries on the victim's machine and on one that has all of 64.0.0.0/8. */
async function setCanaries(world: World, { machine }: RealNode): Promise<Agent[]> {
  const elsewhere = (await world.machine('attacker')).machine
  await machine.answerFor(PRIVATE_CANARIES)
  await elsewhere.answerFor(GLOBAL_CANARIES)
  const here = world.agentOn(machine)
  const agents = [here, world.agentOn(elsewhere)]
  for (const agent of agents) await agent.do({ do: 'watch', port: CANARY_PORT })
  for (const host of CALLS) await here.do({ do: 'call', host, port: CANARY_PORT })
  const heard = await dialled(agents)
  if (heard.toSorted().join() !== CALLS.toSorted().join())
    throw new Error(`The canaries do not hear: ${heard.join(', ')}`)
  return agents
}

async function dialled(agents: readonly Agent[]): Promise<string[]> {
  return (await Promise.all(agents.map((agent) => agent.do({ do: 'dials' })))).flat()
}

/** On disk, after the node has stopped. */
async function peersRemembered({ data }: RealNode): Promise<number> {
  await using copy = await temporaryDirectory()
  await cp(join(data, 'dht'), copy.path, { recursive: true })
  const datastore = new LevelDatastore(copy.path)
  await datastore.open()
  let count = 0
  for await (const key of datastore.queryKeys({})) if (key.toString().includes('/peers/')) count++
  await datastore.close()
  return count
}

export const crowded: Row = {
  tried: `${BEHAVIOURS.length} peers answer FIND_NODE, GET_VALUE, identify and our protocol with ${CROWD} peers or as many as fit, at loopback, private and global addresses`,
  nodes: 3,
  async run(world, seed) {
    const [victim] = world.nodes as [RealNode]
    const canaries = await setCanaries(world, victim)
    await surround(world, { behaviours: BEHAVIOURS, seed })
    for (let number = 0; number < QUESTIONS; number++)
      await victim.ask(`${new TestOwner().key.label}.kad.alt`)
    await setTimeout(WATCHED)
    const heard = (await dialled(canaries)).slice()
    for (const host of CALLS) heard.splice(heard.indexOf(host), 1)
    const of = (head: string) => heard.filter((address) => address.startsWith(head)).length
    const [loopback, near, far] = [of('127.'), of('10.'), of('64.')] as [number, number, number]
    const served = await servedBy(world)
    await victim.machine.stop()
    const peers = await peersRemembered(victim)
    return {
      seen: `asked ${served} times; calls to loopback ${loopback}, private ${near}, global ${far}; ${peers} peers remembered`,
      wanted: `0, 0, at most ${MAX_GLOBAL}; at most ${MAX_PEERS}`,
      passed: served > 0 && loopback === 0 && near === 0 && far <= MAX_GLOBAL && peers <= MAX_PEERS,
    }
  },
}
