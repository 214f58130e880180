/** What all rows of the simulator are run with. */
import { loadConfig } from '../../src/config.ts'
import type { DhtConfig } from '../../src/dht/config.ts'
import { Random } from './random.ts'

export interface SimOptions {
  /** The node's own defaults. */
  readonly config: DhtConfig
  readonly seed: string
  /** Of each row; unset: as many as the row needs to judge its target. */
  readonly trials?: number | undefined
  /** Nodes of the network; unset: what the row says. */
  readonly nodes?: number | undefined
  /** Milliseconds of one round trip. */
  readonly roundTrip: number
  /** Deviation of the logarithm of a link's round trip; 0: all links are alike. */
  readonly spread: number
  /** Connections a node opens into each bucket besides those to its neighbours. */
  readonly warm: number
  /** Says how far a row has come. */
  progress(words: string): void
}

export interface Check {
  readonly target: string
  readonly figure: string
  readonly met: boolean
}

/** What a row has to say. */
export interface RowResult {
  readonly trials: number
  readonly nodes: string
  readonly checks: readonly Check[]
  /** Figures without a target. */
  readonly notes: readonly string[]
}

export interface Row {
  readonly name: string
  readonly what: string
  run(options: SimOptions): Promise<RowResult>
}

export function defaultConfig(): DhtConfig {
  return loadConfig({ flags: {}, environment: {} }).config.dht
}

/** Chance of its own for each use, so that one row does not move another. */
export function randomFor({ seed }: SimOptions, use: string): Random {
  return new Random(`${seed} ${use}`)
}
