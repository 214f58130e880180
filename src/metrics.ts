/** What a node counts, as values; the API writes them down as Prometheus reads them. Counting costs an addition, reading is done when asked. */

/** One number, and what it is of. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
}

export interface Metric {
  /** With its unit, and `_total` where it only grows. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

/** Counts by words of fixed lists, such as doors and rcodes: one cell for each combination. */
export class Counts<Words extends readonly (readonly string[])[]> {
  readonly #lists: Words
  /** For who counts a million a minute and knows the place: the last list's words follow one another. */
  readonly cells: Float64Array

  constructor(...lists: Words) {
    this.#lists = lists
    this.cells = new Float64Array(lists.reduce((product, list) => product * list.length, 1))
  }

  /** @param at where in each list */
  add(...at: { [Index in keyof Words]: number }): void {
    let cell = 0
    for (let list = 0; list < at.length; list++) cell = cell * this.#lists[list]!.length + at[list]!
    this.cells[cell]!++
  }

  /** Those that are not zero. @param names of the labels */
  samples(...names: { [Index in keyof Words]: string }): Sample[] {
    return Array.from(this.cells, (value, cell) => ({ value, labels: this.#labelsOf(cell, names) })).filter(
      ({ value }) => value > 0,
    )
  }

  #labelsOf(cell: number, names: readonly string[]): Record<string, string> {
    const labels: [string, string][] = []
    for (let list = this.#lists.length - 1, rest = cell; list >= 0; list--) {
      const words = this.#lists[list]!
      labels.unshift([names[list]!, words[rest % words.length]!])
      rest = Math.trunc(rest / words.length)
    }
    return Object.fromEntries(labels)
  }
}

/** How long things took, in buckets that are fixed. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** @param bounds upper ones, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  add(value: number): void {
    let at = 0
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++
    this.#counts[at]!++
    this.#sum += value
  }

  /** Cumulative, as Prometheus wants them. */
  samples(labels: Readonly<Record<string, string>> = {}): Sample[] {
    let below = 0
    const buckets = [...this.#bounds.map(String), '+Inf'].map((le, at): Sample => {
      below += this.#counts[at]!
      return { suffix: '_bucket', labels: { ...labels, le }, value: below }
    })
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value: below },
    ]
  }
}

/** One number of a node. */
export function single(
  type: 'counter' | 'gauge',
  [name, help]: readonly [string, string],
  value: number,
): Metric {
  return { name, help, type, samples: [{ value }] }
}

/** Prometheus' text format 0.0.4, or OpenMetrics 1.0, which ends in a word and names counters without `_total`. */
export function formatMetrics(metrics: readonly Metric[], isOpenMetrics: boolean): string {
  const blocks = metrics.map(({ name, help, type, samples }) => {
    const family = isOpenMetrics && type === 'counter' ? name.replace(/_total$/, '') : name
    const lines = samples.map(
      ({ labels = {}, value, suffix = '' }) => `${name}${suffix}${formatLabels(labels)} ${value}`,
    )
    return [`# HELP ${family} ${help}`, `# TYPE ${family} ${type}`, ...lines].join('\n')
  })
  return `${blocks.join('\n')}\n${isOpenMetrics ? '# EOF\n' : ''}`
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
