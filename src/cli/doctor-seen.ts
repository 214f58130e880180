/** What `kadns doctor` has seen of this machine and the node, and what it says of that. */
import type { Config } from '../config.ts'

export interface Finding {
  readonly check: string
  /** `unsure`: it cannot be told, or matters only to some. */
  readonly state: 'good' | 'bad' | 'unsure'
  readonly sentence: string
  /** What helps; none where nothing is wrong. */
  readonly remedy?: string
}

/** Of GET /v1/node. */
export interface NodeState {
  readonly peers: number
  readonly reach: { readonly mode: string; readonly reason: string }
  readonly clock: { readonly offsetSeconds: number | null; readonly trusted: boolean }
  readonly local?: { readonly peers: number }
}

/** Of GET /v1/packets. */
export interface SeriesState {
  readonly key: string
  /** Packets that are not due yet. */
  readonly left: number
  /** ISO 8601; null: never. */
  readonly until: string | null
}

/** An answer to a question, as GET /v1/resolve tells it. */
export interface Resolved {
  readonly rcode: string
  readonly from: string
  readonly error?: { readonly text: string }
}

/** What was seen of this machine and of the node. */
export interface Seen {
  readonly config: Pick<Config, 'data' | 'dns' | 'upstream' | 'names' | 'dht'>
  /** Undefined where no node answers. */
  readonly node: NodeState | undefined
  /** Programs that hold the port of DNS, or 53. */
  readonly holders: readonly string[]
  readonly port: number
  /** What the node's own port says when it is asked as any client would; undefined where no node answers. */
  readonly door: 'answers' | 'silent' | undefined
  /** An ordinary name, asked of the node. */
  readonly ordinary: Resolved | undefined
  /** What a page says that is the same everywhere, where ordinary names have no answer: 'same', or 'another' behind a captive portal. */
  readonly page: 'same' | 'another' | 'none'
  /** Whether the system's own settings lead names of ours to a node. */
  readonly system: boolean
  readonly directory: {
    readonly exists: boolean
    readonly writable: boolean
    /** Whether others than its owner may look into it. */
    readonly open: boolean
    /** Octets. */
    readonly free: number
  }
  /** Zones signed elsewhere that the node publishes. */
  readonly packets: readonly SeriesState[]
  /** Keys, and of how many there is no copy elsewhere. */
  readonly keys: { readonly count: number; readonly withoutBackup: number; readonly open: readonly string[] }
}
