/** What the publisher is told, and what it works with. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import type { Passphrase } from './sealing.ts'

export interface PublisherConfig {
  /** Seconds a signed zone lives. */
  readonly zoneLifetime: number
  /** Seconds after which readers look for a newer zone. */
  readonly zoneRefresh: number
  /** Seconds an answer lasts that says no. */
  readonly zoneMinimum: number
  /** Seconds between two puts of a zone that has not changed. */
  readonly republishInterval: number
}

export interface PublisherDeps {
  readonly clock: Clock
  readonly config: PublisherConfig
  readonly dataDirectory: string
  /** That keys are sealed with on the disk, where they are. */
  readonly passphrase?: Passphrase | undefined
  readonly directory: ZoneDirectory
  readonly logger: Logger
}
