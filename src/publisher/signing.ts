/** Signs a zone for now, and above everything seen of its key. */
import type { Clock } from '../clock.ts'
import type { ResourceRecord } from '../dns/message.ts'
import type { PublicKey } from '../zone/key.ts'
import { formatTime, type SignedZone, signZone, TOLERANCE } from '../zone/signed-zone.ts'
import { DEFAULT_SOA, type ZoneSoa } from '../zone/soa.ts'
import type { PublisherConfig } from './config.ts'
import { PublisherFault } from './fault.ts'
import type { OwnKey } from './key-text.ts'

interface Content {
  /** The highest sequence seen. */
  readonly above: bigint
  /** No SOA among them. */
  readonly records: readonly ResourceRecord[]
  /** Which networks may carry the zone. */
  readonly scope: ZoneSoa['scope']
}

/** @throws PublisherFault `clock`, or ZoneFault `size` / `content` */
export function signAbove(
  { key, secret }: OwnKey,
  { above, records, scope }: Content,
  { clock, config }: { readonly clock: Clock; readonly config: PublisherConfig },
): SignedZone {
  const now = clock.now()
  const microseconds = BigInt(Math.trunc(now)) * 1000n
  const sequence = microseconds > above ? microseconds : above + 1n
  if (sequence > microseconds + BigInt(TOLERANCE) * 1000n) throw clockFault(key, { now, above })
  const { zoneLifetime: expire, zoneRefresh: refresh, zoneMinimum: minimum } = config
  return signZone(secret, { sequence, soa: { ...DEFAULT_SOA, scope, expire, refresh, minimum }, records })
}

function clockFault(key: PublicKey, { now, above }: { now: number; above: bigint }): PublisherFault {
  const seen = formatTime(Number(above / 1000n)) ?? `${above} microseconds`
  return new PublisherFault(
    'clock',
    `Zone ${key.label} was last signed at ${seen}, over ten minutes after what this clock says: ${new Date(now).toISOString()}.`,
  )
}
