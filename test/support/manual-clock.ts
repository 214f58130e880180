import type { Clock } from '../../src/clock.ts'

interface Alarm {
  readonly at: number
  readonly run: () => void
}

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

  /** Sets the time of day, and no other: nothing has passed. */
  jump(milliseconds: number): void {
    this.#set += milliseconds
  }

  #earliest(end: number): Alarm | undefined {
    return [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
  }
}
