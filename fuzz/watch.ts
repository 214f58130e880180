/** Runs one target in a thread of its own, and ends it when a case does not end. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { emptyResult, type Plan, type Result } from './cases.ts'
import { Chance } from './random.ts'
import { TARGETS } from './targets.ts'
import type { WorkerData, WorkerMessage } from './worker.ts'

/** Milliseconds after which a case counts as hanging. */
const PATIENCE = 10_000
const LOOK_EVERY = 500

/** @throws what the thread threw, which is a fault of the fuzzer */
export async function runWatched(plan: Plan, progress: (result: Result) => void): Promise<Result> {
  const heartbeat = new Int32Array(new SharedArrayBuffer(4)).fill(-1)
  const workerData: WorkerData = { plan, heartbeat }
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData })
  let last = emptyResult(plan.target)
  worker.on('message', ({ kind, result }: WorkerMessage) => {
    last = result
    if (kind === 'progress') progress(result)
  })
  const watch = setInterval(
    watchman(heartbeat, () => void worker.terminate()),
    LOOK_EVERY,
  )
  try {
    const [code] = await once(worker, 'exit')
    if (code !== 0) last.findings.push(hanging(plan, Atomics.load(heartbeat, 0)))
    return last
  } finally {
    clearInterval(watch)
  }
}

function watchman(heartbeat: Int32Array, end: () => void): () => void {
  let seen = { number: -1, at: performance.now() }
  return () => {
    const number = Atomics.load(heartbeat, 0)
    if (number !== seen.number) seen = { number, at: performance.now() }
    if (number >= 0 && performance.now() - seen.at > PATIENCE) end()
  }
}

function hanging(plan: Plan, number: number): Result['findings'][number] {
  const input = plan.input ?? TARGETS[plan.target]?.make(new Chance(plan.seed, plan.target, number))
  const hex = Buffer.from(input ?? []).toString('hex')
  return { target: plan.target, number, cases: 1, hex, what: `it had not ended after ${PATIENCE / 1000} s` }
}
