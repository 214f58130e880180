/** Where a zone may go (protocol 2, "MNAME is the scope"), and what one of the two networks sees of the one zone store. */
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { PutOptions, PutOutcome } from './zone-put.ts'
import type { ZoneStore } from './zone-store.ts'

/** The wide area, or this local network. */
export type Side = 'wan' | 'lan'

/** What a network's own parts use of the store. */
export type SharedStore = Pick<ZoneStore, 'get' | 'getByOctets' | 'holding' | 'put' | 'watch'>

export function carries(side: Side, { soa }: SignedZone): boolean {
  return soa.scope === 'any' || soa.scope === side
}

/** @throws ZoneFault `scope` */
export function checkScope(side: Side, zone: SignedZone): void {
  if (carries(side, zone)) return
  const place = side === 'wan' ? 'the wide area' : 'a local network'
  throw new ZoneFault('scope', `Zone ${zone.key.label} is not for ${place}.`)
}

/** The zone store as the peers of one network see it: what is not for them is not there, and is not taken from them. */
export class ScopedStore implements SharedStore {
  readonly #store: SharedStore
  readonly #side: Side

  constructor(store: SharedStore, side: Side) {
    this.#store = store
    this.#side = side
  }

  async get(key: PublicKey): Promise<SignedZone | undefined> {
    return this.#visible(await this.#store.get(key))
  }

  async getByOctets(octets: Uint8Array): Promise<SignedZone | undefined> {
    return this.#visible(await this.#store.getByOctets(octets))
  }

  async holding(bytes: Uint8Array): Promise<SignedZone | undefined> {
    return this.#visible(await this.#store.holding(bytes))
  }

  /** @throws ZoneFault `scope` besides those of the store */
  async put(zone: SignedZone, options: PutOptions): Promise<PutOutcome> {
    checkScope(this.#side, zone)
    const outcome = await this.#store.put(zone, options)
    return outcome.kind === 'older' ? { ...outcome, newest: this.#visible(outcome.newest) } : outcome
  }

  watch(listener: (zone: SignedZone) => void): Disposable {
    return this.#store.watch((zone) => carries(this.#side, zone) && listener(zone))
  }

  #visible(zone: SignedZone | undefined): SignedZone | undefined {
    return zone && carries(this.#side, zone) ? zone : undefined
  }
}
