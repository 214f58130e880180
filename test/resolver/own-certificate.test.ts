/** The certificate a node makes for itself: what is in it, that TLS takes it, and when another is made. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { pino } from 'pino'
import { ownCertificate, renewOwnCertificate } from '../../src/resolver/listeners/own-certificate.ts'
import { makeSelfSigned, pinOf } from '../../src/resolver/listeners/self-signed.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { octets } from '../support/wire.ts'

const DAY = 86_400_000
const FROM = Date.UTC(2026, 10, 24, 1, 2, 3)

test('is for its names and addresses, as long as it is said to be, by its own word', () => {
  const { certificate, privateKey } = makeSelfSigned({
    names: ['box.home', 'localhost'],
    addresses: [octets('7f000001'), octets('20010db8000000000000000000000001')],
    from: FROM,
    until: FROM + 397 * DAY,
  })
  const read = new X509Certificate(certificate)
  assert.equal(read.subject, 'CN=box.home')
  assert.equal(read.issuer, read.subject)
  assert.equal(read.ca, false)
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.ok(read.verify(read.publicKey))
  assert.equal(read.checkHost('box.home'), 'box.home')
  assert.equal(read.checkHost('other.home'), undefined)
  assert.equal(read.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(read.checkIP('2001:db8::1'), '2001:db8::1')
  assert.equal(read.checkIP('127.0.0.2'), undefined)
  assert.deepEqual([read.validFromDate.getTime(), read.validToDate.getTime()], [FROM, FROM + 397 * DAY])
  assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----/)
})

test('with very many names, and a time after 2049, it is one as well', () => {
  const names = Array.from({ length: 500 }, (_, at) => `host-${at}.a-home-with-many-of-them.example`)
  const until = Date.UTC(2055, 0, 1)
  const { certificate } = makeSelfSigned({ names, addresses: [], from: FROM, until })
  const read = new X509Certificate(certificate)
  assert.equal(read.checkHost(names[499]!), names[499])
  assert.equal(read.validToDate.getTime(), until)
  assert.ok(read.verify(read.publicKey))
})

async function setUp() {
  const place = await temporaryDirectory()
  const clock = new ManualClock()
  const logged: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void logged.push(line) })
  const needs = { directory: place.path, clock, logger }
  const make = () => ownCertificate(needs)
  return { clock, logged, needs, make, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

test('a client that was told of it connects, by address and by name', async () => {
  await using own = await setUp()
  const files = await own.make()
  const [cert, key] = [await readFile(files.certificate), await readFile(files.privateKey)]
  const server = createServer({ cert, key }, (socket) => void socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const servername of ['', 'localhost']) {
    const socket = connect({ host: '127.0.0.1', port, ca: cert, ...(servername && { servername }) })
    await once(socket, 'secureConnect')
    assert.ok(socket.authorized)
    socket.destroy()
  }
  server.close()
})

test('its key is private, it stays over starts, and its pin is in the log', async () => {
  await using own = await setUp()
  const files = await own.make()
  assert.equal((await stat(files.privateKey)).mode & 0o777, 0o600)
  const first = await readFile(files.certificate, 'latin1')
  await own.make()
  assert.equal(await readFile(files.certificate, 'latin1'), first)
  const { pin } = JSON.parse(own.logged[0] ?? '')
  assert.match(pin, /^[A-Za-z0-9+/]{43}=$/)
})

test('another is made in its second half, when the clock was wrong, and when a file is damaged', async () => {
  await using own = await setUp()
  const files = await own.make()
  let last = await readFile(files.certificate, 'latin1')
  const changes: [string, () => unknown][] = [
    ['late', () => own.clock.advance(199 * DAY)],
    ['early', () => own.clock.jump(-400 * DAY)],
    ['damaged', () => writeFile(files.certificate, 'nonsense')],
    ['without its key', () => writeFile(files.privateKey, '')],
    [
      'of another key',
      async () =>
        writeFile(
          files.privateKey,
          makeSelfSigned({ names: [], addresses: [], from: 0, until: 1 }).privateKey,
        ),
    ],
  ]
  for (const [word, change] of changes) {
    await change()
    await own.make()
    const next = await readFile(files.certificate, 'latin1')
    assert.notEqual(next, last, word)
    assert.ok(new X509Certificate(next).validToDate.getTime() > own.clock.now())
    last = next
  }
})

test('a node that runs for long makes another in its second half, and logs the pin of that', async () => {
  await using own = await setUp()
  const { certificate } = await own.make()
  const first = new X509Certificate(await readFile(certificate))
  // A day begins when the look of the day before is over, so that no time passes while files are written.
  let looks = 0
  const after: ManualClock['after'] = (milliseconds, run) => {
    looks++
    return own.clock.after(milliseconds, run)
  }
  const clock = { now: () => own.clock.now(), monotonic: () => own.clock.monotonic(), after }
  using _renewal = renewOwnCertificate({ ...own.needs, clock })
  let days = 0
  for (; own.logged.length < 2 && days < 397; days++) {
    own.clock.advance(DAY)
    await until(() => looks === days + 2)
  }
  assert.equal(days, 199)
  const second = new X509Certificate(await readFile(certificate))
  assert.equal(second.validFromDate.getTime() - first.validFromDate.getTime(), 199 * DAY)
  assert.equal(JSON.parse(own.logged[1] ?? '').pin, pinOf(second.publicKey))
})
