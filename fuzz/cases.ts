/** Runs cases one after the other, in whatever thread this is: what came out, how long it took, and what must not be. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Chance } from './random.ts'
import { reasonOf, TARGETS, type Target } from './targets.ts'

/** Milliseconds that work on one input may take. */
export const MAX_MILLISECONDS = 5
/** A slow input is run so often again: what a collection or another program took is not its own. */
const RERUNS = 20
/** Octets the heap may have grown between the end of the warm-up and the end of a target: caches have to fill, nothing more. */
export const MAX_GROWTH = 16 << 20
/** A target is warm after this part of its inputs. */
const WARM_UP = 0.2
const MAX_FINDINGS = 5
/** Cases between two words of progress. */
const STRIDE = 1024

export interface Plan {
  readonly seed: number
  readonly target: string
  readonly count: number
  /** Milliseconds; Infinity when only the count ends it. */
  readonly time: number
  /** Where to begin, for one case alone. */
  readonly first: number
  /** An input given by hand, in place of those that are made. */
  readonly input?: Uint8Array | undefined
  readonly maxMilliseconds: number
}

export interface Finding {
  readonly target: string
  /** The first case, and how many together led to it; none when it is of the whole target. */
  readonly number: number
  readonly cases: number
  readonly hex: string
  readonly what: string
}

export interface Result {
  readonly target: string
  inputs: number
  milliseconds: number
  readonly outcomes: Record<string, number>
  slowest: { milliseconds: number; number: number; hex: string }
  heap: { start: number; end: number }
  rss: { start: number; end: number }
  readonly findings: Finding[]
}

/** Told of each case before it begins, and of the state of affairs now and then. */
export interface Watching {
  begin(number: number): void
  progress(result: Result): void
}

export function runCases(plan: Plan, watching: Watching): Result {
  const target = TARGETS[plan.target]
  if (!target) throw new Error(`There is no target ${plan.target}.`)
  const result = emptyResult(plan.target)
  const began = performance.now()
  const isOver = () => {
    result.milliseconds = performance.now() - began
    if (result.inputs % STRIDE === 0) {
      result.heap.end = process.memoryUsage().heapUsed
      watching.progress(result)
    }
    const spent = result.milliseconds / plan.time
    const done = Math.max(spent, result.inputs / plan.count)
    if (result.heap.start === 0 && done >= WARM_UP) Object.assign(result, memory('start', result))
    return done >= 1 || result.findings.length >= MAX_FINDINGS
  }
  while (!isOver()) {
    const number = plan.first + result.inputs
    watching.begin(number)
    const input = plan.input ?? target.make(new Chance(plan.seed, plan.target, number))
    runCase(target, { number, input: Buffer.from(input), plan, result })
    result.inputs++
  }
  Object.assign(result, memory('end', result))
  const growth = result.heap.end - result.heap.start
  if (result.heap.start > 0 && growth > MAX_GROWTH)
    result.findings.push({
      target: plan.target,
      number: 0,
      cases: 0,
      hex: '',
      what: `the heap grew by ${growth} octets`,
    })
  return result
}

/** What is known before the first case. */
export function emptyResult(target: string): Result {
  const slowest = { milliseconds: 0, number: -1, hex: '' }
  return {
    target,
    inputs: 0,
    milliseconds: 0,
    outcomes: {},
    slowest,
    heap: { start: 0, end: 0 },
    rss: { start: 0, end: 0 },
    findings: [],
  }
}

interface Case {
  readonly number: number
  readonly input: Buffer
  readonly plan: Plan
  readonly result: Result
}

function runCase(target: Target, { number, input, plan, result }: Case): void {
  const before = Buffer.from(input)
  let milliseconds = timed(target, { number, input, result })
  if (!input.equals(before)) note(result, number, before, 'the input was written to')
  if (milliseconds <= result.slowest.milliseconds) return
  milliseconds = Math.min(milliseconds, settledTime(target, input))
  if (milliseconds > result.slowest.milliseconds)
    result.slowest = { milliseconds, number, hex: input.toString('hex') }
  if (milliseconds > plan.maxMilliseconds)
    note(result, number, input, `it took ${milliseconds.toFixed(1)} ms`)
}

/** @returns how long the work took; what came of it goes into the result */
function timed(target: Target, { number, input, result }: Omit<Case, 'plan'>): number {
  const began = performance.now()
  let milliseconds: number | undefined
  try {
    const { word, check } = target.work(input)
    milliseconds = performance.now() - began
    check?.()
    count(result, word)
  } catch (fault) {
    // Behind the work a refusal is as wrong as any other error.
    const reason = milliseconds === undefined ? reasonOf(fault) : undefined
    milliseconds ??= performance.now() - began
    if (reason !== undefined && target.refusals.includes(reason)) count(result, reason)
    else note(result, number, input, fault instanceof Error ? (fault.stack ?? fault.message) : String(fault))
  }
  return milliseconds
}

/** The shortest time of several runs, or their mean on the processor, whichever is less: others use this machine too. */
function settledTime(target: Target, input: Buffer): number {
  const before = process.threadCpuUsage()
  const times = Array.from({ length: RERUNS }, () => timeOf(target, input))
  const { user, system } = process.threadCpuUsage(before)
  return Math.min((user + system) / 1000 / RERUNS, ...times)
}

function timeOf(target: Target, input: Buffer): number {
  const began = performance.now()
  try {
    target.work(input)
  } catch {
    // counted the first time
  }
  return performance.now() - began
}

function count(result: Result, word: string): void {
  result.outcomes[word] = (result.outcomes[word] ?? 0) + 1
}

function note(result: Result, number: number, input: Buffer, what: string): void {
  count(result, 'FINDING')
  result.findings.push({ target: result.target, number, cases: 1, hex: input.toString('hex'), what })
}

// The only way to a collection in a thread that was not started with it.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function memory(when: 'start' | 'end', { heap, rss }: Result): Pick<Result, 'heap' | 'rss'> {
  collect()
  const now = process.memoryUsage()
  return { heap: { ...heap, [when]: now.heapUsed }, rss: { ...rss, [when]: now.rss } }
}
