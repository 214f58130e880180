/** What others may ask of the publisher, and what it says of a zone it has handed to the network. */
import type { ResourceRecord } from '../dns/message.ts'
import type { PublicKey } from '../zone/key.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import type { ZoneSoa } from '../zone/soa.ts'

export interface Published {
  readonly zone: SignedZone
  /** Other nodes that acknowledged it; 0 means it is kept here and sent when a node appears. */
  readonly storedOn: number
}

export interface NewZone {
  /** Its records, or none. What this throws is thrown, and there is no key. */
  readonly content?: (key: PublicKey) => readonly ResourceRecord[]
  /** Which networks may carry it, now and whenever it is signed anew; any. */
  readonly scope?: ZoneSoa['scope']
}

export interface Publisher extends AsyncDisposable {
  /** Rounds of putting a zone on other nodes, and acknowledgements, since the start. */
  readonly counted: { readonly puts: number; readonly acknowledgements: number }
  /**
   * Makes a key and signs its first zone. Both are on disk when this returns; the network has it a little later.
   */
  create(made?: NewZone): Promise<SignedZone>
  /**
   * Signs `records` (no SOA among them) as the zone's whole content, keeps and publishes it. Returns when as many nodes have
   * acknowledged it as hold a zone in one place; it is put in the other places behind that, and read back.
   * @throws PublisherFault, or ZoneFault `size` / `content` when they make no zone; then nothing has changed
   */
  replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published>
  /**
   * The same with what is made of the newest content there is, of this device or another that this node can hear of. Nothing
   * else is signed in between.
   * @param change what it throws is thrown, and nothing has changed
   */
  change(key: PublicKey, change: (newest: SignedZone) => readonly ResourceRecord[]): Promise<Published>
  /**
   * Signs this zone no more. Nothing is lost: key and zone are put away on disk, and other nodes have the zone until it expires.
   * @returns the directory they are put away in
   */
  forget(key: PublicKey): Promise<string>
  /** Keys whose files have come since: restored, or copied from another device. @returns those @throws PublisherFault `damaged` */
  takeUp(): Promise<readonly PublicKey[]>
  /** Whether its owner has made a copy of the key. */
  isBackedUp(key: PublicKey): Promise<boolean>
  list(): readonly SignedZone[]
  get(key: PublicKey): SignedZone | undefined
  /** What has become of its last zone; undefined for a key that is not this node's. */
  statusOf(key: PublicKey): PublishedStatus | undefined
  /** Tells of each zone whose status has changed, from now until disposed. */
  watch(listener: (key: PublicKey) => void): Disposable
}

export interface PublishedStatus {
  /** Other nodes that have acknowledged it so far. */
  readonly storedOn: number
  /** Peer ids of those that did last. */
  readonly acknowledgedBy: readonly string[]
  /** Milliseconds since the epoch: when it is put again by itself; undefined while it is being put, and until it could be. */
  readonly nextPut: number | undefined
  /** The sequence this node signed, where a newer zone of another device has been adopted since. */
  readonly superseded: bigint | undefined
}
