/** Ends what runs when it is told to: once politely, twice at once. */

/** Milliseconds for a polite end. */
const PATIENCE = 5000
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Waits for SIGINT or SIGTERM, then closes `running` within five seconds. */
export async function untilStopped(running: AsyncDisposable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const signal of SIGNALS) process.once(signal, () => resolve())
  const alive = setInterval(() => undefined, 1 << 30) // timers of the node itself keep nothing alive
  await promise
  clearInterval(alive)
  for (const signal of SIGNALS) process.once(signal, () => process.exit(1))
  setTimeout(() => process.exit(1), PATIENCE).unref()
  await running[Symbol.asyncDispose]()
}
