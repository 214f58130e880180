/** Waits for what happens by itself, without guessing how long it takes. */
import { setImmediate } from 'node:timers/promises'

/** Resolves once `condition` holds; throws when it still does not after `patience` milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, patience = 20_000): Promise<void> {
  const end = performance.now() + patience
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Waited ${patience} ms in vain for: ${condition}`)
    await setImmediate()
  }
}
