/** What libp2p remembers of peers, with a bound: it takes in whomever a reply names, and forgets nobody for a month. */
import type { PeerId } from '@libp2p/interface'
import { BaseDatastore } from 'datastore-core'
import { type Datastore, Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import type { Logger } from 'pino'

const PEERS = '/peers/'
/** Of one peer: its addresses pile up with every reply that names it. */
const MAX_PEER_OCTETS = 4096
/** The share that goes when there are too many: to find out who stays takes longer than to forget one. */
const FORGOTTEN_SHARE = 0.1

export interface ShelfLimits {
  /** How many peers are remembered. */
  readonly limit: number
  readonly logger: Logger
}

export class PeerShelf extends BaseDatastore {
  readonly #inner: Datastore
  readonly #limit: number
  readonly #logger: Logger
  #refused = 0
  /** Names of the peers on it, those not read or written for longest first. */
  readonly #names: Set<string>
  /** Who stays, however many there are: those this node is connected with, or would ask. */
  kept: () => Iterable<PeerId> = () => []

  private constructor(inner: Datastore, { limit, logger }: ShelfLimits, names: Iterable<string>) {
    super()
    this.#logger = logger
    this.#inner = inner
    this.#limit = limit
    this.#names = new Set(names)
  }

  static async open(inner: Datastore, limits: ShelfLimits): Promise<PeerShelf> {
    const names: string[] = []
    for await (const key of inner.queryKeys({ prefix: PEERS })) names.push(key.toString())
    return new PeerShelf(inner, limits, names)
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    const name = key.toString()
    if (!name.startsWith(PEERS)) return await this.#inner.put(key, value)
    if (value.length > MAX_PEER_OCTETS) return this.#refuse(key, value.length)
    this.#names.delete(name)
    this.#names.add(name)
    await this.#inner.put(key, value)
    if (this.#names.size > this.#limit) await this.#forget()
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    const value = await this.#inner.get(key)
    if (this.#names.delete(key.toString())) this.#names.add(key.toString())
    return value
  }

  override async has(key: Key): Promise<boolean> {
    return await this.#inner.has(key)
  }

  override async delete(key: Key): Promise<void> {
    this.#names.delete(key.toString())
    await this.#inner.delete(key)
  }

  override batch(): ReturnType<Datastore['batch']> {
    return this.#inner.batch()
  }

  override async *query(query: Query): AsyncGenerator<Pair> {
    yield* this.#inner.query(query)
  }

  override async *queryKeys(query: KeyQuery): AsyncGenerator<Key> {
    yield* this.#inner.queryKeys(query)
  }

  /** What was known of the peer before stays as it is. */
  #refuse(key: Key, octets: number): Key {
    const refused = ++this.#refused
    this.#logger.debug({ peer: key.toString(), octets, refused }, 'too much to remember of one peer')
    return key
  }

  async #forget(): Promise<void> {
    const kept = new Set(Array.from(this.kept(), nameOf))
    const others = Array.from(this.#names).filter((name) => !kept.has(name))
    const forgotten = others.slice(0, Math.ceil(FORGOTTEN_SHARE * this.#limit))
    for (const name of forgotten) this.#names.delete(name)
    const batch = this.#inner.batch()
    for (const name of forgotten) batch.delete(new Key(name))
    await batch.commit()
  }
}

/** Where libp2p's peer store has a peer. */
function nameOf(peer: PeerId): string {
  return `${PEERS}${peer.toCID()}`
}
