/** Keeps own zones alive: puts them again every few hours, signs them anew at half life, sends what waits when a node appears. */
import type { Clock } from '../clock.ts'
import type { ZoneDirectory } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import { isAhead, type SignedZone } from '../zone/signed-zone.ts'
import type { PublisherConfig } from './config.ts'
import type { OwnZone } from './own-zones.ts'

/** What tending asks of the publisher. */
export interface Tended {
  owned(): Iterable<OwnZone>
  put(key: PublicKey): Promise<void>
  renew(key: PublicKey): Promise<void>
}

export interface TendingDeps {
  readonly clock: Clock
  readonly config: PublisherConfig
  readonly directory: ZoneDirectory
}

/** Milliseconds between two rounds. */
const ROUND = 60_000
/** Acknowledgements that are all one can have (Kademlia's k); with fewer, new nodes are worth another put. */
export const ENOUGH = 20
/** Of its life a zone has lived when it is signed anew. */
const RENEW_AFTER = 0.5

export function tend(publisher: Tended, { clock, config, directory }: TendingDeps): Disposable {
  const open = new DisposableStack()
  let alarm: Disposable | undefined
  let peersCame = false
  const round = () => {
    for (const own of publisher.owned()) {
      careFor(publisher, own, { clock, config, peersCame })
    }
    peersCame = false
    alarm = clock.after(ROUND, round)
  }
  open.use(
    directory.watchPeers(() => {
      peersCame = true
      for (const own of publisher.owned()) if (own.storedOn === 0) void publisher.put(own.key)
    }),
  )
  open.defer(() => alarm?.[Symbol.dispose]())
  round()
  return open
}

function careFor(
  publisher: Tended,
  { key, zone, storedOn, lastPut }: OwnZone,
  { clock, config, peersCame }: Pick<TendingDeps, 'clock' | 'config'> & { readonly peersCame: boolean },
): void {
  const now = clock.now()
  const lived = zone.revoked ? 0 : shareLived(zone, now)
  const nextPut = lastPut === undefined ? 0 : lastPut + config.republishInterval * 1000
  if (lived >= RENEW_AFTER) void publisher.renew(key)
  else if ((peersCame && storedOn < ENOUGH) || clock.monotonic() >= nextPut || isAhead(zone, now))
    void publisher.put(key)
}

/** Of its life, how much a zone has lived: 1 when it expires. */
export function shareLived({ sequence, expires }: SignedZone, now: number): number {
  const signed = Number(sequence / 1000n)
  return (now - signed) / (expires - signed)
}
