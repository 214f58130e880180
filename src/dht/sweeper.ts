/** Sweeps what has to be swept every hour, and at once when asked to; one sweep at a time. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'

export interface SweeperNeeds {
  readonly clock: Clock
  readonly logger: Logger
  /** What is done every hour. */
  sweep(): Promise<void>
}

/** Milliseconds between two sweeps. */
const INTERVAL = 3_600_000

export class Sweeper implements AsyncDisposable {
  readonly #needs: SweeperNeeds
  #next: Disposable | undefined
  #sweeping: Promise<void> = Promise.resolve()
  readonly #closing = new AbortController()

  constructor(needs: SweeperNeeds) {
    this.#needs = needs
  }

  /** Aborts when nothing more is to be swept. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  start(): void {
    if (this.signal.aborted) return
    this.#next = this.#needs.clock.after(INTERVAL, () => {
      this.now(() => this.#needs.sweep())
      void this.#sweeping.then(() => this.start())
    })
  }

  /** A sweep before its time; returns at once. */
  now(sweep: () => Promise<void>): void {
    this.#sweeping = this.#sweeping
      .then(sweep)
      .catch((cause: unknown) => this.#needs.logger.error({ err: cause }, 'sweeping the zone store failed'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#next?.[Symbol.dispose]()
    await this.#sweeping
  }
}
