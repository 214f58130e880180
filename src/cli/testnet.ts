/** `kadns testnet N`: N nodes in one process that know each other, each with ports and data of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config.ts'
import { type Daemon, openDaemon } from '../daemon.ts'
import { openLogger } from '../logger.ts'
import { untilStopped } from './stopping.ts'
import { readTokenOf } from './token.ts'
import { parseCommandLine, UsageFault } from './usage.ts'

const MAX_NODES = 100
const USAGE = `kadns testnet N [--json] [settings]: runs N nodes (1 to ${MAX_NODES}) that know each other, until interrupted.

Ports are free ones on 127.0.0.1, and printed; data is thrown away at the end; no upstream unless you name one.
For example:  kadns testnet 5
`

interface TestNode {
  readonly daemon: Daemon
  readonly token: string
}

export async function testnet(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const count = Number(line.words[0])
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES || line.words.length !== 1) {
    throw new UsageFault([`kadns testnet takes the number of nodes, 1 to ${MAX_NODES}: kadns testnet 5.`])
  }
  await using open = new AsyncDisposableStack()
  const nodes = await startNodes(count, line.flags, open)
  process.stdout.write(line.json ? `${JSON.stringify({ nodes: nodes.map(describe) })}\n` : tableOf(nodes))
  await untilStopped(open)
  return 0
}

async function startNodes(
  count: number,
  flags: Readonly<Record<string, string>>,
  open: AsyncDisposableStack,
): Promise<TestNode[]> {
  const directory = await mkdtemp(join(tmpdir(), 'kadns-testnet-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const nodes: TestNode[] = []
  for (let number = 0; number < count; number++) {
    const data = join(directory, String(number))
    const bootstrap = nodes
      .slice(0, 2)
      .flatMap(({ daemon }) => daemon.addresses)
      .join(',')
    const own = { data, 'dht-bootstrap': bootstrap }
    const { config } = loadConfig({ flags: { ...LOOPBACK, ...flags, ...own }, environment: {} })
    const daemon = open.use(await openDaemon(config, { logger: openLogger(config.logLevel) }))
    nodes.push({ daemon, token: readTokenOf(data) })
    process.stderr.write(`node ${number + 1} of ${count} is up\n`)
  }
  return nodes
}

const LOOPBACK = {
  'dns-listen': '127.0.0.1:0',
  'api-listen': '127.0.0.1:0',
  'dht-listen': '/ip4/127.0.0.1/tcp/0',
  'upstream-servers': '',
  'log-level': 'error',
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
