/** A clock that jumps from one alarm to the next: an hour of a network takes as long as what happens in it. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../src/clock.ts'

interface Alarm {
  readonly at: number
  /** Of two alarms for one moment the one set first comes first. */
  readonly order: number
  run: (() => void) | undefined
}

/** What is waited for can never come: nobody has set an alarm. */
export class StuckFault extends Error {
  override readonly name = 'StuckFault'
}

export class VirtualClock implements Clock {
  #time: number
  #order = 0
  /** A binary heap, the earliest alarm first. */
  readonly #heap: Alarm[] = []

  constructor(start = Date.UTC(2026, 10, 23)) {
    this.#time = start
  }

  now(): number {
    return this.#time
  }

  monotonic(): number {
    return this.#time
  }

  after(milliseconds: number, run: () => void): Disposable {
    const alarm: Alarm = { at: this.#time + milliseconds, order: this.#order++, run }
    this.#push(alarm)
    return {
      [Symbol.dispose]: () => {
        alarm.run = undefined
      },
    }
  }

  async wait(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.after(milliseconds, resolve)
    await promise
  }

  /** Lets time pass until `promise` settles. @throws what it rejects with; StuckFault */
  async run<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false
    const settle = () => {
      settled = true
    }
    promise.then(settle, settle)
    for (;;) {
      await turn() // whatever waits for no alarm runs to its end
      if (settled) return await promise
      if (!this.#runNext()) throw new StuckFault('What is waited for can never come.')
    }
  }

  /** Lets time pass, and all that falls due with it. */
  async advance(milliseconds: number): Promise<void> {
    await this.run(this.wait(milliseconds))
  }

  /** Runs all alarms of the next moment that has any. */
  #runNext(): boolean {
    while (this.#heap[0] && !this.#heap[0].run) this.#pop()
    const moment = this.#heap[0]?.at
    if (moment === undefined) return false
    this.#time = moment
    while (this.#heap[0]?.at === moment) this.#pop()?.run?.()
    return true
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap
    let at = heap.push(alarm) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(alarm, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = alarm
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
