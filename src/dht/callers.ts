/** From which IP groups peers have dialled this node: who has got in cannot have lied about it. */
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../clock.ts'
import { isGlobal } from './addresses.ts'
import { ipGroupOfAddress } from './ip-group.ts'

/** Protocol 5, "Server or client": so many IP groups of an address's family, within so many milliseconds. */
const GROUPS = 2
const RECENT = 3_600_000

export class Callers {
  readonly #clock: Clock
  /** When somebody of a group last dialled, by family; the last groups alone, latest last. */
  readonly #groups = new Map<string, Map<string, number>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counted is who came from outside: a private address may be of the same house, behind the same router. */
  note({ direction, remoteAddr }: Pick<Connection, 'direction' | 'remoteAddr'>): void {
    const group = ipGroupOfAddress(remoteAddr)
    if (direction !== 'inbound' || group === undefined || !isGlobal(remoteAddr)) return
    const family = familyOf(remoteAddr)
    const groups = this.#groups.get(family) ?? new Map<string, number>()
    groups.delete(group)
    groups.set(group, this.#clock.monotonic())
    const [oldest = ''] = groups.keys()
    if (groups.size > GROUPS) groups.delete(oldest)
    this.#groups.set(family, groups)
  }

  /** Whether enough have lately got in by the family of this address. */
  haveReached(address: Multiaddr): boolean {
    const since = this.#clock.monotonic() - RECENT
    const times = [...(this.#groups.get(familyOf(address))?.values() ?? [])]
    return times.filter((time) => time >= since).length >= GROUPS
  }
}

function familyOf(address: Multiaddr): string {
  return address.getComponents()[0]?.name ?? ''
}
