/** Questions counted by door, type, rcode and where the answer came from; nobody's name or address. */
import { formatRcode, formatType, RecordType } from '../dns/message.ts'
import { Counts, Histogram, type Metric } from '../metrics.ts'
import type { Transport } from './query.ts'
import type { LoggedOrigin } from './query-log.ts'

const DOORS: readonly Transport[] = ['udp', 'tcp', 'tls', 'https', 'api', 'self']
const ORIGINS: readonly LoggedOrigin[] = [
  'cache',
  'zone',
  'upstream',
  'local',
  'blocked',
  'stale',
  'failure',
  'refused',
]
const { A, AAAA, HTTPS, PTR, TXT, MX, NS, SOA, SRV, CNAME, DS } = RecordType
const TYPES = [A, AAAA, HTTPS, PTR, TXT, MX, NS, SOA, SRV, CNAME, DS]
const RCODES = [0, 1, 2, 3, 4, 5, 6]
const OTHER = 'other'
/** Seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Where in TYPES a type stands; the last place is for all others. */
const TYPE_AT = new Uint8Array(256).fill(TYPES.length)
for (const [at, type] of TYPES.entries()) TYPE_AT[type] = at
const DOOR_AT = new Map(DOORS.map((door, at) => [door, at]))
const ORIGIN_AT = new Map(ORIGINS.map((origin, at) => [origin, at]))

interface Answered {
  readonly transport: Transport
  readonly type: number
  readonly rcode: number
  readonly origin: LoggedOrigin
}

export class QuestionCounts {
  readonly #questions = new Counts(DOORS, [...TYPES.map(formatType), OTHER])
  readonly #answers = new Counts(ORIGINS, [...RCODES.map(formatRcode), OTHER])
  readonly #seconds = new Histogram(BOUNDS)

  /** Of an answer from memory: this is done for every question, and makes nothing that has to be thrown away. */
  fromMemory(transport: Transport, type: number, rcode: number): void {
    const door = transport === 'udp' ? 0 : (DOOR_AT.get(transport) ?? 0)
    const typeAt = type < TYPE_AT.length ? TYPE_AT[type]! : TYPES.length
    this.#questions.cells[door * (TYPES.length + 1) + typeAt]!++
    this.#answers.cells[rcode < RCODES.length ? rcode : RCODES.length]!++ // 'cache' is the first of ORIGINS
  }

  add({ transport, type, rcode, origin }: Answered): void {
    this.#questions.add(DOOR_AT.get(transport) ?? 0, type < TYPE_AT.length ? TYPE_AT[type]! : TYPES.length)
    this.#answers.add(ORIGIN_AT.get(origin) ?? 0, Math.min(rcode, RCODES.length))
  }

  /** Of an answer that was not remembered. */
  took(milliseconds: number): void {
    this.#seconds.add(milliseconds / 1000)
  }

  metrics(): Metric[] {
    return [
      {
        name: 'kadns_questions_total',
        help: 'Questions that were answered, by door and type.',
        type: 'counter',
        samples: this.#questions.samples('door', 'type'),
      },
      {
        name: 'kadns_answers_total',
        help: 'Answers, by where they came from and rcode.',
        type: 'counter',
        samples: this.#answers.samples('origin', 'rcode'),
      },
      {
        name: 'kadns_answer_seconds',
        help: 'Time until an answer was ready that was not remembered.',
        type: 'histogram',
        samples: this.#seconds.samples(),
      },
    ]
  }
}
