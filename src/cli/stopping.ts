/** Ends what runs when it is told to: once politely, twice at once. */
import { tellSystemd } from './readiness.ts'
import { Exit } from './usage.ts'

/** Milliseconds from the first signal for a polite end, and for the rest of opening if it comes during that. */
const PATIENCE = 5000
/** Ctrl-C in a terminal reaches npm and the node, and npm passes it on: signals this many milliseconds apart are one. */
const ONE_AND_THE_SAME = 500
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * Opens what runs until SIGINT or SIGTERM, then closes it. A signal while it opens waits until it is open. Five seconds after
 * the signal all ends, however far it is.
 * @param open hands over what it opened; what it says to people comes after that
 */
export async function runUntilStopped(open: () => Promise<AsyncDisposable>): Promise<number> {
  const stop = listenForStop()
  const alive = setInterval(() => undefined, 1 << 30) // timers of the node itself keep nothing alive
  try {
    const running = await open()
    await stop
    tellSystemd('stopping')
    await running[Symbol.asyncDispose]()
  } finally {
    clearInterval(alive)
  }
  return Exit.done
}

function listenForStop(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let first: number | undefined
  const hear = () => {
    if (first === undefined) {
      first = performance.now()
      setTimeout(giveUp, PATIENCE).unref()
    }
    if (performance.now() - first > ONE_AND_THE_SAME) process.exit(Exit.refused)
    resolve()
  }
  for (const signal of SIGNALS) process.on(signal, hear)
  return promise
}

function giveUp(): never {
  process.stderr.write(`kadns: It did not come to an end in ${PATIENCE / 1000} seconds, and was cut short.\n`)
  process.exit(Exit.refused)
}
