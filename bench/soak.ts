/** `npm run soak`: a node for ten minutes, asked 200 times a second, publishing, among nodes that die and come back. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Workplace } from '../test/cli/kadns.ts'
import { RunningNode } from '../test/cli/running-node.ts'
import { ScriptedUpstream } from '../test/support/scripted-upstream.ts'

const HELP = `npm run soak -- [--minutes N] [--nodes N]: what a node takes of memory and descriptors, and answers, over time.

For example:  npm run soak -- --minutes 10 --nodes 12

  --minutes N   how long (10)
  --nodes N     other nodes, six of which die in a minute and come back (12)

Needs dnsperf (Debian: dnsperf). Questions are 200 a second: own names, names of other nodes, ordinary ones from an upstream
on this machine, and names that are not there. A publish every two seconds.
`
const RATE = 200
const PUBLISH_EVERY = 2000
const SAMPLE_EVERY = 10_000
const ZONES = 20

interface Sample {
  readonly minutes: number
  readonly megabytes: number
  readonly descriptors: number
}

const { minutes, nodes } = optionsFrom(process.argv.slice(2))
await using place = await Workplace.open()
const testnet = place.start('testnet', String(nodes), '--json', '--latency=10', '--deaths=6')
const [first = ''] = await testnet.prints(/\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+/)
const ordinary = Object.fromEntries(
  Array.from({ length: 200 }, (_, at) => [
    `www${at}.example A`,
    { answer: `www${at}.example. 5 IN A 198.51.100.${at + 1}` },
  ]),
)
await using upstream = await ScriptedUpstream.open(ordinary)
const { host, port } = upstream.endpoint
const flags = [
  `--dht-bootstrap=${first}`,
  `--upstream-servers=${host}:${port}`,
  '--dns-max-searches-per-second=0',
]
const node = await RunningNode.start(place, 'home', ...flags)
const zones = await Promise.all(
  Array.from({ length: ZONES }, () => node.send<{ key: string; name: string }>('POST', '/v1/zones')),
)
for (const [at] of zones.entries()) await publish(at)
await writeFile(join(place.directory, 'questions'), questions())

say(`${nodes} other nodes; ${RATE} questions a second for ${minutes} minutes`)
const samples: Sample[] = []
const ended = new AbortController()
const asking = place.spawn('dnsperf', [
  ...['-s', '127.0.0.1', '-p', node.dns.split(':')[1] ?? '', '-d', 'questions'],
  ...['-Q', String(RATE), '-l', String(minutes * 60), '-t', '5'],
])
void asking.ended.finally(() => ended.abort())
let published = 0
await Promise.all([
  repeat(PUBLISH_EVERY, async () => {
    await publish(published++ % ZONES)
  }),
  repeat(SAMPLE_EVERY, async () => {
    samples.push(await sample())
    if (samples.length % 6 === 0) tell(samples.at(-1)!)
  }),
])
report((await asking.ended).stdout)

async function publish(at: number): Promise<void> {
  const records = [{ name: 'www', type: 'A', ttl: 30, value: `192.0.2.${(Date.now() % 250) + 1}` }]
  await node.send('PUT', `/v1/zones/${zones[at]?.key}/records`, { records })
}

function questions(): string {
  const own = zones.map(({ name }) => `www.${name} A`)
  const others = Object.keys(ordinary).map((question) => question)
  const nobody = zones.map(({ name }) => `none.${name} AAAA`)
  return `${[...own, ...others, ...nobody].join('\n')}\n`
}

async function repeat(milliseconds: number, task: () => Promise<void>): Promise<void> {
  while (!ended.signal.aborted) {
    await task()
    await pause(milliseconds, undefined, { signal: ended.signal }).catch(() => undefined)
  }
}

async function sample(): Promise<Sample> {
  const { pid } = node.process
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  return {
    minutes: (samples.length * SAMPLE_EVERY) / 60_000,
    megabytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
  }
}

function tell({ minutes: at, megabytes, descriptors }: Sample): void {
  say(`after ${at.toFixed(1)} min: ${megabytes.toFixed(1)} MB resident, ${descriptors} descriptors`)
}

/** The first fifth is warming up. */
function report(dnsperf: string): void {
  const later = samples.slice(Math.floor(samples.length / 5))
  const memory = slope(later.map(({ minutes: at, megabytes }) => [at, megabytes]))
  const files = slope(later.map(({ minutes: at, descriptors }) => [at, descriptors]))
  say(`${published} publishes`)
  say(
    `memory ${memory.toFixed(2)} MB a minute, descriptors ${files.toFixed(2)} a minute, by least squares behind the first fifth`,
  )
  for (const line of dnsperf.split('\n'))
    if (/Queries sent|Queries completed|Queries lost|Response codes|Average Latency/.test(line))
      say(line.trim())
}

function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0)
  return above / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
}

function optionsFrom(words: readonly string[]): { minutes: number; nodes: number } {
  const given = { minutes: 10, nodes: 12 }
  if (words.includes('--help')) {
    process.stdout.write(HELP)
    process.exit(0)
  }
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at]?.slice(2)
    const value = Number(words[at + 1])
    if ((name !== 'minutes' && name !== 'nodes') || !Number.isInteger(value) || value < 1) {
      process.stderr.write(HELP)
      process.exit(2)
    }
    given[name] = value
  }
  return given
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
