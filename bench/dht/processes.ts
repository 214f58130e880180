/** What shows with nodes as people start them, each a process: half of them silent, and how much memory one takes. */
import { readFile } from 'node:fs/promises'
import { Workplace } from '../../test/cli/kadns.ts'
import { RunningNode } from '../../test/cli/running-node.ts'
import { until } from '../../test/support/until.ts'
import { quantile, told } from '../statistics.ts'
import { Nodes, progress, say } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

/** Processes: more of them take longer to know each other than the machine bears beside other work. */
const NODES = 14
const NAMES = 40
const PATIENCE = 120_000

/** Half of the nodes are stopped: their connections stay, and nothing comes from them. */
export async function benchSilent(): Promise<void> {
  await using place = await Workplace.open()
  progress(`silent: starting ${NODES} nodes`)
  const nodes = await startAll(place)
  const names: string[] = []
  for (let at = 0; at < NAMES; at++) names.push(await publishBy(nodes[at % nodes.length]!))
  const asker = await RunningNode.start(place, 'asker', `--dht-bootstrap=${nodes.at(-1)!.address}`)
  await knows(asker, NODES)
  const silent = nodes.slice(0, NODES / 2) // not the one it joined by
  for (const { process } of silent) process.kill('SIGSTOP')
  try {
    const found = await askAll(asker, names)
    const times = found.map(({ milliseconds }) => milliseconds)
    const answered = found.filter(({ isFound }) => isFound).length
    say(
      `silent: ${silent.length} of ${NODES} nodes stopped, ${answered} of ${NAMES} names found; ${told(times)}`,
    )
    say(`silent: the slowest took ${quantile(times, 1).toFixed(0)} ms`)
  } finally {
    for (const { process } of silent) process.kill('SIGCONT')
  }
}

/** Resident memory of a node as `kadns up` starts it, alone and with as many connections as asked. */
export async function benchMemory({ nodes: count }: SpeedOptions): Promise<void> {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'home')
  say(`memory: ${await residentMegabytes(node)} MB without a connection`)
  progress(`memory: joining ${count} nodes to it`)
  await using others = await Nodes.open(count, async () => ({ network: '', bootstrap: [node.address] }))
  await knows(node, count)
  say(`memory: ${await residentMegabytes(node)} MB with ${others.servers.length} nodes connected`)
}

async function startAll(place: Workplace): Promise<RunningNode[]> {
  const nodes: RunningNode[] = []
  for (let at = 0; at < NODES; at++) {
    const known = nodes.slice(-3).map(({ address }) => address)
    nodes.push(await RunningNode.start(place, `node-${at}`, `--dht-bootstrap=${known.join(',')}`))
  }
  for (const node of nodes) await knows(node, NODES - 1)
  return nodes
}

async function knows(node: RunningNode, count: number): Promise<void> {
  const seen = async () => (await node.get<{ peers: number }>('/v1/node')).peers
  await until(async () => (await seen()) >= count, PATIENCE)
}

async function publishBy(node: RunningNode): Promise<string> {
  const { name } = await node.publish([{ name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }])
  return `www.${name}`
}

async function askAll(asker: RunningNode, names: readonly string[]) {
  const outcomes: { isFound: boolean; milliseconds: number }[] = []
  for (const name of names) {
    const began = performance.now()
    const { answers } = await asker.get<{ answers: unknown[] }>(`/v1/resolve?name=${name}&type=A`)
    outcomes.push({ isFound: answers.length === 1, milliseconds: performance.now() - began })
  }
  return outcomes
}

async function residentMegabytes({ process }: RunningNode): Promise<number> {
  const status = await readFile(`/proc/${process.pid}/status`, 'latin1')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}
