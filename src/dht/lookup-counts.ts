/** Lookups among other nodes, counted by what came of them; what is answered at home is none. */
import { Counts, Histogram, type Metric } from '../metrics.ts'
import type { Lookup } from '../zone/directory.ts'

const KINDS: readonly Lookup['kind'][] = ['found', 'absent', 'bogus', 'unreachable']
/** Seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const HOPS = [1, 2, 3, 4, 6, 8]

export class LookupCounts {
  readonly #lookups = new Counts(KINDS)
  readonly #seconds = new Histogram(BOUNDS)
  readonly #hops = new Histogram(HOPS)
  #asked = 0

  add({ kind, effort: { asked, hops, milliseconds } }: Lookup): void {
    if (asked === 0) return
    this.#lookups.add(KINDS.indexOf(kind))
    this.#seconds.add(milliseconds / 1000)
    this.#hops.add(hops)
    this.#asked += asked
  }

  metrics(): Metric[] {
    return [
      {
        name: 'kadns_lookups_total',
        help: 'Zones looked for among other nodes, by outcome.',
        type: 'counter',
        samples: this.#lookups.samples('outcome'),
      },
      {
        name: 'kadns_lookup_seconds',
        help: 'Time they took.',
        type: 'histogram',
        samples: this.#seconds.samples(),
      },
      {
        name: 'kadns_lookup_hops',
        help: 'Peers one behind the other on the way to the answer.',
        type: 'histogram',
        samples: this.#hops.samples(),
      },
      {
        name: 'kadns_lookup_requests_total',
        help: 'Peers asked in them.',
        type: 'counter',
        samples: [{ value: this.#asked }],
      },
    ]
  }
}
