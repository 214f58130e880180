/**
 * How much one client may ask, if it is none of the house: questions, and apart from them searches among other nodes, which
 * cost far more than a question. A client is an IPv4 address or an IPv6 /56, which is what one household has.
 */
import { isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { parseIPv6 } from '../dns/address.ts'
import { Buckets } from '../rate.ts'
import type { DnsConfig } from './config.ts'
import { NEAR, NetworkList } from './listeners/allowed.ts'

type Limits = Pick<DnsConfig, 'maxQuestionsPerSecond' | 'maxSearchesPerSecond'>

export interface ClientLimitsNeeds {
  readonly limits: Limits
  readonly clock: Clock
  readonly logger: Logger
}

/** Seconds of its rate that may be used at once. */
const BURST_SECONDS = 10
/** Milliseconds from one line of the log about a limit to the next. */
const LOG_INTERVAL = 60_000
const PREFIX_OCTETS = 7
const HOUSE = new NetworkList(NEAR)

/** One of the two. A rate of 0 is no limit. */
class Limit {
  readonly #what: string
  readonly #needs: Pick<ClientLimitsNeeds, 'clock' | 'logger'>
  readonly #buckets: Buckets | undefined
  /** Of questions or searches so far. */
  refused = 0
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(what: string, perSecond: number, needs: Pick<ClientLimitsNeeds, 'clock' | 'logger'>) {
    this.#what = what
    this.#needs = needs
    const rate = { perSecond, burst: perSecond * BURST_SECONDS }
    this.#buckets = perSecond === 0 ? undefined : new Buckets(rate, needs.clock)
  }

  /** Whether one more may be; if so it counts. */
  take(address: string): boolean {
    if (!this.#buckets || isOfHouse(address) || this.#buckets.take(clientAt(address))) return true
    this.refused++
    const now = this.#needs.clock.monotonic()
    if (now - this.#loggedAt >= LOG_INTERVAL) {
      this.#loggedAt = now
      this.#needs.logger.warn({ refused: this.refused }, `a client asks for more ${this.#what} than one may`)
    }
    return false
  }
}

export class ClientLimits {
  readonly questions: Limit
  readonly searches: Limit

  constructor({ limits, ...needs }: ClientLimitsNeeds) {
    this.questions = new Limit(
      'questions (dns.max_questions_per_second)',
      limits.maxQuestionsPerSecond,
      needs,
    )
    this.searches = new Limit('searches (dns.max_searches_per_second)', limits.maxSearchesPerSecond, needs)
  }
}

/** The API, and this node itself, have no address. */
function isOfHouse(address: string): boolean {
  return address === '' || HOUSE.has(address)
}

function clientAt(address: string): string {
  const [plain = ''] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('%')
  return isIPv6(plain) ? parseIPv6(plain).toString('latin1', 0, PREFIX_OCTETS) : plain
}
