/** `npm run bench`: answers from memory over UDP, beside a bare echo, in turns within one run, as ratios. Takes about a minute. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const NAMES = 10_000
const ROUNDS = 6
const SECONDS = 4
const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const ECHO = fileURLToPath(new URL('echo.ts', import.meta.url))

const directory = mkdtempSync(join(tmpdir(), 'kadns-bench-'))
const running: ChildProcess[] = []

function start(file: string, words: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [file, ...words], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  return child
}

/** The first line that matches, from what a child prints. */
async function lineOf(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  if (!stream) throw new Error('A child has no such stream.')
  for await (const line of createInterface(stream)) {
    const found = pattern.exec(line)?.[1]
    if (found === undefined) continue
    stream.resume()
    return found
  }
  throw new Error('A server did not start.')
}

/** A node of its own with a zone whose wildcard answers for every name. @returns its DNS port and the zone's name */
async function startNode(): Promise<{ port: string; zone: string }> {
  const child = start(MAIN, ['up'], {
    KADNS_DATA: join(directory, 'data'),
    KADNS_DNS_LISTEN: '127.0.0.1:0',
    KADNS_API_LISTEN: '127.0.0.1:0',
    KADNS_DHT_LISTEN: '/ip4/127.0.0.1/tcp/0',
    KADNS_UPSTREAM_SERVERS: '',
    KADNS_LOG_LEVEL: 'error',
  })
  const api = await lineOf(child.stderr, /REST\s+http:\/\/([\d.:]+)/)
  const token = readFileSync(join(directory, 'data', 'api-token'), 'latin1').trim()
  const send = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
    const reply = await fetch(`http://${api}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    return (await reply.json()) as Record<string, string>
  }
  const { key, name = '' } = await send('POST', '/v1/zones')
  const records = [{ name: '*', type: 'A', ttl: 3600, value: '192.0.2.1' }]
  await send('PUT', `/v1/zones/${key}/records`, { records })
  const { dns = '' } = (await (await fetch(`http://${api}/v1/node`)).json()) as { dns?: string }
  return { port: dns.split(':')[1] ?? '', zone: name }
}

/** @returns answers a second */
function dnsperf(port: string, queries: string, limit: readonly string[]): number {
  const words = ['-s', '127.0.0.1', '-p', port, '-d', queries, '-c', '4', '-q', '100', ...limit]
  const { stdout } = spawnSync('dnsperf', words, { encoding: 'utf8' })
  return Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN)
}

async function bench(): Promise<void> {
  const { port, zone } = await startNode()
  const echo = await lineOf(start(ECHO, [], {}).stdout, /^(\d+)$/)
  const queries = join(directory, 'queries')
  writeFileSync(queries, Array.from({ length: NAMES }, (_, at) => `h${at}.${zone} A\n`).join(''))
  for (const each of [port, echo]) dnsperf(each, queries, ['-n', '20']) // fills the memory, warms both
  const ratios: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const [bare, ours] = [echo, port].map((each) => dnsperf(each, queries, ['-l', String(SECONDS)])) as [
      number,
      number,
    ]
    ratios.push(ours / bare)
    process.stdout.write(
      `round ${round}: echo ${Math.round(bare)}/s, cached answers ${Math.round(ours)}/s, ratio ${(ours / bare).toFixed(3)}\n`,
    )
  }
  const sorted = ratios.toSorted((a, b) => a - b)
  const median = ((sorted[(ROUNDS - 1) >> 1] ?? 0) + (sorted[ROUNDS >> 1] ?? 0)) / 2
  process.stdout.write(
    `cached answers / bare echo: median ${median.toFixed(3)}, ${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)}\n`,
  )
}

if (spawnSync('dnsperf', ['-h']).error) {
  process.stderr.write('dnsperf is not installed; on Debian: apt-get install dnsperf\n')
  process.exit(2)
}
try {
  await bench()
} finally {
  for (const child of running) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  rmSync(directory, { recursive: true, force: true })
}
