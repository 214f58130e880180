import { type Clock, systemClock } from '../../src/clock.ts'

/** The system's clock and timers, with a time of day that can be moved on: what waits for a TTL need not be waited for. */
export class ShiftedClock implements Clock {
  #shift = 0
  #set = 0

  now(): number {
    return systemClock.now() + this.#shift + this.#set
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#shift
  }

  after(milliseconds: number, run: () => void): Disposable {
    return systemClock.after(milliseconds, run)
  }

  /** Sets the time of day, and no other: nothing has passed. */
  jump(milliseconds: number): void {
    this.#set += milliseconds
  }

  advance(milliseconds: number): void {
    this.#shift += milliseconds
  }
}
