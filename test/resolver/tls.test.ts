/** The door of DNS over TLS: who gets in, what is answered, and a certificate that is renewed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, utimes, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import type { DnsConfig, Endpoint } from '../../src/resolver/config.ts'
import {
  CertificateFault,
  type CertificatePair,
  readCertificate,
  watchCertificate,
} from '../../src/resolver/listeners/certificate.ts'
import { type Listener, ListenFault } from '../../src/resolver/listeners/listener.ts'
import { listenTls } from '../../src/resolver/listeners/tls.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Bit, queryPacket } from '../support/queries.ts'
import { TEST_DNS_CONFIG } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures')

/** A door that echoes, over files of its own. */
class Door implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly logged: string[] = []
  readonly transports: string[] = []
  readonly files: { certificate: string; privateKey: string }
  readonly #opened: AsyncDisposableStack
  #listener: Listener | undefined

  private constructor(path: string, opened: AsyncDisposableStack) {
    this.files = { certificate: join(path, 'certificate.pem'), privateKey: join(path, 'key.pem') }
    this.#opened = opened
  }

  static async open(config: Partial<DnsConfig> = {}, mayAsk = () => true): Promise<Door> {
    await using opening = new AsyncDisposableStack()
    const { path } = opening.use(await temporaryDirectory())
    const door = new Door(path, opening.move())
    await copyFile(join(FIXTURES, 'upstream-certificate.pem'), door.files.certificate)
    await copyFile(join(FIXTURES, 'upstream-key.pem'), door.files.privateKey)
    door.#listener = door.#opened.use(
      await door.another({ host: '127.0.0.1', port: 0 }, { ...TEST_DNS_CONFIG, ...config }, mayAsk),
    )
    return door
  }

  async another(place: Endpoint, config: DnsConfig = TEST_DNS_CONFIG, mayAsk = () => true) {
    return await listenTls(place, this.files, {
      clock: this.clock,
      config,
      serve: (packet, { transport }) => {
        this.transports.push(transport)
        const reply = Buffer.from(packet)
        reply.writeUInt16BE(reply.readUInt16BE(2) | Bit.QR, 2)
        return reply
      },
      mayAsk,
      logger: pino({ level: 'warn' }, { write: (line) => void this.logged.push(line) }),
    })
  }

  get port(): number {
    return this.#listener?.endpoint.port ?? 0
  }

  async connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port: this.port, rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

async function exchange(socket: TLSSocket, ...packets: Buffer[]): Promise<Buffer[]> {
  const splitter = new MessageSplitter()
  const replies: Buffer[] = []
  socket.on('data', (piece: Buffer) => replies.push(...splitter.push(piece)))
  for (const packet of packets) socket.write(withLength(packet))
  await until(() => replies.length === packets.length)
  return replies
}

describe('DNS over TLS', () => {
  test('many questions on one connection are answered, with ALPN "dot" or without', async () => {
    await using door = await Door.open()
    for (const ALPNProtocols of [['dot'], undefined]) {
      const socket = await door.connect(ALPNProtocols ? { ALPNProtocols } : {})
      assert.equal(socket.alpnProtocol, ALPNProtocols ? 'dot' : false)
      const replies = await exchange(socket, queryPacket('a.example A'), queryPacket('b.example A'))
      assert.equal(replies.length, 2)
      socket.destroy()
    }
    assert.deepEqual(door.transports, ['tls', 'tls', 'tls', 'tls'])
  })

  test('TLS 1.1 and a client that wants another protocol do not get in', async () => {
    await using door = await Door.open()
    await assert.rejects(door.connect({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }))
    await assert.rejects(door.connect({ ALPNProtocols: ['http/1.1'] }))
    const socket = await door.connect()
    assert.equal((await exchange(socket, queryPacket('a.example A'))).length, 1)
    socket.destroy()
  })

  test('a session is taken up again', async () => {
    await using door = await Door.open()
    const first = await door.connect()
    const [session] = (await once(first, 'session')) as [Buffer]
    first.destroy()
    const second = await door.connect({ session })
    assert.equal(second.isSessionReused(), true)
    second.destroy()
  })

  test('who may not ask, or has too many connections, gets no handshake', async () => {
    await using closed = await Door.open({}, () => false)
    await assert.rejects(closed.connect())
    await using door = await Door.open({ tcpMaxConnectionsPerClient: 1 })
    const first = await door.connect()
    await assert.rejects(door.connect())
    first.destroy()
  })

  test('who has closed a connection may open another', async () => {
    await using door = await Door.open({ tcpMaxConnectionsPerClient: 2 })
    const stays = await door.connect()
    let last = await door.connect()
    for (let turn = 0; turn < 4; turn++) {
      await assert.rejects(door.connect())
      last.destroy()
      await until(async () => {
        const next = await door.connect().catch(() => undefined)
        if (next) last = next
        return next !== undefined
      })
    }
    assert.equal((await exchange(stays, queryPacket('a.example A'))).length, 1)
    stays.destroy()
    last.destroy()
  })

  test('a port that is taken is told by the name of the door', async () => {
    await using door = await Door.open()
    const place = { host: '127.0.0.1', port: door.port }
    await assert.rejects(door.another(place), (fault) => {
      assert.ok(fault instanceof ListenFault)
      assert.equal(
        fault.message,
        `DNS over TLS cannot listen on TCP 127.0.0.1:${door.port}: another program holds this port.`,
      )
      return true
    })
  })

  test('plain text on it ends that connection and nothing else', async () => {
    await using door = await Door.open()
    const plain = connectTcp({ host: '127.0.0.1', port: door.port })
    plain.on('error', () => undefined)
    plain.write(withLength(queryPacket('a.example A')))
    await once(plain, 'close')
    const socket = await door.connect()
    assert.equal((await exchange(socket, queryPacket('a.example A'))).length, 1)
    socket.destroy()
  })

  test('a connection that asks nothing is closed when its time is over', async () => {
    await using door = await Door.open()
    const socket = await door.connect()
    socket.on('error', () => undefined)
    const closed = once(socket, 'close')
    await exchange(socket, queryPacket('a.example A'))
    door.clock.advance(TEST_DNS_CONFIG.tcpIdle)
    await closed
  })
})

