/** Those who want to hear of every zone that becomes the newest known. */
import type { Logger } from 'pino'
import type { SignedZone } from '../zone/signed-zone.ts'

export class Watchers {
  readonly #listeners = new Set<(zone: SignedZone) => void>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** From now until disposed. */
  add(listener: (zone: SignedZone) => void): Disposable {
    const entry = (zone: SignedZone) => listener(zone)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => this.#listeners.delete(entry) }
  }

  /** What one of them throws is not the others' concern. */
  tell(zone: SignedZone): void {
    for (const listener of this.#listeners) {
      try {
        listener(zone)
      } catch (cause) {
        this.#logger.error({ err: cause }, 'a listener for new zones failed')
      }
    }
  }
}
