/** What has become of a zone this node signed, for its owner to see. */

import type { PublisherDeps } from './config.ts'
import type { OwnZone } from './own-zones.ts'
import type { PublishedStatus } from './published.ts'

export function statusOf(
  { storedOn, acknowledgedBy, superseded, lastPut }: OwnZone,
  { clock, config }: Pick<PublisherDeps, 'clock' | 'config'>,
): PublishedStatus {
  const since = lastPut === undefined ? undefined : clock.monotonic() - lastPut
  const nextPut = since === undefined ? undefined : clock.now() + config.republishInterval * 1000 - since
  return { storedOn, acknowledgedBy: [...acknowledgedBy], superseded, nextPut }
}
