/** Whole nodes, as `kadns up` runs them: every room, real sockets on loopback, free ports, data that goes away. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readToken, tokenFile } from '../../src/api/token.ts'
import type { Clock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config.ts'
import { type Daemon, openDaemon } from '../../src/daemon.ts'
import { silentLogger, temporaryDirectory } from './dht.ts'
import { ShiftedClock } from './shifted-clock.ts'

export interface NodeOptions {
  /** Directory of its data; one of its own unless said otherwise. */
  readonly data?: string
  readonly bootstrap?: readonly string[]
  /** `host:port` */
  readonly upstream?: string
  /** Keys whose zones may lead to private addresses. */
  readonly trusted?: readonly string[]
  /** Whether it may be found by its name. */
  readonly named?: boolean
  /** Milliseconds its clock is ahead from the start. */
  readonly later?: number
}

/** A running node, and a client of its REST. */
export class TestNode {
  readonly daemon: Daemon
  readonly data: string
  readonly clock: ShiftedClock

  constructor(daemon: Daemon, data: string, clock: ShiftedClock) {
    this.daemon = daemon
    this.data = data
    this.clock = clock
  }

  get dns(): string {
    return this.daemon.dns[0] ?? ''
  }

  async get<Body>(path: string): Promise<Body> {
    const reply = await fetch(`http://${this.daemon.api}${path}`)
    assert.equal(reply.status, 200)
    return (await reply.json()) as Body
  }

  /** Sends JSON with the token. @param body undefined sends none */
  async send<Body>(method: 'POST' | 'PUT', path: string, body?: unknown): Promise<Body> {
    const token = await readToken(tokenFile(this.data))
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const reply = await fetch(`http://${this.daemon.api}${path}`, { method, headers, ...content })
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${reply.ok ? '' : await reply.text()}`)
    return (await reply.json()) as Body
  }

  close(): Promise<void> {
    return Promise.resolve(this.daemon[Symbol.asyncDispose]())
  }
}

export class TestNodes implements AsyncDisposable {
  readonly #opened = new AsyncDisposableStack()
  #root: string | undefined
  #count = 0

  async open({ data, later = 0, ...options }: NodeOptions = {}): Promise<TestNode> {
    this.#root ??= this.#opened.use(await temporaryDirectory()).path
    const directory = data ?? join(this.#root, String(this.#count++))
    const clock = new ShiftedClock()
    clock.advance(later)
    const daemon = await openDaemon(testConfig({ ...options, data: directory }), {
      logger: silentLogger,
      clock: clock as Clock,
    })
    const node = new TestNode(daemon, directory, clock)
    this.#opened.defer(() => node.close())
    return node
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

function testConfig({ data = '', bootstrap = [], upstream = '', trusted = [], named = false }: NodeOptions) {
  const flags = {
    data,
    'dns-listen': '127.0.0.1:0',
    'api-listen': '127.0.0.1:0',
    'dht-listen': '/ip4/127.0.0.1/tcp/0',
    'dht-bootstrap': bootstrap.join(','),
    'upstream-servers': upstream,
    'dht-named': named ? 'on' : 'off',
    'relay-listen': '127.0.0.1:0',
    'names-private-addresses': trusted.join(','),
  }
  return loadConfig({ flags, environment: {} }).config
}
