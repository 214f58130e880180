/** `kadns testnet N`: N nodes in one process that know each other, each with ports and data of its own, near or far. */
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { ConfigFault, loadConfig } from '../config.ts'
import type { Line } from './slow-relay.ts'
import { runUntilStopped } from './stopping.ts'
import { DEAD_FOR, Deaths, LIVING_SHARE } from './testnet-deaths.ts'
import { TestNode } from './testnet-node.ts'
import { type CommandLine, Exit, parseCommandLine, UsageFault } from './usage.ts'

const MAX_NODES = 100
/** Of those already up, how many a new node is told of; it hears of the others from these. */
const INTRODUCTIONS = 3
const USAGE = `kadns testnet N [--json] [troubles] [settings]: runs N nodes (1 to ${MAX_NODES}) that know each other, until interrupted.

Ports are free ones on 127.0.0.1, and printed; data is thrown away at the end; no upstream unless you name one.
Settings come from flags only, and hold for every node.

  --latency MS          from one node to another takes so long, each way: 25 is a round trip of 50
  --loss PERCENT        of what is sent between nodes, so much is lost. TCP sends it again: it comes late, by 200 ms and
                        a round trip, and what is behind it waits too. Nothing is missing
  --deaths PER_MINUTE   so often a node dies; ${DEAD_FOR / 1000} s later it is back, with its data, its ports and its name. At most
                        one in ${LIVING_SHARE} is dead at a time. Told on stderr; with --json on stdout, a line each

For example:  kadns testnet 5 --upstream-servers 9.9.9.9:53
              kadns testnet 30 --latency 25 --loss 1 --deaths 6
`

const LOOPBACK = {
  'dns-listen': '127.0.0.1:0',
  'api-listen': '127.0.0.1:0',
  'dht-listen': '/ip4/127.0.0.1/tcp/0',
  'upstream-servers': '',
  'log-level': 'error',
}

/** What may be asked for, the least and the most of each, and how it is named in a fault. */
const TROUBLES = {
  latency: { least: 0, most: 1000, unit: 'milliseconds' },
  loss: { least: 0, most: 50, unit: 'percent' },
  deaths: { least: 0, most: 60, unit: 'deaths a minute' },
} as const
/** The loss of one chunk is decided to this part of it. */
const CHANCES = 1_000_000

type Flags = Readonly<Record<string, string>>

interface Plan {
  readonly count: number
  readonly latency: number
  readonly loss: number
  readonly deaths: number
  /** The settings. */
  readonly flags: Flags
}

export async function testnet(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const plan = planFrom(line)
  return runUntilStopped(async () => {
    await using opening = new AsyncDisposableStack()
    const nodes = await startNodes(plan, opening)
    process.stdout.write(line.json ? `${JSON.stringify({ nodes: nodes.map(describe) })}\n` : tableOf(nodes))
    if (plan.deaths > 0) {
      const tell = line.json ? tellPrograms : tellPeople
      opening.use(new Deaths(nodes, { clock: systemClock, perMinute: plan.deaths, tell }))
    }
    return opening.move()
  })
}

/** @throws UsageFault with every fault there is */
function planFrom({ words, flags: given }: CommandLine): Plan {
  const { latency, loss, deaths, data, config, ...flags } = given
  const faults: string[] = []
  if (data !== undefined) faults.push('kadns testnet has no use for --data.')
  if (config !== undefined) faults.push('kadns testnet has no use for --config.')
  const count = Number(words[0])
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES || words.length !== 1) {
    faults.push(`kadns testnet takes the number of nodes, 1 to ${MAX_NODES}: kadns testnet 5.`)
  }
  const plan = {
    count,
    latency: readTrouble('latency', latency, faults),
    loss: readTrouble('loss', loss, faults),
    deaths: readTrouble('deaths', deaths, faults),
    flags,
  }
  if (plan.deaths > 0 && count < LIVING_SHARE) faults.push(`--deaths needs ${LIVING_SHARE} nodes or more.`)
  faults.push(...faultsInSettings(flags, isTroubled(plan)))
  if (faults.length > 0) throw new UsageFault(faults)
  return plan
}

function readTrouble(flag: keyof typeof TROUBLES, text: string | undefined, faults: string[]): number {
  if (text === undefined) return 0
  const { least, most, unit } = TROUBLES[flag]
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  faults.push(`--${flag} has to be ${unit}, ${least} to ${most}, not ${JSON.stringify(text.slice(0, 80))}.`)
  return 0
}

function faultsInSettings(flags: Flags, troubled: boolean): readonly string[] {
  const taken = ['dht-listen', 'dht-announce'].filter((flag) => troubled && Object.hasOwn(flags, flag))
  const faults = taken.map((flag) => `--${flag} cannot be set beside --latency, --loss or --deaths.`)
  try {
    loadConfig({ flags, environment: {} })
  } catch (fault) {
    if (!(fault instanceof ConfigFault)) throw fault
    faults.push(...fault.faults)
  }
  return faults
}

function isTroubled({ latency, loss, deaths }: Plan): boolean {
  return latency > 0 || loss > 0 || deaths > 0
}

async function startNodes(plan: Plan, open: AsyncDisposableStack): Promise<TestNode[]> {
  const directory = await mkdtemp(join(tmpdir(), 'kadns-testnet-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const nodes: TestNode[] = []
  open.defer(async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
  })
  const line = isTroubled(plan) ? lineFor(plan) : undefined
  for (let number = 1; number <= plan.count; number++) {
    const known = nodes.slice(-INTRODUCTIONS).flatMap((node) => node.known.addresses)
    const bootstrap = [plan.flags['dht-bootstrap'] ?? [], known].flat().join(',')
    const own = { data: join(directory, String(number)), 'dht-bootstrap': bootstrap }
    const flags = { ...LOOPBACK, ...plan.flags, ...own }
    nodes.push(await TestNode.start({ flags, ...(line && { line }) }))
    process.stderr.write(`node ${number} of ${plan.count} is up\n`)
  }
  return nodes
}

function lineFor({ latency, loss }: Plan): Line {
  return { clock: systemClock, latency, loss: loss / 100, chance: () => randomInt(CHANCES) / CHANCES }
}

type Tell = (what: 'died' | 'back' | 'failed', at: number) => void

const tellPrograms: Tell = (what, at) => process.stdout.write(`${JSON.stringify({ [what]: at + 1 })}\n`)

const SENTENCES = { died: 'died', back: 'is back', failed: 'could not come back yet: its ports are taken' }
const tellPeople: Tell = (what, at) => process.stderr.write(`node ${at + 1} ${SENTENCES[what]}\n`)

function describe({ known: { dns, api, peerId, addresses }, token }: TestNode) {
  return { dns: dns.join(','), api, peerId, addresses, token }
}

function tableOf(nodes: readonly TestNode[]): string {
  const rows = nodes.map((node, at) => {
    const { dns, api, token } = describe(node)
    return `${at + 1}\tDNS ${dns}\tREST http://${api}\ttoken ${token}\n`
  })
  return `${rows.join('')}Interrupt (Ctrl-C) to end it.\n`
}
