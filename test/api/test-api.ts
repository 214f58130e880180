/** An API for tests: a publisher that keeps its zones in memory, a resolver that says what it is told to, no network. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { AllowedKeys } from '../../src/allowed-keys.ts'
import { Grants } from '../../src/api/grants.ts'
import { type ApiConfig, type ApiDeps, buildApi, type Reloaded } from '../../src/api/server.ts'
import type { ResourceRecord } from '../../src/dns/message.ts'
import { type Name, parseName } from '../../src/dns/name.ts'
import { single } from '../../src/metrics.ts'
import { PetnameBook } from '../../src/petnames.ts'
import { PublisherFault } from '../../src/publisher/fault.ts'
import { openPackets } from '../../src/publisher/packets.ts'
import type { NewZone, Published, PublishedStatus, Publisher } from '../../src/publisher/published.ts'
import { type Answer, emptyAnswer } from '../../src/resolver/query.ts'
import type { QueryLog } from '../../src/resolver/query-log.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signRevocation, signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryDirectory } from '../support/memory-directory.ts'
import { SIGNED_AT, secretOf } from '../support/zones.ts'

export const TOKEN = 'A'.repeat(43)
export const AUTHORIZED = { authorization: `Bearer ${TOKEN}` }

export const API_CONFIG: ApiConfig = {
  listen: { host: '127.0.0.1', port: 0 },
  maxBody: 65_536,
  requestTimeout: 10_000,
  maxConnections: 100,
  allowedHosts: [],
  maxWritesPerMinute: 600,
  socket: '',
}

/** Keys are made in order, so that a test knows them; each zone is signed a second after the one before. */
export class MemoryPublisher implements Publisher {
  readonly counted = { puts: 0, acknowledgements: 0 }
  storedOn = 0
  superseded: bigint | undefined
  /** Thrown by the next `replace`. */
  fault: Error | undefined
  acknowledgedBy: readonly string[] = []
  nextPut: number | undefined
  readonly listeners = new Set<(key: PublicKey) => void>()
  /** Of the zones made, in order. */
  readonly scopes: string[] = []
  readonly #zones = new Map<string, { zone: SignedZone; secret: Uint8Array }>()
  #sequence = SIGNED_AT

