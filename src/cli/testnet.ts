/** `kadns testnet N`: N nodes in one process that know each other, each with ports and data of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readToken, tokenFile } from '../api/token.ts'
import { loadConfig } from '../config.ts'
import type { Daemon } from '../daemon.ts'
import { runUntilStopped } from './stopping.ts'
import { startNode } from './up.ts'
import { type CommandLine, Exit, parseCommandLine, UsageFault } from './usage.ts'

const MAX_NODES = 100
/** Of those already up, how many a new node is told of; it hears of the others from these. */
const INTRODUCTIONS = 3
const USAGE = `kadns testnet N [--json] [settings]: runs N nodes (1 to ${MAX_NODES}) that know each other, until interrupted.

Ports are free ones on 127.0.0.1, and printed; data is thrown away at the end; no upstream unless you name one.
Settings come from flags only, and hold for every node.
For example:  kadns testnet 5 --upstream-servers 9.9.9.9:53
`

const LOOPBACK = {
  'dns-listen': '127.0.0.1:0',
  'api-listen': '127.0.0.1:0',
  'dht-listen': '/ip4/127.0.0.1/tcp/0',
  'upstream-servers': '',
  'log-level': 'error',
}

interface TestNode {
  readonly daemon: Daemon
  readonly token: string
}

export async function testnet(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const count = countFrom(line)
  return runUntilStopped(async () => {
    await using opening = new AsyncDisposableStack()
    const nodes = await startNodes(count, line.flags, opening)
    process.stdout.write(line.json ? `${JSON.stringify({ nodes: nodes.map(describe) })}\n` : tableOf(nodes))
    return opening.move()
  })
}

function countFrom({ words, flags }: CommandLine): number {
  const own = ['data', 'config'].filter((flag) => Object.hasOwn(flags, flag))
  const faults = own.map((flag) => `kadns testnet has no use for --${flag}.`)
  const count = Number(words[0])
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES || words.length !== 1) {
    faults.push(`kadns testnet takes the number of nodes, 1 to ${MAX_NODES}: kadns testnet 5.`)
  }
  if (faults.length > 0) throw new UsageFault(faults)
  return count
}

async function startNodes(
  count: number,
  flags: Readonly<Record<string, string>>,
  open: AsyncDisposableStack,
): Promise<TestNode[]> {
  const directory = await mkdtemp(join(tmpdir(), 'kadns-testnet-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const nodes: TestNode[] = []
  for (let number = 1; number <= count; number++) {
    const data = join(directory, String(number))
    const known = nodes.slice(-INTRODUCTIONS).flatMap(({ daemon }) => daemon.addresses)
    const bootstrap = [flags['dht-bootstrap'] ?? [], known].flat().join(',')
    const own = { data, 'dht-bootstrap': bootstrap }
    const { config } = loadConfig({ flags: { ...LOOPBACK, ...flags, ...own }, environment: {} })
    const daemon = open.use(await startNode(config))
    nodes.push({ daemon, token: await readToken(tokenFile(data)) })
    process.stderr.write(`node ${number} of ${count} is up\n`)
  }
  return nodes
}

function describe({ daemon: { dns, api, peerId, addresses }, token }: TestNode) {
  return { dns: dns.join(','), api, peerId, addresses, token }
}

function tableOf(nodes: readonly TestNode[]): string {
  const rows = nodes.map((node, at) => {
    const { dns, api, token } = describe(node)
    return `${at + 1}\tDNS ${dns}\tREST http://${api}\ttoken ${token}\n`
  })
  return `${rows.join('')}Interrupt (Ctrl-C) to end it.\n`
}
