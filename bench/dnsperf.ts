/** Servers asked by dnsperf in turns, and their rates as ratios of one round. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { processorTime, type Server } from './servers.ts'
import { median } from './statistics.ts'

export interface Span {
  readonly rounds: number
  /** Of each server in each round. */
  readonly seconds: number
}

/** A server, and what dnsperf is told to ask it. */
export interface Contender extends Server {
  readonly words: readonly string[]
  /** File of questions. */
  readonly questions: string
  /** By a program of our own in place of dnsperf. */
  readonly isHttps?: boolean
  /** How often everything is asked before, so that it is remembered and the code is warm; 20 unless told. */
  readonly warmUp?: number
}

/** How often everything is asked, or how long. */
interface Limit {
  readonly times?: number
  readonly seconds?: number
}

interface Trial {
  /** Answers a second. */
  readonly rate: number
  /** Microseconds of the server's processor time for each. */
  readonly cost: number
}

/** What the first does beside each of the others. */
export function contest(row: string, contenders: readonly Contender[], { rounds, seconds }: Span): void {
  const trials = new Map<Contender, Trial[]>(contenders.map((contender) => [contender, []]))
  for (const contender of contenders) dnsperf(contender, { times: contender.warmUp ?? 20 })
  for (let round = 1; round <= rounds; round++) {
    for (const [contender, made] of trials) made.push(dnsperf(contender, { seconds }))
    const words = Array.from(trials, ([{ name }, made]) => `${name} ${Math.round(made.at(-1)!.rate)}/s`)
    say(`${row}, round ${round} of ${rounds}: ${words.join(', ')}`)
  }
  const [[first, ours], ...others] = [...trials] as [[Contender, Trial[]], ...[Contender, Trial[]][]]
  for (const [{ name }, theirs] of others) say(`${row}: ${first.name} / ${name}: ${compared(ours, theirs)}`)
}

function compared(ours: readonly Trial[], theirs: readonly Trial[]): string {
  const ratios = ours.map(({ rate }, at) => rate / (theirs[at]?.rate ?? Number.NaN))
  const costs = ours.map(({ cost }, at) => (theirs[at]?.cost ?? Number.NaN) / cost)
  const [our, their] = [ours, theirs].map((trials) => median(trials.map(({ cost }) => cost)).toFixed(1))
  return `${spread(ratios)}; by processor time of the server ${spread(costs)}; ${our} µs beside ${their} an answer`
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`
}

/** @throws Error when an answer was lost or was no answer */
function dnsperf(contender: Contender, limit: Limit): Trial {
  const { name, process } = contender
  const before = processorTime(process)
  const stdout = contender.isHttps ? askHttps(contender, limit) : askPlainly(contender, limit)
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN)
  const completed = number(/Queries completed:\s+(\d+)/)
  if (!/NOERROR \d+ \(100\.00%\)/.test(stdout) || number(/Queries lost:\s+(\d+)/) > completed / 1000)
    throw new Error(`${name} did not answer as it should:\n${stdout}`)
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    cost: (processorTime(process) - before) / completed,
  }
}

function askPlainly({ port, words, questions }: Contender, { times, seconds }: Limit): string {
  const limit = seconds === undefined ? ['-n', String(times)] : ['-l', String(seconds)]
  const all = ['-s', '127.0.0.1', '-p', port, '-d', questions, '-c', '4', '-q', '100', ...words, ...limit]
  return spawnSync('dnsperf', all, { encoding: 'utf8' }).stdout
}

function askHttps({ port, questions }: Contender, { times, seconds }: Limit): string {
  const limit = seconds === undefined ? `--times=${times}` : `--seconds=${seconds}`
  const words = [join(import.meta.dirname, 'ask-https.ts'), `--port=${port}`, `--file=${questions}`, limit]
  return spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout
}

export function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
