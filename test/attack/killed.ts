/** The row about deaths: sixty real nodes, forty-two of them killed in one moment. No attacker is needed. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { endProcess, type Machine } from '../support/machines.ts'
import type { Agent } from './commands.ts'
import { type Row, tally } from './row.ts'
import { type RealNode, readText, type World } from './world.ts'

const PROGRAM = join(import.meta.dirname, 'several-nodes.ts')
const PROCESSES = 10
const NODES_EACH = 6
const KILLED = 7
const ZONES = 100

interface Member {
  readonly dns: string
  readonly api: string
  readonly token: string
  readonly addresses: readonly string[]
}

interface Host {
  readonly machine: Machine
  readonly process: ChildProcess
  readonly nodes: readonly Member[]
}

/** It takes minutes: people see that it goes on. */
function say(sentence: string): void {
  process.stderr.write(`  ${sentence}\n`)
}

async function startHost(world: World, bootstrap: string): Promise<Host> {
  const { machine, ip } = await world.machine('node')
  const words = [PROGRAM, ip, String(NODES_EACH), world.files, bootstrap]
  const child = machine.spawn(words, ['ignore', 'pipe', 'inherit'])
  world.endAfterwards(child)
  let said = ''
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    said += String(chunk)
    if (said.includes('\n')) break
  }
  if (said === '') throw new Error(`${NODES_EACH} nodes did not start.`)
  const { nodes } = JSON.parse(said) as { nodes: Member[] }
  return { machine, process: child, nodes }
}

/** One zone of each node in turn. @returns the names, and of each on how many others it is */
async function publishAll(hosts: readonly Host[], agents: readonly Agent[]): Promise<[string, number][]> {
  const published: [string, number][] = []
  for (let number = 0; number < ZONES; number++) {
    const at = number % PROCESSES
    const node = (hosts[at] as Host).nodes[Math.floor(number / PROCESSES) % NODES_EACH] as Member
    const { api, token } = node
    const { name, storedOn } = await (agents[at] as Agent).do({ do: 'publish', api, token, text: 'found' })
    published.push([name, storedOn])
    if (published.length % PROCESSES === 0)
      say(`${published.length} zones are published, the last on ${storedOn} others`)
  }
  return published
}

async function askAll(ask: (name: string) => Promise<string>, names: readonly string[]): Promise<string> {
  const answers: string[] = []
  for (const name of names) answers.push(await ask(name))
  return tally(answers)
}

async function askAt({ machine }: Host, { dns }: Member, name: string): Promise<string> {
  return readText(await machine.reply(name, 'TXT', Number(dns.split(':').at(-1)))).text
}

async function newcomer(world: World, survivor: Member): Promise<RealNode> {
  const node = await world.prepare()
  await node.start(survivor.addresses[0] ?? '')
  await node.knows(1)
  return node
}

export const killed: Row = {
  tried: `${PROCESSES * NODES_EACH} nodes hold ${ZONES} zones; ${KILLED * NODES_EACH} get SIGKILL at once; a survivor and a newcomer are asked for all`,
  nodes: 0,
  async run(world) {
    const hosts: Host[] = []
    for (let number = 1; number <= PROCESSES; number++) {
      hosts.push(await startHost(world, hosts[0]?.nodes[0]?.addresses[0] ?? ''))
      say(`${number * NODES_EACH} nodes are up`)
    }
    const agents = hosts.map(({ machine }) => world.agentOn(machine))
    const published = await publishAll(hosts, agents)
    const names = published.map(([name]) => name)
    const fewest = Math.min(...published.map(([, storedOn]) => storedOn))
    const dying = hosts.slice(0, KILLED)
    await Promise.all(dying.map(({ process }) => endProcess(process, 'SIGKILL')))
    say(`${KILLED * NODES_EACH} are dead`)
    const [survivor] = hosts.slice(KILLED) as [Host]
    const [node] = survivor.nodes as [Member]
    const bySurvivor = await askAll(async (name) => await askAt(survivor, node, name), names)
    const fresh = await newcomer(world, node)
    const byNewcomer = await askAll((name) => fresh.ask(name), names)
    const all = `${ZONES} found`
    return {
      seen: `stored on ${fewest} others at least; the survivor answers ${bySurvivor}; the newcomer ${byNewcomer}`,
      wanted: `all ${ZONES}, from both`,
      passed: bySurvivor === all && byNewcomer === all,
    }
  },
}
