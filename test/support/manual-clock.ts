import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../src/clock.ts'

interface Alarm {
  readonly at: number
  readonly run: () => void
}

/** Turns of the event loop in which everything that waits for no time comes to rest. */
const TURNS = 20

/** A clock that stands still until it is told to move on. */
export class ManualClock implements Clock {
  #alarms = new Set<Alarm>()
  #time: number
  #set = 0

  constructor(start = Date.UTC(2026, 10, 23)) {
    this.#time = start
  }

  now(): number {
    return this.#time + this.#set
  }

  monotonic(): number {
    return this.#time
  }

  after(milliseconds: number, run: () => void): Disposable {
    const alarm = { at: this.#time + milliseconds, run }
    this.#alarms.add(alarm)
    return { [Symbol.dispose]: () => this.#alarms.delete(alarm) }
  }

  /** Moves on, and runs what falls due on the way in the order of its time. */
  advance(milliseconds: number): void {
    const end = this.#time + milliseconds
    for (let due = this.#earliest(end); due; due = this.#earliest(end)) {
      this.#alarms.delete(due)
      this.#time = due.at
      due.run()
    }
    this.#time = end
  }

  /** Lets everything that is due come to rest. */
  async settle(): Promise<void> {
    for (let left = TURNS; left > 0; left--) await turn()
  }

  /** Sets the time of day, and no other: nothing has passed. */
  jump(milliseconds: number): void {
    this.#set += milliseconds
  }

  #earliest(end: number): Alarm | undefined {
    return [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
  }
}
