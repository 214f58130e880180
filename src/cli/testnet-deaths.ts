/** Death in a testnet: now and then a node dies, and a while later it is back. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { UsageFault } from './usage.ts'

export interface Mortal {
  die(): Promise<void>
  comeBack(): Promise<void>
}

export interface DeathsPlan {
  readonly clock: Clock
  readonly perMinute: number
  /** Told of each, by its place among the nodes. */
  readonly tell: (what: 'died' | 'back' | 'failed', at: number) => void
}

const MINUTE = 60_000
/** Milliseconds a node stays dead. */
export const DEAD_FOR = 20_000
/** Of the nodes, at most one in so many is dead at a time. */
export const LIVING_SHARE = 3

export class Deaths implements AsyncDisposable {
  readonly #nodes: readonly Mortal[]
  readonly #plan: DeathsPlan
  readonly #dead = new Set<number>()
  readonly #alarms = new Set<Disposable>()
  readonly #underWay = new Set<Promise<void>>()
  #ended = false

  constructor(nodes: readonly Mortal[], plan: DeathsPlan) {
    this.#nodes = nodes
    this.#plan = plan
    this.#later(MINUTE / plan.perMinute, () => this.#strike())
  }

  /** Waits for those that are dying or coming back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    for (const alarm of this.#alarms) alarm[Symbol.dispose]()
    await Promise.all(this.#underWay)
  }

  async #strike(): Promise<void> {
    this.#later(MINUTE / this.#plan.perMinute, () => this.#strike())
    if (this.#dead.size + 1 > this.#nodes.length / LIVING_SHARE) return
    const living = [...this.#nodes.keys()].filter((at) => !this.#dead.has(at))
    const at = living[randomInt(living.length)] as number
    this.#dead.add(at)
    await this.#nodes[at]?.die()
    this.#plan.tell('died', at)
    this.#later(DEAD_FOR, () => this.#raise(at))
  }

  /** Tried again later when its ports are taken. */
  async #raise(at: number): Promise<void> {
    try {
      await this.#nodes[at]?.comeBack()
    } catch (fault) {
      if (!(fault instanceof UsageFault)) throw fault
      this.#plan.tell('failed', at)
      this.#later(DEAD_FOR, () => this.#raise(at))
      return
    }
    this.#dead.delete(at)
    this.#plan.tell('back', at)
  }

  #later(milliseconds: number, run: () => Promise<void>): void {
    if (this.#ended) return
    const alarm = this.#plan.clock.after(milliseconds, () => {
      this.#alarms.delete(alarm)
      const work = run().finally(() => this.#underWay.delete(work))
      this.#underWay.add(work)
    })
    this.#alarms.add(alarm)
  }
}
