/** What a key of this node signed last, as its file and the network have it. */
import type { Logger } from 'pino'
import type { ZoneDirectory } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import { compareZones, type SignedZone } from '../zone/signed-zone.ts'
import type { OwnZones } from './own-zones.ts'

export interface LoadingNeeds {
  readonly files: OwnZones
  readonly directory: Pick<ZoneDirectory, 'find'>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * What this key signed last, here or elsewhere: the file may be from a backup, or the key from another device. A key of
 * which no zone is known signs nothing by itself: an empty zone would wipe out what the network may still hold.
 */
export async function newestOf(
  key: PublicKey,
  { files, directory, logger, signal }: LoadingNeeds,
): Promise<SignedZone | undefined> {
  const kept = await files.readZone(key)
  const lookup = await directory.find(key, { signal })
  const found = lookup.kind === 'found' ? lookup.zone : undefined
  if (found && (!kept || compareZones(found, kept) > 0)) {
    await files.writeZone(found)
    logger.warn(
      { zone: key.label },
      'the network holds a newer zone of our own key than its file; it was adopted',
    )
    return found
  }
  if (!kept)
    logger.error(
      { zone: key.label },
      'a key has no zone file, and no node that holds its zone was reached: it is left alone until the next start',
    )
  return kept
}
