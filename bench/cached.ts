/** Answers from memory over UDP, beside other servers, in turns within one run, as ratios. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Workplace } from '../test/cli/kadns.ts'
import {
  isInstalled,
  processorTime,
  type Server,
  startDnsmasq,
  startKadns,
  startScript,
  startUnbound,
} from './servers.ts'
import { median } from './statistics.ts'

export interface CachedOptions {
  readonly rounds: number
  /** Of each server in each round. */
  readonly seconds: number
}

interface Trial {
  /** Answers a second. */
  readonly rate: number
  /** Microseconds of the server's processor time for each. */
  readonly cost: number
}

const NAMES = 10_000

export async function benchCached({ rounds, seconds }: CachedOptions): Promise<void> {
  await using place = await Workplace.open()
  const { server: kadns, zone } = await startKadns(place)
  const dns2 = await startScript({ place }, 'dns2')
  const setting = { place, upstream: dns2.port }
  const servers = [kadns, await startScript({ place }, 'echo'), await startScript({ place }, 'map'), dns2]
  if (isInstalled('dnsmasq')) servers.push(await startDnsmasq(setting))
  else say('dnsmasq is left out: it is not installed (Debian: apt-get install dnsmasq-base)')
  if (isInstalled('unbound')) servers.push(await startUnbound(setting))
  else say('unbound is left out: it is not installed (Debian: apt-get install unbound)')
  const queries = join(place.directory, 'queries')
  writeFileSync(queries, Array.from({ length: NAMES }, (_, at) => `h${at}.${zone} A\n`).join(''))
  const trials = new Map<Server, Trial[]>()
  for (const server of servers) {
    dnsperf(server, queries, ['-n', server === dns2 ? '1' : '20']) // fills the memory, warms the code
    trials.set(server, [])
  }
  for (let round = 1; round <= rounds; round++) {
    for (const server of servers) trials.get(server)?.push(dnsperf(server, queries, ['-l', String(seconds)]))
    say(
      `round ${round} of ${rounds}: ${servers.map((server) => told(server, trials.get(server))).join(', ')}`,
    )
  }
  for (const server of servers.slice(1)) compare(trials.get(kadns) ?? [], server, trials.get(server) ?? [])
}

function told({ name }: Server, trials: readonly Trial[] = []): string {
  return `${name} ${Math.round(trials.at(-1)?.rate ?? Number.NaN)}/s`
}

function compare(ours: readonly Trial[], { name }: Server, theirs: readonly Trial[]): void {
  const ratios = ours.map(({ rate }, at) => rate / (theirs[at]?.rate ?? Number.NaN))
  const costs = ours.map(({ cost }, at) => (theirs[at]?.cost ?? Number.NaN) / cost)
  say(
    `cached answers / ${name}: ${spread(ratios)}; by processor time of the server ${spread(costs)}; ` +
      `${median(ours.map(({ cost }) => cost)).toFixed(1)} µs beside ${median(theirs.map(({ cost }) => cost)).toFixed(1)} an answer`,
  )
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`
}

/** @throws Error when an answer was lost or was no answer */
function dnsperf({ name, port, process }: Server, queries: string, limit: readonly string[]): Trial {
  const before = processorTime(process)
  const words = ['-s', '127.0.0.1', '-p', port, '-d', queries, '-c', '4', '-q', '100', ...limit]
  const { stdout } = spawnSync('dnsperf', words, { encoding: 'utf8' })
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN)
  const completed = number(/Queries completed:\s+(\d+)/)
  if (!/NOERROR \d+ \(100\.00%\)/.test(stdout) || number(/Queries lost:\s+(\d+)/) > completed / 1000)
    throw new Error(`${name} did not answer as it should:\n${stdout}`)
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    cost: (processorTime(process) - before) / completed,
  }
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
