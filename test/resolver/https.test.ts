/** The door of DNS over HTTPS: what is asked and answered by HTTP/2 and HTTP/1.1, and what is refused with which status. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { request as requestHttp1 } from 'node:https'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { pino } from 'pino'
import type { DnsConfig } from '../../src/resolver/config.ts'
import { listenHttps } from '../../src/resolver/listeners/https.ts'
import type { Listener } from '../../src/resolver/listeners/listener.ts'
import { queryPacket, readReply } from '../support/queries.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { octets } from '../support/wire.ts'
import { linesOf } from '../support/zones.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures')
const FILES = {
  certificate: join(FIXTURES, 'upstream-certificate.pem'),
  privateKey: join(FIXTURES, 'upstream-key.pem'),
}
const MESSAGE = 'application/dns-message'
const SCRIPT: Script = {
  'silent.example.com A': { silent: true },
  'www.example.com A': { answer: 'www.example.com. 300 IN A 192.0.2.1\nwww.example.com. 300 IN A 192.0.2.2' },
  'none.example.com A': {
    rcode: 3,
    authority: 'example.com. 900 IN SOA ns.example.com. mail.example.com. 1 2 3 4 77',
  },
}

interface Got {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: Buffer
}

/** A whole resolver behind an HTTPS door. */
class Door implements AsyncDisposable {
  readonly resolver: TestResolver
  readonly logged: string[] = []
  readonly #listener: Listener
  readonly #opened: AsyncDisposableStack

  private constructor(resolver: TestResolver, listener: Listener, opened: AsyncDisposableStack) {
    this.resolver = resolver
    this.#listener = listener
    this.#opened = opened
  }

  static async open(config: Partial<DnsConfig> = {}, mayAsk = () => true): Promise<Door> {
    await using opening = new AsyncDisposableStack()
    const resolver = opening.use(await TestResolver.open({ scripts: [SCRIPT] }))
    const listener = opening.use(
      await listenHttps({ host: '127.0.0.1', port: 0 }, FILES, {
        clock: resolver.clock,
        config: { ...resolver.config, ...config },
        serve: resolver.resolver.serve,
        mayAsk,
        logger: pino({ level: 'warn' }, { write: (line) => void resolver.logged.push(line) }),
      }),
    )
    return new Door(resolver, listener, opening.move())
  }

  get port(): number {
    return this.#listener.endpoint.port
  }

  connect(): ClientHttp2Session {
    const session = connect(`https://127.0.0.1:${this.port}`, { rejectUnauthorized: false })
    session.on('error', () => undefined)
    this.#opened.defer(() => session.destroy())
    return session
  }

  async get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Got> {
    return await exchange(this.connect(), { ':path': path, ...headers })
  }

