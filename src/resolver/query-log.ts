/** The questions of late, for whoever runs this node and asked to see them: in memory, bounded, and without anybody's address. */
import { createHmac, randomBytes } from 'node:crypto'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import type { Name } from '../dns/name.ts'
import type { Client, Transport } from './query.ts'
import { readKey } from './scan.ts'

/** Where an answer came from; `refused`: nobody was asked. */
export type LoggedOrigin =
  | 'cache'
  | 'zone'
  | 'upstream'
  | 'local'
  | 'blocked'
  | 'stale'
  | 'failure'
  | 'refused'

export interface LoggedQuery {
  /** Counts from 1 since the node started. */
  readonly number: number
  /** Milliseconds since the Unix epoch. */
  readonly time: number
  readonly name: Name
  readonly type: number
  /** The same word for the same address until the node is started again; nobody can tell the address from it. */
  readonly client: string
  readonly transport: Transport
  readonly rcode: number
  readonly origin: LoggedOrigin
  /** Until the answer was ready. */
  readonly milliseconds: number
}

/** What is known when an answer is ready. */
export interface Outcome {
  /** What the answer is remembered under. */
  readonly key: string
  readonly client: Client
  readonly rcode: number
  readonly origin: LoggedOrigin
  /** Milliseconds of the monotonic clock when the question came. */
  readonly since: number
}

interface Entry extends Outcome {
  readonly number: number
  readonly time: number
  readonly milliseconds: number
}

export interface QueryFilter {
  /** Folded text that has to be in the name. */
  readonly name?: string | undefined
  readonly rcode?: number | undefined
  /** Only those with a higher number. */
  readonly after?: number | undefined
  readonly limit: number
}

/** Hexadecimal digits of a client's word: enough for a home, too few to mean anything elsewhere. */
const DIGITS = 6
const MAX_CLIENTS = 1000

export class QueryLog {
  readonly #clock: Clock
  readonly #size: number
  readonly #secret = randomBytes(32)
  readonly #words = boundedCache<string>(MAX_CLIENTS)
  /** The oldest is overwritten first. */
  #entries: (Entry | undefined)[] = []
  #count = 0

  /** @param size questions that are kept */
  constructor(clock: Clock, size: number) {
    this.#clock = clock
    this.#size = size
  }

  add(outcome: Outcome): void {
    const milliseconds = this.#clock.monotonic() - outcome.since
    this.#entries[this.#count % this.#size] = {
      ...outcome,
      number: ++this.#count,
      time: this.#clock.now(),
      milliseconds,
    }
  }

  /** The newest first. */
  read(filter: QueryFilter, formatName: (name: Name) => string): LoggedQuery[] {
    const { name, rcode, after = 0, limit } = filter
    const found: LoggedQuery[] = []
    const newestFirst = [...this.#entries.values()]
      .flatMap((entry) => entry ?? [])
      .sort((a, b) => b.number - a.number)
    for (const entry of newestFirst) {
      if (found.length === limit || entry.number <= after) break
      if (rcode !== undefined && entry.rcode !== rcode) continue
      const logged = this.#read(entry)
      if (name === undefined || formatName(logged.name).toLowerCase().includes(name)) found.push(logged)
    }
    return found
  }

  clear(): void {
    this.#entries = []
  }

  #read({ key, client, number, time, rcode, origin, milliseconds }: Entry): LoggedQuery {
    const { name, type } = readKey(key).question
    const { transport, address } = client
    return {
      number,
      time,
      name,
      type,
      client: this.#wordFor(address),
      transport,
      rcode,
      origin,
      milliseconds,
    }
  }

  #wordFor(address: string): string {
    const known = this.#words.get(address)
    if (known !== undefined) return known
    const word = createHmac('sha256', this.#secret).update(address).digest('hex').slice(0, DIGITS)
    this.#words.set(address, word)
    return word
  }
}
