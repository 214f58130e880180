/** Finds out whether an upstream server asks this node in turn: then each question comes back while its answer is waited for, until the time is over. */
import { randomBytes } from 'node:crypto'
import { type Clock, timeLimit } from '../../clock.ts'
import { ExtendedError, RecordClass, RecordType } from '../../dns/message.ts'
import { fold, type Name, nameFromLabels } from '../../dns/name.ts'
import { ResolveFault } from '../fault.ts'
import { hasLeft, type Layer, type Query, type Resolve } from '../query.ts'

export interface LoopsDeps {
  readonly clock: Clock
  /** Told, at most once a minute, when a question came back. */
  readonly loopFound: () => void
}

/** Milliseconds from one question sent out to see whether it comes back to the next, and for how long its word counts. */
const PROBE_INTERVAL = 60_000
/** Milliseconds such a question has. */
const PROBE_TIMEOUT = 5000
/** Octets of each of its two labels: nobody has such a name, and nobody can guess it. */
const PROBE_OCTETS = 8

export const loops =
  (deps: LoopsDeps): Layer =>
  (next) => {
    const waiting = new Waiting()
    const probe = new Probe(deps, next)
    return async (query) => {
      if (probe.isBack(query)) throw loopFault()
      using alike = waiting.enter(query)
      try {
        return await next(query)
      } catch (fault) {
        // In a loop the same question came in once more while it was asked. Outside of one that is rare beside a failure.
        if (alike.count > 1 && !hasLeft(query)) probe.send()
        throw probe.hasComeBack() ? loopFault() : fault
      }
    }
  }

/** How many questions for the same name and type wait for their answer. */
class Waiting {
  readonly #counts = new Map<string, number>()

  enter({ question: { name, type } }: Query): Disposable & { readonly count: number } {
    const counts = this.#counts
    const key = `${fold(name)}/${type}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    return {
      get count() {
        return counts.get(key) ?? 0
      },
      [Symbol.dispose]() {
        if (this.count > 1) counts.set(key, this.count - 1)
        else counts.delete(key)
      },
    }
  }
}

/** A question for a name that nobody else asks for: when it comes in at a door, it is our own. */
class Probe {
  readonly #deps: LoopsDeps
  readonly #ask: Resolve
  #name: Name | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #backAt = Number.NEGATIVE_INFINITY

  constructor(deps: LoopsDeps, ask: Resolve) {
    this.#deps = deps
    this.#ask = ask
  }

  isBack({ question }: Query): boolean {
    if (this.#name === undefined || fold(question.name) !== this.#name) return false
    if (this.#backAt < this.#sentAt) this.#deps.loopFound()
    this.#backAt = this.#deps.clock.monotonic()
    return true
  }

  hasComeBack(): boolean {
    return this.#deps.clock.monotonic() < this.#backAt + PROBE_INTERVAL
  }

  send(): void {
    const now = this.#deps.clock.monotonic()
    if (now < this.#sentAt + PROBE_INTERVAL) return
    this.#sentAt = now
    const labels = [0, 0].map(() => randomBytes(PROBE_OCTETS).toString('hex'))
    this.#name = nameFromLabels(labels)
    // What is said to it does not matter, only whether it comes back.
    this.#sendFor(this.#name).catch(() => undefined)
  }

  async #sendFor(name: Name): Promise<void> {
    using limit = timeLimit(this.#deps.clock, PROBE_TIMEOUT)
    await this.#ask({
      question: { name, type: RecordType.TXT, class: RecordClass.IN },
      client: { address: '', transport: 'self' },
      recursionDesired: true,
      dnssecOk: false,
      checkingDisabled: false,
      signal: limit.signal,
    })
  }
}

function loopFault(): ResolveFault {
  return new ResolveFault(ExtendedError.Other, 'an upstream server sends questions back to this node')
}
