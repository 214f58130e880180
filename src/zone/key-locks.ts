/** One task at a time for each key; tasks of different keys do not wait for each other. */
export class KeyLocks {
  readonly #last = new Map<string, Promise<unknown>>()

  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key)
    const mine = before ? before.then(task) : task()
    const settled = mine.catch(() => undefined)
    this.#last.set(key, settled)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    }
  }

  /** When every task begun so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values())
  }
}
