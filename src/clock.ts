/** The only source of time in this program; tests hand in a clock they turn by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump when the machine's clock is set. */
  now(): number
  /** Milliseconds since some fixed moment; never goes backward. For durations. */
  monotonic(): number
  /** Calls `run` once, `milliseconds` from now, unless disposed before. Never keeps the process alive. */
  after(milliseconds: number, run: () => void): Disposable
  /** Whether the time of day may be believed enough to delete by it; where this is not said, it may. */
  readonly trusted?: boolean
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** A signal that aborts after `milliseconds`, or when `parent` does; dispose it once the work is done. */
export function timeLimit(
  clock: Clock,
  milliseconds: number,
  parent?: AbortSignal,
): Disposable & { signal: AbortSignal } {
  const controller = new AbortController()
  const alarm = clock.after(milliseconds, () =>
    controller.abort(new DOMException('The time is over.', 'TimeoutError')),
  )
  const signal = parent ? AbortSignal.any([parent, controller.signal]) : controller.signal
  return { signal, [Symbol.dispose]: () => alarm[Symbol.dispose]() }
}