describe('its certificate', () => {
  test('that is missing, too large or none is told in a sentence', async () => {
    await using door = await Door.open()
    const { clock, files } = door
    const deps = {
      clock,
      config: TEST_DNS_CONFIG,
      serve: () => undefined,
      mayAsk: () => true,
      logger: pino({ level: 'silent' }),
    }
    const open = (certificate: string) =>
      listenTls({ host: '127.0.0.1', port: 0 }, { ...files, certificate }, deps)
    const refused = (words: RegExp) => (fault: unknown) =>
      fault instanceof CertificateFault && words.test(fault.message)
    await assert.rejects(open(`${files.certificate}.no`), refused(/cannot be read: there is no such file\.$/))
    await writeFile(`${files.certificate}.bad`, 'no certificate')
    await assert.rejects(open(`${files.certificate}.bad`), refused(/are no certificate and its private key/))
    await writeFile(`${files.certificate}.large`, Buffer.alloc(300_000))
    await assert.rejects(open(`${files.certificate}.large`), refused(/too large/))
  })

  test('that was renewed between its reading and the first look is not missed', async () => {
    await using directory = await temporaryDirectory()
    const files = {
      certificate: join(directory.path, 'certificate.pem'),
      privateKey: join(directory.path, 'key.pem'),
    }
    const put = async (name: string) => {
      await copyFile(join(FIXTURES, `${name}-certificate.pem`), files.certificate)
      await copyFile(join(FIXTURES, `${name}-key.pem`), files.privateKey)
    }
    await put('upstream')
    const pair = await readCertificate(files)
    await put('door')
    const clock = new ManualClock()
    const told: CertificatePair[] = []
    using _watch = watchCertificate({ files, pair }, (fresh) => void told.push(fresh), {
      clock,
      logger: pino({ level: 'silent' }),
    })
    await until(() => {
      clock.advance(60_000)
      return told.length > 0
    })
    assert.deepEqual(told, [await readCertificate(files)])
  })

  test('is read again when it has changed; one that cannot be used is logged and the old one stays', async () => {
    await using door = await Door.open()
    const serial = async () => {
      const socket = await door.connect()
      const { fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint256
    }
    const before = await serial()
    await writeFile(door.files.certificate, 'no certificate')
    await until(() => {
      door.clock.advance(60_000)
      return door.logged.length > 0
    })
    assert.match(door.logged[0] ?? '', /the old one stays/)
    assert.equal(await serial(), before)
    await copyFile(join(FIXTURES, 'door-certificate.pem'), door.files.certificate)
    await copyFile(join(FIXTURES, 'door-key.pem'), door.files.privateKey)
    await utimes(door.files.certificate, new Date(1), new Date(1))
    const deadline = async () => (await serial()) !== before
    for (let turn = 0; !(await deadline()); turn++) {
      assert.ok(turn < 100, 'it was never renewed')
      door.clock.advance(60_000)
    }
  })
})
