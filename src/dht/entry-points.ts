/** The peers to join the network by when no configured one answers: those longest up, kept on disk. */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Datastore, Key } from 'interface-datastore'
import type { Clock } from '../clock.ts'
import { capGroups, ipGroupOfAddress } from './ip-group.ts'

export interface EntryPointsNeeds {
  readonly datastore: Datastore
  readonly clock: Clock
  /** So many are kept. */
  readonly max: number
}

/** On disk as it is here; the times are milliseconds since the epoch. */
interface EntryPoint {
  readonly peer: string
  /** Where it listens, ending in /p2p/ and its peer id. */
  readonly address: string
  /** Since when it has been heard of without a failure. */
  readonly since: number
  readonly heard: number
}

const ENTRY_POINTS = new Key('/entry-points')
/** Milliseconds after which nobody expects a peer at its old address. */
const MAX_AGE = 30 * 86_400_000
/** Octets one of them takes on disk at most; what is longer is not kept. */
const MAX_OCTETS = 512

export class EntryPoints {
  readonly #needs: EntryPointsNeeds
  #kept: readonly EntryPoint[]

  constructor(needs: EntryPointsNeeds, kept: readonly EntryPoint[]) {
    this.#needs = needs
    this.#kept = kept
  }

  /** Where to dial, who was up longest first. */
  addresses(): readonly Multiaddr[] {
    return this.#young().map(({ address }) => multiaddr(address))
  }

  /** A peer answered. @throws what the datastore throws */
  async heard(peer: string, address: Multiaddr): Promise<void> {
    const now = this.#needs.clock.now()
    const since = this.#kept.find((each) => each.peer === peer)?.since ?? now
    const entry = { peer, address: address.toString(), since, heard: now }
    if (JSON.stringify(entry).length > MAX_OCTETS) return
    const all = [...this.#young().filter((each) => each.peer !== peer), entry]
    await this.#keep(all.sort((one, other) => one.since - other.since))
  }

  /** A peer is given up. @throws what the datastore throws */
  async lost(peer: string): Promise<void> {
    const left = this.#kept.filter((each) => each.peer !== peer)
    if (left.length < this.#kept.length) await this.#keep(left)
  }

  #young(): readonly EntryPoint[] {
    const oldest = this.#needs.clock.now() - MAX_AGE
    return this.#kept.filter(({ heard }) => heard >= oldest)
  }

  /** Of one IP group no more than two, as long as there are others: who owns a block shall not own the way in. */
  async #keep(all: readonly EntryPoint[]): Promise<void> {
    const groupOf = ({ address }: EntryPoint) => ipGroupOfAddress(multiaddr(address))
    const { chosen, surplus } = capGroups(all, this.#needs.max, groupOf)
    this.#kept = [...chosen, ...surplus]
    await this.#needs.datastore.put(ENTRY_POINTS, Buffer.from(JSON.stringify(this.#kept)))
  }
}

/** What cannot be read is as good as none: they are found anew. @throws what the datastore throws */
export async function loadEntryPoints(needs: EntryPointsNeeds): Promise<EntryPoints> {
  const { datastore, max } = needs
  if (!(await datastore.has(ENTRY_POINTS))) return new EntryPoints(needs, [])
  const octets = await datastore.get(ENTRY_POINTS)
  return new EntryPoints(needs, octets.length > max * MAX_OCTETS + max + 2 ? [] : parse(octets).slice(0, max))
}

function parse(octets: Uint8Array): EntryPoint[] {
  try {
    const all: unknown = JSON.parse(Buffer.from(octets).toString())
    return Array.isArray(all) ? all.filter(isEntryPoint) : []
  } catch {
    return []
  }
}

function isEntryPoint(value: unknown): value is EntryPoint {
  const { peer, address, since, heard } = (value ?? {}) as Partial<EntryPoint>
  if (typeof peer !== 'string' || typeof address !== 'string') return false
  if (typeof since !== 'number' || typeof heard !== 'number') return false
  try {
    return multiaddr(address).toString() === address
  } catch {
    return false
  }
}
