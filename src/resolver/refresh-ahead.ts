/** Asks anew, shortly before they fade, for answers that are asked for often: who asks next need not wait. */
import { type AnewDeps, askLayers } from './anew.ts'
import { readKey } from './scan.ts'

/** How many are asked for at once. */
const MAX_AT_ONCE = 16
/** How many are begun in a second. What is turned away fades, and is asked for when somebody does. */
const MAX_PER_SECOND = 20

const SELF = { address: '', transport: 'self' } as const

export function refreshAhead(deps: AnewDeps): void {
  const running = new Set<string>()
  const pace = new Pace()
  deps.cache.whenDue((key) => {
    if (running.has(key) || running.size >= MAX_AT_ONCE || !pace.mayBegin(deps.clock.monotonic())) return
    running.add(key)
    // Behind the answer that was asked for; what goes wrong, the layers report.
    Promise.resolve()
      .then(() => askLayers(deps, { key, ...readKey(key), client: SELF, recursionDesired: true }))
      .catch(() => undefined)
      .finally(() => running.delete(key))
  })
}

class Pace {
  #second = Number.NEGATIVE_INFINITY
  #begun = 0

  mayBegin(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#begun = 0
    }
    return this.#begun++ < MAX_PER_SECOND
  }
}
