/** A server asked over HTTPS (RFC 8484): what it sees, whom we believe, and what happens when it answers with something else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import { decodeMessage, encodeMessage } from '../../src/dns/codec.ts'
import { type Message, Rcode } from '../../src/dns/message.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'

const fixture = (file: string) => readFileSync(new URL(`../fixtures/${file}`, import.meta.url))
const cert = fixture('upstream-certificate.pem')
const IDLE = 10_000
const MESSAGE = 'application/dns-message'

setDefaultCACertificates([cert.toString()])

interface Asked {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly packet: Buffer
  readonly message: Message
}

type Say = (asked: Asked) => void

const truth: Say = ({ stream, message }) => say(stream, replyTo(message))

function replyTo(message: Message, address = '192.0.2.1'): Buffer {
  const [question] = message.questions
  assert.ok(question)
  const record = { ...parseRecordLine(`x 300 A ${address}`), name: question.name }
  return encodeMessage({
    ...message,
    flags: { ...message.flags, response: true },
    answers: [record],
    edns: undefined,
  })
}

function say(stream: ServerHttp2Stream, body: Buffer, headers = {}): void {
  stream.respond({ ':status': 200, 'content-type': MESSAGE, ...headers })
  stream.end(body)
}

/** A server that answers as it is told, and a resolver that asks nobody else. */
class Pair implements AsyncDisposable {
  readonly asked: Asked[] = []
  connections = 0
  say: Say
  readonly resolver: TestResolver
  readonly #server: Http2SecureServer
  readonly #opened: AsyncDisposableStack

  private constructor(
    parts: { say: Say; resolver: TestResolver; server: Http2SecureServer },
    opened: AsyncDisposableStack,
  ) {
    this.say = parts.say
    this.resolver = parts.resolver
    this.#server = parts.server
    this.#opened = opened
    this.#server.on('session', () => this.connections++)
    this.#server.on('stream', (stream, headers) => void this.#receive(stream, headers))
  }

  static async open(
    say: Say = truth,
    server: { name?: string; path?: string } = { name: 'dns.example' },
    settings: Settings = {},
  ): Promise<Pair> {
    await using opening = new AsyncDisposableStack()
    const http = createSecureServer({ cert, key: fixture('upstream-key.pem'), settings })
    const sockets = new Set<{ destroy(): void }>()
    http.on('connection', (socket) => sockets.add(socket))
    http.on('sessionError', () => undefined)
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    opening.defer(() => {
      for (const socket of sockets) socket.destroy()
      http.close()
    })
    const { port } = http.address() as AddressInfo
    const servers = [{ protocol: 'https', host: '127.0.0.1', port, ...server } as const]
    const resolver = opening.use(await TestResolver.open({ scripts: [], servers }))
    return new Pair({ say, resolver, server: http }, opening.move())
  }

  async #receive(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => undefined)
    const packet = await buffer(stream)
    const asked = { stream, headers, packet, message: decodeMessage(packet, { trailing: 'refuse' }) }
    this.asked.push(asked)
    this.say(asked)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

describe('a server asked over HTTPS', () => {
  test('has one connection for many questions, each a POST with id 0, padded', async () => {
    await using pair = await Pair.open()
    for (const name of ['a.example', 'b.example', 'c.example'])
      assert.equal((await pair.resolver.ask(`${name} A`)).answers.length, 1)
    assert.equal(pair.connections, 1)
    for (const { headers, packet, message } of pair.asked) {
      assert.deepEqual(
        [headers[':method'], headers[':path'], headers['content-type'], headers.accept],
        ['POST', '/dns-query', MESSAGE, MESSAGE],
      )
      assert.match(headers[':authority'] ?? '', /^dns\.example:\d+$/)
      assert.deepEqual([message.id, packet.length % 128], [0, 0])
    }
  })

  test('is asked under the path that is configured', async () => {
    await using pair = await Pair.open(truth, { name: 'dns.example', path: '/family/dns' })
    await pair.resolver.ask('a.example A')
    assert.equal(pair.asked[0]?.headers[':path'], '/family/dns')
  })

  test('may answer the last question first', async () => {
    const held: Asked[] = []
    await using pair = await Pair.open((asked) => {
      if (held.length === 0) held.push(asked)
      else truth(asked)
    })
    const first = pair.resolver.ask('a.example A')
    await until(() => held.length === 1)
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    truth(held[0]!)
    assert.equal((await first).answers.length, 1)
  })

  test('is not asked when its certificate is for another name', async () => {
    await using pair = await Pair.open(truth, { name: 'other.example' })
    assert.equal((await pair.resolver.ask('a.example A')).rcode, Rcode.ServFail)
    assert.equal(pair.asked.length, 0)
  })

  const bad: [string, Say][] = [
    ['a status that is none', ({ stream, message }) => say(stream, replyTo(message), { ':status': 500 })],
    ['a redirection', ({ stream }) => say(stream, Buffer.alloc(0), { ':status': 302, location: '/' })],
    [
      'something else than DNS',
      ({ stream, message }) => say(stream, replyTo(message), { 'content-type': 'text/html' }),
    ],
    ['nothing', ({ stream }) => say(stream, Buffer.alloc(0))],
    ['too many octets', ({ stream }) => say(stream, Buffer.alloc(65_536))],
    ['another id', ({ stream, message }) => say(stream, replyTo({ ...message, id: 7 }))],
    ['the question alone', ({ stream, packet }) => say(stream, packet)],
    ['a stream that breaks off', ({ stream }) => stream.close(2)],
    [
      'TC',
      ({ stream, message }) =>
        say(stream, replyTo({ ...message, flags: { ...message.flags, truncated: true } })),
    ],
  ]
  for (const [word, lie] of bad) {
    test(`that answers with ${word} is not believed, and asked again for the next question`, async () => {
      await using pair = await Pair.open(lie)
      assert.equal((await pair.resolver.ask('a.example A')).rcode, Rcode.ServFail)
      pair.say = truth
      assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    })
  }

  test('is asked again over another connection when the kept one ends under a question', async () => {
    await using pair = await Pair.open()
    await pair.resolver.ask('a.example A')
    pair.say = ({ stream }) => {
      pair.say = truth
      stream.session?.destroy()
    }
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 2)
  })

  test('that goes away in good order answers what it has, and the next question has a new connection', async () => {
    await using pair = await Pair.open((asked) => {
      asked.stream.session?.goaway()
      truth(asked)
    })
    assert.equal((await pair.resolver.ask('a.example A')).answers.length, 1)
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 2)
  })