  async create({ content = () => [], scope = 'any' }: NewZone = {}): Promise<SignedZone> {
    const secret = secretOf(this.#zones.size + 1)
    this.scopes.push(scope)
    return this.#sign(secret, content(publicKeyOf(secret)))
  }

  async forget(key: PublicKey): Promise<string> {
    this.#zones.delete(key.label)
    return '/data/zones/forgotten'
  }

  readonly backedUp = new Set<string>()

  async isBackedUp({ label }: PublicKey): Promise<boolean> {
    return this.backedUp.has(label)
  }

  async takeUp(): Promise<readonly PublicKey[]> {
    return []
  }

  /** Tells whoever watches that the status of this zone has changed. */
  tell(key: PublicKey): void {
    for (const listener of this.listeners) listener(key)
  }

  watch(listener: (key: PublicKey) => void): Disposable {
    this.listeners.add(listener)
    return { [Symbol.dispose]: () => this.listeners.delete(listener) }
  }

  async replace(key: PublicKey, records: readonly ResourceRecord[]): Promise<Published> {
    if (this.fault) throw this.fault
    const own = this.#zones.get(key.label)
    if (!own) throw new PublisherFault('unknown-zone', `This node holds no key for zone ${key.label}.`)
    return { zone: this.#sign(own.secret, records), storedOn: this.storedOn }
  }

  async change(
    key: PublicKey,
    change: (newest: SignedZone) => readonly ResourceRecord[],
  ): Promise<Published> {
    const newest = this.get(key)
    if (!newest) throw new PublisherFault('unknown-zone', `This node holds no key for zone ${key.label}.`)
    return await this.replace(key, change(newest))
  }

  /** Ends the key for good. */
  revoke(key: PublicKey): void {
    const own = this.#zones.get(key.label)
    if (own) this.#zones.set(key.label, { ...own, zone: signRevocation(own.secret) })
  }

  /** As another program might sign it. */
  signAt(key: PublicKey, sequence: bigint): void {
    const own = this.#zones.get(key.label)
    if (own) own.zone = signZone(own.secret, { sequence, soa: DEFAULT_SOA, records: [] })
  }

  #sign(secret: Uint8Array, records: readonly ResourceRecord[]): SignedZone {
    this.#sequence += 1_000_000n
    const zone = signZone(secret, { sequence: this.#sequence, soa: DEFAULT_SOA, records })
    this.#zones.set(zone.key.label, { zone, secret })
    return zone
  }

  list(): readonly SignedZone[] {
    return Array.from(this.#zones.values(), ({ zone }) => zone)
  }

  get(key: PublicKey): SignedZone | undefined {
    return this.#zones.get(key.label)?.zone
  }

  statusOf(key: PublicKey): PublishedStatus | undefined {
    const { storedOn, superseded, acknowledgedBy, nextPut } = this
    return this.get(key) && { storedOn, superseded, acknowledgedBy, nextPut }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export interface TestApi extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly deps: ApiDeps
  readonly clock: ManualClock
  readonly publisher: MemoryPublisher
  /** What other nodes hold. */
  readonly directory: MemoryDirectory
  /** What the resolver was asked. */
  readonly asked: { name: Name; type: number }[]
  /** What was written to the log, a line each. */
  readonly log: string[]
  /** What the resolver says. */
  answer: () => Promise<Answer>
  /** What comes of a reload. */
  reload: () => Promise<Reloaded>
  send(options: InjectOptions): Promise<LightMyRequestResponse>
}

/** @param queries questions of late, where they are kept */
export async function openTestApi(config: Partial<ApiConfig> = {}, queries?: QueryLog): Promise<TestApi> {
  const publisher = new MemoryPublisher()
  const directory = new MemoryDirectory()
  const data = await mkdtemp(join(tmpdir(), 'kadns-api-'))
  const clock = new ManualClock()
  const asked: TestApi['asked'] = []
  const log: string[] = []
  const opened = new AsyncDisposableStack()
  const deps: ApiDeps = {
    config: { ...API_CONFIG, ...config },
    token: TOKEN,
    grants: await Grants.open(data, clock),
    clock,
    suffix: parseName('kad.alt'),
    publisher,
    directory,
    petnames: await PetnameBook.open(data),
    allowed: await AllowedKeys.open(data),
    queries,
    metrics: () => [single('gauge', ['kadns_test', 'A number.'], 7)],
    packets: opened.use(
      await openPackets({
        config: { republishInterval: 21_600, maxPackets: 3 },
        clock,
        directory,
        dataDirectory: data,
        logger: silentLogger,
      }),
    ),
    resolve(question) {
      asked.push(question)
      return api.answer()
    },
    reload: () => api.reload(),
    node: () => ({
      peerId: '12D3KooW',
      addresses: ['/ip4/127.0.0.1/tcp/4601/p2p/12D3KooW'],
      reach: { mode: 'server', reason: 'dht.mode is server.' },
      peers: 3,
      clock: { offsetSeconds: -2, trusted: true },
      dns: '127.0.0.1:5300',
      api: '127.0.0.1:8053',
    }),
    logger: pino({ base: null }, { write: (line) => log.push(line) }),
  }
  const app = await buildApi(deps)
  const api: TestApi = {
    ...{ app, deps, clock, publisher, directory, asked, log },
    answer: async () => emptyAnswer(0, 'local'),
    reload: async () => ({ faults: [], keys: [], lists: [], waiting: [] }),
    send: async (options) => await app.inject(options),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      await opened.disposeAsync()
      await rm(data, { recursive: true })
    },
  }
  return api
}

/** The key of the zone the publisher makes first, second… */
export function labelOf(number: number): string {
  return publicKeyOf(secretOf(number)).label
}

/** Makes a zone and puts records into it, given as `name type value [ttl]` parts. */
export async function putRecords(api: TestApi, records: unknown, label = labelOf(1)) {
  if (api.publisher.list().length === 0) await api.publisher.create()
  const reply = await api.send({
    method: 'PUT',
    url: `/v1/zones/${label}/records`,
    headers: { ...AUTHORIZED, 'content-type': 'application/json' },
    payload: typeof records === 'string' ? records : JSON.stringify({ records }),
  })
  return { status: reply.statusCode, type: reply.headers['content-type'], body: reply.json() }
}
