/** The thread in which a target's cases run, so that one that never ends can be ended. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Plan, type Result, runCases } from './cases.ts'

export interface WorkerData {
  readonly plan: Plan
  /** The number of the case it is at. */
  readonly heartbeat: Int32Array
}

export type WorkerMessage = { readonly kind: 'progress' | 'end'; readonly result: Result }

const { plan, heartbeat } = workerData as WorkerData
const post = (kind: WorkerMessage['kind'], result: Result) => parentPort?.postMessage({ kind, result })

const result = runCases(plan, {
  begin: (number) => Atomics.store(heartbeat, 0, number),
  progress: (sofar) => post('progress', sofar),
})
post('end', result)
