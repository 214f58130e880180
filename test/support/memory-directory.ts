import type { Clock } from '../../src/clock.ts'
import type {
  FindOptions,
  Followed,
  FollowOptions,
  Lookup,
  LookupStep,
  NodeLookup,
  Relayed,
  ZoneDirectory,
} from '../../src/zone/directory.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { checkTime, compareZones, isAhead, type SignedZone } from '../../src/zone/signed-zone.ts'

const HOME = { asked: 0, hops: 0, milliseconds: 0 }

/** A directory without a network: what is published is found, and everything asked of it is written down. */
export class MemoryDirectory implements ZoneDirectory {
  readonly zones = new Map<string, SignedZone>()
  readonly finds: { label: string; maxAge: number | undefined }[] = []
  /** What `find` says of keys it has no zone for. */
  otherwise: Lookup = { kind: 'absent', effort: HOME }
  /** Seconds since confirmation that `find` tells of, and until the next. */
  age = 0
  freshFor = 300
  storedOn = 0
  /** Zones that no other node acknowledged. */
  readonly unheard = new Set<SignedZone>()
  /** Where set, zones have to be of its time, as in the network. */
  clock: Clock | undefined
  #watchers = new Set<(zone: SignedZone) => void>()
  #peerWatchers = new Set<() => void>()

  async find(key: PublicKey, { maxAge }: FindOptions): Promise<Lookup> {
    this.finds.push({ label: key.label, maxAge })
    const zone = this.zones.get(key.label)
    if (!zone) return this.otherwise
    if (maxAge !== undefined && maxAge <= this.age) this.age = 0
    return { kind: 'found', zone, age: this.age, freshFor: this.freshFor, effort: HOME }
  }

  /** What `follow` tells of. */
  steps: readonly LookupStep[] = []
  copies = 0

  async follow(key: PublicKey, { tell }: FollowOptions): Promise<Followed> {
    for (const step of this.steps) tell?.(step)
    const zone = this.zones.get(key.label)
    if (!zone) return { kind: this.otherwise.kind, copies: 0, effort: HOME }
    return { kind: 'found', sequence: zone.sequence, copies: this.copies, effort: HOME }
  }

  async publish(zone: SignedZone): Promise<{ storedOn: number }> {
    if (this.clock) checkTime(zone, this.clock.now())
    const before = this.zones.get(zone.key.label)
    const order = before ? compareZones(zone, before) : 1
    if (order < 0) throw new ZoneFault('older', 'A newer zone than the one to publish is known.')
    if (order > 0) {
      this.zones.set(zone.key.label, zone)
      for (const watcher of this.#watchers) watcher(zone)
    }
    return { storedOn: this.storedOn }
  }

  /** How many other nodes take what is relayed; undefined: it is refused as too much. */
  relayedTo: number | undefined = 20

  async relay(zone: SignedZone): Promise<Relayed> {
    if (this.relayedTo === undefined) return { kind: 'busy' }
    await this.publish(zone)
    return { kind: 'taken', storedOn: this.relayedTo }
  }

  /** Nodes that have chosen a name, by their labels. */
  readonly nodes = new Map<string, NodeLookup>()

  async findNode(label: string): Promise<NodeLookup> {
    return this.nodes.get(label) ?? { kind: 'absent' }
  }

  async floorOf(key: PublicKey): Promise<bigint> {
    return this.zones.get(key.label)?.sequence ?? 0n
  }

  async isBinding(zone: SignedZone): Promise<boolean> {
    return !this.unheard.has(zone) || !this.clock || !isAhead(zone, this.clock.now())
  }

  watch(listener: (zone: SignedZone) => void): Disposable {
    this.#watchers.add(listener)
    return { [Symbol.dispose]: () => this.#watchers.delete(listener) }
  }

  watchPeers(listener: () => void): Disposable {
    this.#peerWatchers.add(listener)
    return { [Symbol.dispose]: () => this.#peerWatchers.delete(listener) }
  }

  /** A node to publish to appears. */
  addPeer(): void {
    for (const watcher of this.#peerWatchers) watcher()
  }
}