  async post(body: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Got> {
    const all = { ':method': 'POST', ':path': '/dns-query', 'content-type': MESSAGE, ...headers }
    return await exchange(this.connect(), all, body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

async function exchange(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Got> {
  const stream = session.request(headers)
  stream.on('error', () => undefined)
  stream.end(body)
  const [answered] = (await once(stream, 'response')) as [Record<string, unknown>]
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return { status: Number(answered[':status']), headers: answered, body: Buffer.concat(pieces) }
}

describe('DNS over HTTPS', () => {
  // RFC 8484 4.1.1 and 4.2.2: www.example.com A, the question as GET and as POST.
  const GET = '/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB'
  const POST = octets('00000100 00010000 00000000 03777777 07657861 6d706c65 03636f6d 00 0001 0001')

  for (const [word, ask] of [
    ['GET', (door: Door) => door.get(GET, { accept: MESSAGE })],
    ['POST', (door: Door) => door.post(POST)],
    [
      'POST with a parameter behind its type',
      (door: Door) => door.post(POST, { 'content-type': `${MESSAGE}; x=y` }),
    ],
  ] as const) {
    test(`the question of RFC 8484 by ${word}: the answer, its type, and how long it may be kept`, async () => {
      await using door = await Door.open()
      const { status, headers, body } = await ask(door)
      assert.deepEqual(
        [status, headers['content-type'], headers['cache-control']],
        [200, MESSAGE, 'max-age=300'],
      )
      assert.equal(headers['content-length'], String(body.length), 'dig takes no answer without')
      const reply = readReply(body)
      assert.equal(reply.id, 0)
      assert.deepEqual(linesOf(reply.answers), [
        'www.example.com. 300 A 192.0.2.1',
        'www.example.com. 300 A 192.0.2.2',
      ])
    })
  }

  test('a label that is long in base64url is read, "-" and "_" among it', async () => {
    await using door = await Door.open()
    const path =
      '/dns-query?dns=AAABAAABAAAAAAAAAWE-NjJjaGFyYWN0ZXJsYWJlbC1tYWtlcy1iYXNlNjR1cmwtZGlzdGluY3QtZnJvbS1zdGFuZGFyZC1iYXNlNjQHZXhhbXBsZQNjb20AAAEAAQ'
    const { status, body } = await door.get(path)
    assert.equal(status, 200)
    assert.equal(readReply(body).questions.length, 1)
  })

  test('an answer that waited may be kept as long as is left of it', async () => {
    await using door = await Door.open()
    await door.get(GET)
    door.resolver.clock.advance(100_000)
    assert.equal((await door.get(GET)).headers['cache-control'], 'max-age=200')
  })

  test('"there is none" may be kept as long as its SOA says; a failure and a refusal not at all; each is a 200', async () => {
    await using door = await Door.open()
    const ask = (question: string) => door.post(queryPacket(question))
    for (const [question, rcode, age] of [
      ['none.example.com A', 3, 77],
      ['other.example.com A', 2, 0],
      ['www.example.com AXFR', 5, 0],
    ] as const) {
      const { status, headers, body } = await ask(question)
      assert.deepEqual(
        [status, readReply(body).rcode, headers['cache-control']],
        [200, rcode, `max-age=${age}`],
        question,
      )
    }
  })

  test('many questions on one connection: a fast one does not wait for a slow one', async () => {
    await using door = await Door.open()
    const session = door.connect()
    const post = (question: string) =>
      exchange(
        session,
        { ':method': 'POST', ':path': '/dns-query', 'content-type': MESSAGE },
        queryPacket(question),
      )
    let slow: Got | undefined
    const waiting = post('silent.example.com A').then((got) => {
      slow = got
    })
    await door.resolver.untilAsked(1)
    assert.equal((await post('localhost A')).status, 200)
    assert.equal(slow, undefined)
    await until(async () => {
      door.resolver.clock.advance(100)
      return slow !== undefined
    })
    await waiting
  })

  test('HTTP/1.1 is answered too', async () => {
    await using door = await Door.open()
    const request = requestHttp1({
      host: '127.0.0.1',
      port: door.port,
      path: GET,
      rejectUnauthorized: false,
      agent: false,
    }).end()
    const [response] = await once(request, 'response')
    assert.deepEqual([response.statusCode, response.httpVersion], [200, '1.1'])
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece)
    assert.equal(readReply(Buffer.concat(pieces)).answers.length, 2)
  })
})

describe('what is refused', () => {
  const QUESTION = queryPacket('localhost A')
  const path = (question: string) => `/dns-query?dns=${question}`
  for (const [word, status, ask] of [
    ['another path', 404, (door: Door) => door.get('/')],
    ['a path below', 404, (door: Door) => door.get('/dns-query/x')],
    ['GET without a question', 400, (door: Door) => door.get('/dns-query')],
    ['an empty question', 400, (door: Door) => door.get(path(''))],
    ['no base64', 400, (door: Door) => door.get(path('AAAB*'))],
    ['base64 that is not of URLs', 400, (door: Door) => door.get(path('AAA+'))],
    ['padding', 400, (door: Door) => door.get(path('AA=='))],
    ['bits beyond the octets', 400, (door: Door) => door.get(path('AB'))],
    ['less than a header', 400, (door: Door) => door.post(QUESTION.subarray(0, 11))],
    [
      'a reply in place of a question',
      400,
      (door: Door) => door.post(queryPacket('localhost A', { bits: 0x8000 })),
    ],
    ['PUT', 405, (door: Door) => door.post(QUESTION, { ':method': 'PUT' })],
    ['HEAD', 405, (door: Door) => door.get(path('AA'), { ':method': 'HEAD' })],
    ['JSON', 415, (door: Door) => door.post(QUESTION, { 'content-type': 'application/json' })],
    ['no type', 415, (door: Door) => door.post(QUESTION, { 'content-type': '' })],
    ['65536 octets', 413, (door: Door) => door.post(Buffer.alloc(65_536))],
  ] as const) {
    test(`${word}: ${status}, in a sentence`, async () => {
      await using door = await Door.open()
      const got = await ask(door)
      assert.equal(got.status, status)
      if (word !== 'HEAD') assert.match(got.body.toString(), /^[A-Z].*\.\n$/)
      assert.equal(got.headers['allow'], status === 405 ? 'GET, POST' : undefined)
      assert.deepEqual(door.resolver.logged, [])
    })
  }

  test('a question that does not end: 408 when its time is over', async () => {
    await using door = await Door.open()
    const stream = door
      .connect()
      .request({ ':method': 'POST', ':path': '/dns-query', 'content-type': MESSAGE })
    stream.write(QUESTION.subarray(0, 5))
    let status = 0
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('error', () => undefined)
    await until(async () => {
      door.resolver.clock.advance(1000)
      return status !== 0
    })
    assert.equal(status, 408)
  })

  test('a connection that asks nothing is closed when its time is over, one that is owed an answer is not', async () => {
    await using door = await Door.open({ tcpIdle: 1000 })
    const [idle, owed] = [door.connect(), door.connect()]
    const post = { ':method': 'POST', ':path': '/dns-query', 'content-type': MESSAGE }
    assert.equal((await exchange(idle, post, QUESTION)).status, 200)
    const answered = exchange(owed, post, queryPacket('silent.example.com A'))
    await door.resolver.untilAsked(1)
    await until(() => {
      door.resolver.clock.advance(200)
      return idle.closed
    })
    assert.equal((await answered).status, 200)
  })

  test('headers that have no end: the door stays open for others', async () => {
    await using door = await Door.open()
    const got = await door.get('/dns-query', { 'x-long': 'a'.repeat(40_000) }).catch(() => undefined)
    assert.ok(got === undefined || got.status >= 400)
    assert.equal((await door.post(QUESTION)).status, 200)
  })

  test('who may not ask, or has too many connections, gets no handshake', async () => {
    for (const door of [
      await Door.open({}, () => false),
      await Door.open({ tcpMaxConnectionsPerClient: 1 }),
    ]) {
      await using _open = door
      door.connect()
      const socket = connectTls({ host: '127.0.0.1', port: door.port, rejectUnauthorized: false })
      const [fault] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      assert.equal(fault.code, 'ECONNRESET')
    }
  })

  test('plain text on it ends that connection and nothing else', async () => {
    await using door = await Door.open()
    const response = await fetch(`http://127.0.0.1:${door.port}/dns-query`).catch((fault: Error) => fault)
    assert.ok(response instanceof Error)
    assert.equal((await door.post(QUESTION)).status, 200)
  })
})
