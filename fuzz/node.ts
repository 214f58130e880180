/** The program itself, as people start it, with a zone of its own: what the ports target sends its packets to. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OwnZones } from '../src/publisher/own-zones.ts'
import { signZone } from '../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../src/zone/soa.ts'
import { ALONE, type Running, Workplace } from '../test/cli/kadns.ts'
import { ADDRESS } from './answers.ts'
import { KEY, SECRET } from './corpus.ts'
import type { EncryptedPorts } from './encrypted.ts'

const PROGRAM = join(import.meta.dirname, '../bin/kadns.js')
/** A small memory for answers and short patience, so that what is to stay flat and what is to be cut off does so soon. */
const SETTINGS = ['--dns-cache-octets=1048576', '--dns-tcp-idle=2000', '--dns-tcp-message-timeout=1000']
const FIXTURES = join(import.meta.dirname, '../test/fixtures')
const ENCRYPTED = [
  '--dns-tls-listen=127.0.0.1:0',
  '--dns-https-listen=127.0.0.1:0',
  `--dns-certificate=${join(FIXTURES, 'door-certificate.pem')}`,
  `--dns-private-key=${join(FIXTURES, 'door-key.pem')}`,
]
/** A small heap: what is kept for good shows at once, and is not hidden behind garbage that V8 is in no hurry to collect. */
const SMALL_HEAP = ['--max-old-space-size=96', '--max-semi-space-size=4']
/** What it says when it is up. */
const UP =
  /DNS +127\.0\.0\.1:(\d+)[\s\S]*DoT +127\.0\.0\.1:(\d+)[\s\S]*DoH +https:\/\/127\.0\.0\.1:(\d+)[\s\S]*REST +(http:\/\/[\d.:]+)[\s\S]*libp2p.*\n/
/** Of pino: a line at this level or above is a fault nobody foresaw. */
const LEVEL_ERROR = 50
/** Lines of its complaint that are told. */
const MAX_LINES = 20
/** Milliseconds to end in; it gives itself five seconds. */
const END_WITHIN = 10_000

export class FuzzedNode implements AsyncDisposable {
  readonly port: number
  readonly encrypted: EncryptedPorts
  /** Where its REST is, as `http://127.0.0.1:8053`, and the token for it. */
  readonly api: string
  readonly token: string
  readonly #place: Workplace
  readonly #running: Running
  #said = ''

  private constructor(parts: {
    ports: EncryptedPorts & { udp: number }
    place: Workplace
    running: Running
    rest: { api: string; token: string }
  }) {
    this.api = parts.rest.api
    this.token = parts.rest.token
    this.port = parts.ports.udp
    this.encrypted = parts.ports
    this.#place = parts.place
    this.#running = parts.running
    this.#running.child.stderr?.on('data', (octets) => {
      this.#said += octets
    })
  }

  static async start(): Promise<FuzzedNode> {
    await using opening = new AsyncDisposableStack()
    const place = opening.use(await Workplace.open())
    const data = join(place.directory, 'data')
    await plantKey(join(data, 'zones'))
    const running = place.spawn(process.execPath, [
      ...SMALL_HEAP,
      PROGRAM,
      'up',
      '--data=data',
      ...ALONE,
      ...SETTINGS,
      ...ENCRYPTED,
    ])
    const [, udp, tls, https, api = ''] = await running.says(UP)
    const token = readFileSync(join(data, 'api-token'), 'latin1').trim()
    await publish(`${api}/v1/zones/${KEY.label}/records`, token)
    opening.move()
    const ports = { udp: Number(udp), tls: Number(tls), https: Number(https) }
    return new FuzzedNode({ ports, place, running, rest: { api, token } })
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.#running.child
    return exitCode === null && signalCode === null
  }

  /** What it has said since it was up that no program in order says; undefined when it is in order. */
  get complaint(): string | undefined {
    const lines = this.#said.split('\n').slice(0, -1).filter(isFault)
    return lines.length === 0 ? undefined : `it said: ${lines.slice(0, MAX_LINES).join('\n')}`
  }

  /** Octets of memory it holds; undefined where the system has no /proc. */
  get rss(): number | undefined {
    const status = attempt(() => readFileSync(`/proc/${this.#running.child.pid}/status`, 'latin1'))
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(status ?? '')?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  }

  /** Files and sockets it has open; undefined where the system has no /proc. */
  get openFiles(): number | undefined {
    return attempt(() => readdirSync(`/proc/${this.#running.child.pid}/fd`).length)
  }

  /** Stops it as an interrupt would. @returns what was wrong with its end, one sentence each */
  async stop(): Promise<string[]> {
    const faults = this.isRunning ? [] : ['the program ended by itself']
    this.#running.child.kill('SIGTERM')
    const late = setTimeout(() => this.#running.child.kill('SIGKILL'), END_WITHIN)
    const { code } = await this.#running.ended
    clearTimeout(late)
    if (code !== 0) faults.push(`the program ended with ${code ?? 'a signal'}`)
    return faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place[Symbol.asyncDispose]()
  }
}

/** Whether this is neither where the node listens nor a line of its log below "error". */
function isFault(line: string): boolean {
  if (line === '' || line === 'KadNS is up.' || /^ {2}(DNS|DoT|DoH|REST|libp2p) /.test(line)) return false
  const logged = attempt(() => JSON.parse(line) as { level?: number })
  return logged?.level === undefined || logged.level >= LEVEL_ERROR
}

function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** The key of the corpus, so that its questions are for this node's zone, and a case is the same in every run. */
async function plantKey(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files = new OwnZones(directory)
  const sequence = BigInt(Date.now()) * 1000n
  await files.writeZone(signZone(SECRET, { sequence, soa: DEFAULT_SOA, records: [] }))
  await files.writeKey({ key: KEY, secret: SECRET })
}

async function publish(url: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const records = [{ name: 'www', type: 'A', ttl: 300, value: ADDRESS }]
  const reply = await fetch(url, { method: 'PUT', headers, body: JSON.stringify({ records }) })
  assert.ok(reply.ok, `${url}: ${reply.status}`)
}
