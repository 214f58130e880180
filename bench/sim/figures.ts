/** Counts to words. */
import type { Check } from './options.ts'

/** The value that `share` of all do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)} % (${part} of ${whole})`
}

/** Median, 99th percentile and largest. */
export function spreadOf(values: readonly number[]): string {
  const [median, late] = [quantile(values, 0.5), quantile(values, 0.99)]
  return `${median.toFixed(1)} median, ${late.toFixed(1)} p99, ${Math.max(...values).toFixed(1)} max`
}

export function atLeast(share: number, counted: { what: string; part: number; whole: number }): Check {
  const { what, part, whole } = counted
  return {
    target: `${what}: at least ${100 * share} %`,
    figure: percent(part, whole),
    met: whole > 0 && part / whole >= share,
  }
}

export function atMost(limit: number, counted: { what: string; value: number }): Check {
  const { what, value } = counted
  return { target: `${what}: at most ${limit}`, figure: value.toFixed(2), met: value <= limit }
}
