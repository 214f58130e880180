/** Servers asked over HTTPS that break off, speak something else or say too much: SERVFAIL, and the node goes on. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { createServer as createTlsServer, setDefaultCACertificates } from 'node:tls'
import { Rcode } from '../../src/dns/message.ts'
import { TestResolver } from '../support/test-resolver.ts'

const fixture = (file: string) => readFileSync(new URL(`../fixtures/${file}`, import.meta.url))
const cert = fixture('upstream-certificate.pem')
const key = fixture('upstream-key.pem')
const MESSAGE = 'application/dns-message'

setDefaultCACertificates([cert.toString()])

const onTcp = (speak: (socket: Socket) => void) => createServer(speak)
const onTls = (speak: (socket: Socket) => void, ALPNProtocols = ['h2']) =>
  createTlsServer({ cert, key, ALPNProtocols }, speak)
function onHttp2(speak: (stream: ServerHttp2Stream) => void) {
  const server = createSecureServer({ cert, key, maxSendHeaderBlockLength: 1 << 20 })
  server.on('sessionError', () => undefined)
  return server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    speak(stream)
  })
}

/** A frame of HTTP/2 (RFC 9113 4.1). */
function frame(type: number, { flags = 0, stream = 0, body = Buffer.alloc(0) } = {}): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}
const SETTINGS = frame(4)
const GOAWAY = frame(7, { body: Buffer.alloc(8) })
const PUSH = frame(5, { flags: 4, stream: 1, body: Buffer.from([0, 0, 0, 2, 0x82]) })

const SERVERS: Record<string, () => Server> = {
  'closes each connection at once': () => onTcp((socket) => socket.destroy()),
  'resets each connection': () => onTcp((socket) => socket.resetAndDestroy()),
  'answers TLS with HTTP': () => onTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  'speaks DNS over TLS alone': () => onTls(() => undefined, ['dot']),
  'closes after the handshake': () => onTls((socket) => socket.end()),
  'speaks HTTP/1.1': () => onTls((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), []),
  'says goodbye first': () => onTls((socket) => socket.end(Buffer.concat([SETTINGS, GOAWAY]))),
  'pushes what nobody asked for': () => onTls((socket) => socket.write(Buffer.concat([SETTINGS, PUSH]))),
  'sends octets that are no frames': () => onTls((socket) => socket.write(Buffer.alloc(100_000, 0xff))),
  'resets each question': () => onHttp2((stream) => stream.close(7)),
  'ends its session under each question': () => onHttp2((stream) => stream.session?.destroy()),
  'says a hundred thousand octets of headers': () =>
    onHttp2((stream) => {
      const many = Array.from({ length: 100 }, (_, at) => [`x-${at}`, 'x'.repeat(1000)])
      stream.respond({ ':status': 200, 'content-type': MESSAGE, ...Object.fromEntries(many) })
      stream.end(Buffer.alloc(12))
    }),
  'says hints without an end': () =>
    onHttp2((stream) => {
      for (let at = 0; at < 1000; at++) stream.additionalHeaders({ ':status': 103, link: '<x>' })
      stream.close(8)
    }),
}

for (const [word, open] of Object.entries(SERVERS)) {
  test(`one that ${word}`, { timeout: 30_000 }, async () => {
    await using opening = new AsyncDisposableStack()
    const server = open()
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
    })
    server.on('secureConnection', (socket: Socket) => socket.on('error', () => undefined))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    opening.defer(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const servers = [{ protocol: 'https', host: '127.0.0.1', port, name: 'dns.example' } as const]
    const resolver = opening.use(await TestResolver.open({ scripts: [], servers }))
    for (const name of ['a.example', 'b.example']) {
      const { reply } = await resolver.askTimed(`${name} A`)
      assert.equal(reply.rcode, Rcode.ServFail)
    }
    assert.ok(sockets.size > 0, 'it was asked')
  })
}