  test('that goes away before it took up a question is asked it over another connection', async () => {
    await using pair = await Pair.open()
    await pair.resolver.ask('a.example A')
    pair.say = ({ stream }) => {
      pair.say = truth
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1)
    }
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.deepEqual([pair.connections, pair.asked.length], [2, 3])
  })

  test('that refuses a stream is asked once more and no more', async () => {
    await using pair = await Pair.open(({ stream }) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
    assert.equal((await pair.resolver.ask('a.example A')).rcode, Rcode.ServFail)
    assert.equal(pair.asked.length, 2)
    pair.say = (asked) => {
      pair.say = truth
      asked.stream.close(constants.NGHTTP2_REFUSED_STREAM)
    }
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 1)
  })

  test('that takes one question at a time is given the next when the first is over', async () => {
    await using pair = await Pair.open(truth, { name: 'dns.example' }, { maxConcurrentStreams: 1 })
    await pair.resolver.ask('a.example A')
    const asking = ['b', 'c', 'd'].map((name) => pair.resolver.ask(`${name}.example A`))
    for (const { answers } of await Promise.all(asking)) assert.equal(answers.length, 1)
    assert.equal(pair.connections, 1)
  })

  test('that is silent: SERVFAIL when its time is over, and a new connection for the next question', async () => {
    await using pair = await Pair.open(() => undefined)
    const asking = pair.resolver.ask('a.example A')
    await until(() => pair.asked.length === 1)
    pair.resolver.clock.advance(UPSTREAM_TIMEOUT)
    assert.equal((await asking).rcode, Rcode.ServFail)
    pair.say = truth
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 2)
  })

  test('that is slow for one name alone keeps its connection', async () => {
    await using pair = await Pair.open(() => undefined)
    const { resolver } = pair
    const asking = resolver.ask('slow.example A')
    await until(() => pair.asked.length === 1)
    resolver.clock.advance(UPSTREAM_TIMEOUT - 100)
    pair.say = truth
    assert.equal((await resolver.ask('a.example A')).answers.length, 1)
    resolver.clock.advance(100)
    assert.equal((await asking).rcode, Rcode.ServFail)
    assert.equal((await resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 1)
  })

  test('that takes connections and says nothing, not even TLS: SERVFAIL when its time is over', async () => {
    await using dead = await ScriptedUpstream.open()
    const servers = [{ protocol: 'https', ...dead.endpoint } as const]
    await using resolver = await TestResolver.open({ scripts: [], servers })
    const asking = resolver.ask('a.example A')
    await until(() => dead.connections.length === 1)
    resolver.clock.advance(UPSTREAM_TIMEOUT)
    assert.equal((await asking).rcode, Rcode.ServFail)
  })

  test('has room for 256 questions at once, and for one more not before one of them is answered', async () => {
    const held: Asked[] = []
    await using pair = await Pair.open((asked) => void held.push(asked))
    const asking = Array.from({ length: 256 }, (_, at) => pair.resolver.ask(`n${at}.example A`))
    await until(() => held.length === 256)
    assert.equal((await pair.resolver.ask('more.example A')).rcode, Rcode.ServFail)
    for (const asked of held.splice(0)) truth(asked)
    for (const { answers } of await Promise.all(asking)) assert.equal(answers.length, 1)
    pair.say = truth
    assert.equal((await pair.resolver.ask('other.example A')).answers.length, 1)
    assert.deepEqual([pair.connections, pair.asked.length], [1, 257])
  })

  test('that is not needed for ten seconds has its connection closed', async () => {
    await using pair = await Pair.open()
    await pair.resolver.ask('a.example A')
    const { session } = pair.asked[0]!.stream
    pair.resolver.clock.advance(IDLE)
    await until(() => session?.closed !== false)
    assert.equal((await pair.resolver.ask('b.example A')).answers.length, 1)
    assert.equal(pair.connections, 2)
  })
})
