/** Lookups and publishing on as many nodes each, in turns with the other networks, in one process on loopback. */
import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile, told } from '../statistics.ts'
import { type Contender, openContenders } from './contenders.ts'
import { milliseconds, progress, say } from './nodes.ts'

export interface SpeedOptions {
  readonly nodes: number
  readonly trials: number
}

/** Milliseconds of rest after each turn: what goes on behind an answer must not fall into the next turn. */
const REST = 50
/** Turns at the beginning that do not count: code is compiled and routes are learned. */
const WARMING = 5

interface Turn {
  readonly get: () => Promise<void>
  readonly storedOn: number | undefined
  /** Milliseconds until all was put, and until twenty nodes had taken it. */
  readonly put: number
  readonly enough: number
}

export async function benchCold({ nodes, trials }: SpeedOptions): Promise<void> {
  await using opened = new AsyncDisposableStack()
  progress(`cold: opening networks of ${nodes} nodes`)
  const contenders = await openContenders(nodes, opened)
  const turns = await inTurns(contenders, trials + WARMING, putTimed)
  const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]))
  for (let at = 0; at < trials + WARMING; at++) {
    if (at % 20 === 0) progress(`cold: ${at} of ${trials + WARMING}`)
    for (const contender of contenders) {
      times.get(contender)?.push(await milliseconds(turns.get(contender)![at]!.get))
      await sleep(REST)
    }
  }
  tell('cold lookup', times)
}

export async function benchPublish({ nodes, trials }: SpeedOptions): Promise<void> {
  await using opened = new AsyncDisposableStack()
  progress(`publish: opening networks of ${nodes} nodes`)
  const contenders = await openContenders(nodes, opened)
  const turns = await inTurns(contenders, trials + WARMING, putTimed)
  const timesOf = (time: (turn: Turn) => number) =>
    new Map(Array.from(turns, ([contender, all]) => [contender, all.map(time)]))
  tell(
    'publish, 20 acknowledgements',
    timesOf(({ enough }) => enough),
  )
  tell(
    'publish, all replicas and read back',
    timesOf(({ put }) => put),
  )
  for (const [{ name }, all] of turns) {
    const stored = all.map(({ storedOn }) => storedOn ?? Number.NaN)
    say(`publish: ${name} was acknowledged by ${Math.min(...stored)} to ${Math.max(...stored)} nodes`)
  }
}

async function putTimed(contender: Contender): Promise<Turn> {
  const began = performance.now()
  const { get, storedOn, enoughAt } = await contender.put()
  const put = performance.now() - began
  return { get, storedOn, put, enough: enoughAt === undefined ? put : enoughAt - began }
}

async function inTurns<Result>(
  contenders: readonly Contender[],
  count: number,
  run: (contender: Contender) => Promise<Result>,
): Promise<Map<Contender, Result[]>> {
  const results = new Map<Contender, Result[]>(contenders.map((contender) => [contender, []]))
  for (let at = 0; at < count; at++) {
    if (at % 20 === 0) progress(`put: ${at} of ${count}`)
    for (const contender of contenders) {
      results.get(contender)?.push(await run(contender))
      await sleep(REST)
    }
  }
  return results
}

function tell(what: string, all: ReadonlyMap<Contender, readonly number[]>): void {
  const [ours = [], ...others] = Array.from(all, ([{ name }, times]) => ({
    name,
    times: times.slice(WARMING),
  }))
  if (!('name' in ours)) return
  say(`${what}: ${ours.name} ${told(ours.times)}`)
  for (const { name, times } of others) {
    const ratio = (share: number) => (quantile(ours.times, share) / quantile(times, share)).toFixed(3)
    say(
      `${what}: ${name} ${told(times)}; kadns / ${name}: median ${(median(ours.times) / median(times)).toFixed(3)}, p95 ${ratio(0.95)}`,
    )
  }
}
