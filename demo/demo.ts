/** `npm run demo`: eight nodes, a name published on one, asked for on another, and what is left when most of them are killed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const COUNT = 8
const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

interface DemoNode {
  readonly number: number
  readonly process: ChildProcess
  readonly data: string
  readonly api: string
  readonly dns: string
  readonly address: string
}

const began = performance.now()
const directory = mkdtempSync(join(tmpdir(), 'kadns-demo-'))
const running = new Set<ChildProcess>()

function say(sentence: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${seconds} s  ${sentence}\n`)
}

async function startNode(number: number, bootstrap: readonly DemoNode[]): Promise<DemoNode> {
  const data = join(directory, String(number))
  const child = spawn(process.execPath, [MAIN, 'up'], {
    env: {
      PATH: process.env['PATH'],
      KADNS_DATA: data,
      KADNS_DNS_LISTEN: '127.0.0.1:0',
      KADNS_API_LISTEN: '127.0.0.1:0',
      KADNS_DHT_LISTEN: '/ip4/127.0.0.1/tcp/0',
      KADNS_DHT_BOOTSTRAP: bootstrap.map(({ address }) => address).join(','),
      KADNS_UPSTREAM_SERVERS: '',
      KADNS_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.add(child)
  return { number, process: child, data, ...(await whereabouts(child)) }
}

/** What a node says of itself when it is up. */
async function whereabouts(child: ChildProcess): Promise<Pick<DemoNode, 'api' | 'dns' | 'address'>> {
  if (!child.stderr) throw new Error('A node has no stderr.')
  for await (const line of createInterface(child.stderr)) {
    const api = /REST\s+http:\/\/([\d.:]+)/.exec(line)?.[1]
    if (api === undefined) continue
    const { dns, addresses } = await getJson<{ dns: string; addresses: string[] }>(`http://${api}/v1/node`)
    child.stderr.resume()
    return { api, dns, address: addresses[0] ?? '' }
  }
  throw new Error('A node did not start.')
}

async function getJson<Body>(url: string): Promise<Body> {
  return (await (await fetch(url)).json()) as Body
}

async function send<Body>(node: DemoNode, method: string, path: string, body?: object): Promise<Body> {
  const token = readFileSync(join(node.data, 'api-token'), 'utf8').trim()
  const reply = await fetch(`http://${node.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return (await reply.json()) as Body
}

interface Asked {
  readonly answers: readonly { value: string }[]
  readonly from: string
  readonly rcode: string
  readonly lookup?: { asked: number; hops: number; milliseconds: number }
}

/** Asks with dig where it is installed; the hops are what the node tells over REST afterwards. */
async function ask(node: DemoNode, name: string): Promise<boolean> {
  const [host = '', port = ''] = node.dns.split(':')
  const dig = spawnSync(
    'dig',
    [`@${host}`, '-p', port, name, 'A', '+tries=1', '+noall', '+answer', '+stats'],
    { encoding: 'utf8' },
  )
  const { answers, rcode, lookup } = await getJson<Asked>(`http://${node.api}/v1/resolve?name=${name}&type=A`)
  const address = answers[0]?.value
  const time = /Query time: (\d+) msec/.exec(dig.stdout ?? '')?.[1]
  const told = dig.error
    ? 'over REST (dig is not installed)'
    : `dig +short says ${answerOf(dig.stdout)} after ${time} ms`
  const way = lookup ? `${lookup.asked} node(s) asked, ${lookup.hops} hop(s) away` : 'from memory'
  say(`  node ${node.number}: ${address ?? rcode}, ${told}; ${way}`)
  return address !== undefined
}

function answerOf(output: string): string {
  return /\sA\s+([\d.]+)/.exec(output)?.[1] ?? 'nothing'
}

async function demo(): Promise<boolean> {
  say(`Starting ${COUNT} nodes, each a process of its own, on this machine only.`)
  const nodes: DemoNode[] = []
  for (let number = 1; number <= COUNT; number++) nodes.push(await startNode(number, nodes.slice(0, 2)))
  await settled(nodes)
  const publisher = nodes[0] as DemoNode
  say(`They know each other. Node 1 makes a key, which is a name:`)
  const { key, name } = await send<{ key: string; name: string }>(publisher, 'POST', '/v1/zones')
  say(`  ${name}`)
  const records = [{ name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }]
  const { storedOn } = await send<{ storedOn: number }>(publisher, 'PUT', `/v1/zones/${key}/records`, {
    records,
  })
  say(`Node 1 signs "www A 192.0.2.1" and publishes it: ${storedOn} other nodes hold it now.`)
  const before = await ask(nodes[4] as DemoNode, `www.${name}`)
  const victims = nodes.slice(0, COUNT / 2)
  say(`kill -9 for the publisher and ${victims.length - 1} more.`)
  for (const victim of victims) await kill(victim.process)
  say('A new node joins by one that is left. It never heard of the name:')
  const fresh = await startNode(COUNT + 1, nodes.slice(4, 5))
  const afterwards = await ask(fresh, `www.${name}`)
  say(before && afterwards ? 'The name lives without the node that made it.' : 'That should have answered.')
  return before && afterwards
}

/** Waits until each node has every other in its routing table. */
async function settled(nodes: readonly DemoNode[]): Promise<void> {
  for (const { api } of nodes) {
    for (;;) {
      const { peers } = await getJson<{ peers: number }>(`http://${api}/v1/node`)
      if (peers >= nodes.length - 1) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  running.delete(child)
}

try {
  process.exitCode = (await demo()) ? 0 : 1
} finally {
  await Promise.all([...running].map(kill))
  rmSync(directory, { recursive: true, force: true })
}
