/** `npm run demo`: eight nodes, a name published on one, asked for on another, and what is left when most of them are killed. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Workplace } from '../test/cli/kadns.ts'
import { RunningNode } from '../test/cli/running-node.ts'

const COUNT = 8

const began = performance.now()
const place = await Workplace.open()

function say(sentence: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${seconds} s  ${sentence}\n`)
}

/** Node 1 is the first. */
async function startNode(number: number, bootstrap: readonly RunningNode[]): Promise<RunningNode> {
  const addresses = bootstrap.map(({ address }) => address).join(',')
  return await RunningNode.start(place, String(number), `--dht-bootstrap=${addresses}`)
}

interface Asked {
  readonly answers: readonly { value: string }[]
  readonly from: string
  readonly rcode: string
  readonly lookup?: { asked: number; hops: number; milliseconds: number }
}

/** Asks with dig where it is installed; the hops are what the node tells over REST afterwards. */
async function ask(number: number, node: RunningNode, name: string): Promise<boolean> {
  const [host = '', port = ''] = node.dns.split(':')
  const dig = spawnSync(
    'dig',
    [`@${host}`, '-p', port, name, 'A', '+tries=1', '+noall', '+answer', '+stats'],
    { encoding: 'utf8' },
  )
  const { answers, rcode, lookup } = await node.get<Asked>(`/v1/resolve?name=${name}&type=A`)
  const address = answers[0]?.value
  const time = /Query time: (\d+) msec/.exec(dig.stdout ?? '')?.[1]
  const told = dig.error
    ? 'over REST (dig is not installed)'
    : `dig +short says ${answerOf(dig.stdout)} after ${time} ms`
  const way = lookup ? `${lookup.asked} node(s) asked, ${lookup.hops} hop(s) away` : 'from memory'
  say(`  node ${number}: ${address ?? rcode}, ${told}; ${way}`)
  return address !== undefined
}

function answerOf(output: string): string {
  return /\sA\s+([\d.]+)/.exec(output)?.[1] ?? 'nothing'
}

async function demo(): Promise<boolean> {
  say(`Starting ${COUNT} nodes, each a process of its own, on this machine only.`)
  const nodes: RunningNode[] = []
  for (let number = 1; number <= COUNT; number++) nodes.push(await startNode(number, nodes.slice(0, 2)))
  await settled(nodes)
  const publisher = nodes[0] as RunningNode
  say(`They know each other. Node 1 makes a key, which is a name:`)
  const { name, storedOn } = await publisher.publish([
    { name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' },
  ])
  say(`  ${name}`)
  say(`Node 1 signs "www A 192.0.2.1" and publishes it: ${storedOn} other nodes hold it now.`)
  const before = await ask(5, nodes[4] as RunningNode, `www.${name}`)
  const victims = nodes.slice(0, COUNT / 2)
  say(`kill -9 for the publisher and ${victims.length - 1} more.`)
  for (const victim of victims) await kill(victim)
  say('A new node joins by one that is left. It never heard of the name:')
  const fresh = await startNode(COUNT + 1, nodes.slice(4, 5))
  const afterwards = await ask(COUNT + 1, fresh, `www.${name}`)
  say(before && afterwards ? 'The name lives without the node that made it.' : 'That should have answered.')
  return before && afterwards
}

/** Waits until each node has every other in its routing table. */
async function settled(nodes: readonly RunningNode[]): Promise<void> {
  for (const node of nodes) {
    while ((await node.get<{ peers: number }>('/v1/node')).peers < nodes.length - 1) await sleep(50)
  }
}

async function kill({ process }: RunningNode): Promise<void> {
  const gone = once(process, 'exit')
  process.kill('SIGKILL')
  await gone
}

try {
  process.exitCode = (await demo()) ? 0 : 1
} finally {
  await place[Symbol.asyncDispose]()
}
