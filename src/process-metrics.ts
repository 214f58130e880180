/** What the process itself is like: memory, open files, time on the processor, and how late the event loop is. */
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Metric, single } from './metrics.ts'

const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

export interface ProcessMetrics extends Disposable {
  metrics(): Metric[]
}

/** From now until disposed. */
export function watchProcess(): ProcessMetrics {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  return {
    metrics: () => {
      const { user, system } = process.cpuUsage()
      const quantiles = [50, 99].map((percent) => ({
        labels: { percentile: String(percent) },
        value: delay.percentile(percent) / NANOSECONDS,
      }))
      delay.reset() // from one reading to the next
      return [
        single(
          'gauge',
          ['process_resident_memory_bytes', 'Memory of the process.'],
          process.memoryUsage.rss(),
        ),
        single(
          'counter',
          ['process_cpu_seconds_total', 'Time on the processor.'],
          (user + system) / MICROSECONDS,
        ),
        single('gauge', ['process_open_fds', 'Files and sockets that are open.'], openFiles()),
        {
          name: 'kadns_event_loop_delay_seconds',
          help: 'How late the event loop was since the last reading.',
          type: 'gauge',
          samples: quantiles,
        },
      ]
    },
    [Symbol.dispose]: () => delay.disable(),
  }
}

/** 0 where the system does not tell. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}
