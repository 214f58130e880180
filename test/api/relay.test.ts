/** The relay as programs that use pkarr see it; the packet is one that such a program has made. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { buildRelay } from '../../src/api/relay.ts'
import { signRevocation, signZone, verifyZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryDirectory } from '../support/memory-directory.ts'
import { PKARR_PACKET as THEIRS } from '../support/pkarr-packet.ts'
import { SIGNED_AT, secretOf } from '../support/zones.ts'
import { API_CONFIG, labelOf } from './test-api.ts'

const OURS = signZone(secretOf(1), { sequence: SIGNED_AT, soa: DEFAULT_SOA, records: [] })

function openRelay({ maxRequestsPerSecond = 100 } = {}) {
  const clock = new ManualClock()
  const directory = new MemoryDirectory()
  const app = buildRelay({
    config: { listen: [], maxRequestsPerSecond },
    limits: API_CONFIG,
    directory,
    clock,
    logger: silentLogger,
  })
  const send = async (options: InjectOptions) => await app.inject(options)
  const put = async (key: string, payload: Buffer) => await send({ method: 'PUT', url: `/${key}`, payload })
  return { clock, directory, send, put }
}

describe('PUT /:key', () => {
  test('takes a packet of theirs, hands it on, and says how many have it', async () => {
    const { put, directory } = openRelay()
    const reply = await put(THEIRS.key, THEIRS.payload)
    assert.deepEqual([reply.statusCode, reply.body], [204, ''])
    assert.equal(reply.headers['pkarr-dht-stored-nodes'], '20')
    assert.deepEqual(directory.zones.get(THEIRS.key)?.bytes.subarray(32), THEIRS.payload)
  })

  test('takes one of ours', async () => {
    const { put } = openRelay()
    assert.equal((await put(labelOf(1), Buffer.from(OURS.bytes.subarray(32)))).statusCode, 204)
  })

  test('of an older one it is a conflict, and the newer one stays', async () => {
    const { put, directory } = openRelay()
    const newer = signZone(secretOf(1), { sequence: SIGNED_AT + 1n, soa: DEFAULT_SOA, records: [] })
    directory.zones.set(labelOf(1), newer)
    const reply = await put(labelOf(1), Buffer.from(OURS.bytes.subarray(32)))
    assert.deepEqual([reply.statusCode, directory.zones.get(labelOf(1))], [409, newer])
  })

  const flipped = Buffer.from(THEIRS.payload)
  flipped[0] = (flipped[0] ?? 0) ^ 1
  const refused: [what: string, key: string, payload: Buffer, status: number][] = [
    ['a forged signature', THEIRS.key, flipped, 400],
    ['the packet of another key', labelOf(1), THEIRS.payload, 400],
    ['half a packet', THEIRS.key, THEIRS.payload.subarray(0, 70), 400],
    ['a signature and nothing else', THEIRS.key, THEIRS.payload.subarray(0, 72), 400],
    ['nothing', THEIRS.key, Buffer.alloc(0), 400],
    ['an octet too many', THEIRS.key, Buffer.alloc(1069), 413],
    ['what is no key', 'nobody', THEIRS.payload, 400],
    ['another spelling of the key', `${THEIRS.key.slice(0, -1)}b`, THEIRS.payload, 400],
  ]
  for (const [what, key, payload, status] of refused) {
    test(`refuses ${what} in a sentence, and keeps nothing`, async () => {
      const { put, directory } = openRelay()
      const reply = await put(key, payload)
      assert.equal(reply.statusCode, status)
      assert.match(reply.body, /^[A-Z].*\.\n$/)
      assert.equal(directory.zones.size, 0)
    })
  }

  test('is refused where new keys come too fast', async () => {
    const { put, directory } = openRelay()
    directory.relayedTo = undefined
    assert.equal((await put(THEIRS.key, THEIRS.payload)).statusCode, 429)
  })
})

describe('GET /:key', () => {
  const get = (key: string, headers = {}) => ({ method: 'GET', url: `/${key}`, headers }) as const

  test('gives what was put, without its key, with its date and how long it may be kept', async () => {
    const { put, send } = openRelay()
    await put(THEIRS.key, THEIRS.payload)
    const reply = await send(get(THEIRS.key))
    assert.deepEqual([reply.statusCode, reply.rawPayload], [200, THEIRS.payload])
    assert.equal(reply.headers['content-type'], 'application/pkarr.org/relays#payload')
    assert.equal(reply.headers['last-modified'], 'Tue, 24 Nov 2026 09:59:06 GMT')
    assert.equal(reply.headers['cache-control'], 'public, max-age=300') // the least TTL is 30
  })

  test('gives ours, as octets whose signature they can verify', async () => {
    const { directory, send } = openRelay()
    await directory.publish(OURS)
    const { rawPayload } = await send(get(labelOf(1)))
    assert.deepEqual(verifyZone(Buffer.concat([OURS.key.bytes, rawPayload])).bytes, OURS.bytes)
  })

  for (const [since, status] of [
    [1000, 304],
    [0, 200], // signed 0.123 s after that second
    [-1000, 200],
  ] as const) {
    test(`with If-Modified-Since ${since} ms from when it was signed: ${status}`, async () => {
      const { put, send } = openRelay()
      await put(THEIRS.key, THEIRS.payload)
      const header = new Date(THEIRS.signed.getTime() + since).toUTCString()
      const reply = await send(get(THEIRS.key, { 'if-modified-since': header }))
      assert.deepEqual([reply.statusCode, reply.rawPayload.length > 0], [status, status === 200])
    })
  }

  test('a policy says whether a copy at home will do', async () => {
    const { directory, send } = openRelay()
    await directory.publish(OURS)
    for (const policy of ['CacheFirst', 'CacheOnly', 'NetworkOnly'])
      assert.equal((await send(get(`${labelOf(1)}?policy=${policy}`))).statusCode, 200)
    const { POSITIVE_INFINITY } = Number
    assert.deepEqual(
      directory.finds.map(({ maxAge }) => maxAge),
      [POSITIVE_INFINITY, POSITIVE_INFINITY, 0],
    )
    assert.equal((await send(get(`${labelOf(1)}?policy=Hope`))).statusCode, 400)
  })

  test('of what nobody has: 404; of what cannot be known: 503; of a revoked key: 404', async () => {
    const { directory, send } = openRelay()
    const effort = { asked: 0, hops: 0, milliseconds: 0 }
    assert.equal((await send(get(THEIRS.key))).statusCode, 404)
    directory.otherwise = { kind: 'bogus', rejected: 3, effort }
    assert.equal((await send(get(THEIRS.key))).statusCode, 404)
    directory.otherwise = { kind: 'unreachable', cause: 'No other node is known.', effort }
    const unknown = await send(get(THEIRS.key))
    assert.deepEqual([unknown.statusCode, /No other node is known\.\n$/.test(unknown.body)], [503, true])
    await directory.publish(signRevocation(secretOf(1)))
    const revoked = await send(get(labelOf(1)))
    assert.deepEqual([revoked.statusCode, revoked.body], [404, 'This key was revoked.\n'])
  })

  test('of what is no key: 400, of what is no path: 400 or 404', async () => {
    const { send } = openRelay()
    for (const [path, status] of [
      ['nobody', 400],
      ['%zz', 400],
      ['a/b', 404],
      ['', 400],
    ] as const)
      assert.equal((await send(get(path))).statusCode, status, path)
  })
})

test('a page of any origin may ask, and read what it is told', async () => {
  const { send } = openRelay()
  const headers = { origin: 'https://a.example', 'access-control-request-method': 'PUT' }
  const preflight = await send({ method: 'OPTIONS', url: `/${THEIRS.key}`, headers })
  assert.equal(preflight.statusCode, 204)
  assert.equal(preflight.headers['access-control-allow-origin'], '*')
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET, PUT, OPTIONS')
  const reply = await send({ method: 'GET', url: '/nobody', headers })
  assert.equal(reply.headers['access-control-expose-headers'], 'pkarr-dht-stored-nodes')
  assert.equal(reply.headers['access-control-allow-origin'], '*')
})

test('one address asks so often and no more, until time has passed', async () => {
  const { clock, send } = openRelay({ maxRequestsPerSecond: 2 })
  const ask = async () => (await send({ method: 'GET', url: `/${THEIRS.key}` })).statusCode
  for (let at = 0; at < 10; at++) assert.equal(await ask(), 404)
  const limited = await send({ method: 'GET', url: `/${THEIRS.key}` })
  assert.deepEqual([limited.statusCode, limited.headers['retry-after']], [429, '1'])
  clock.advance(1000)
  assert.equal(await ask(), 404)
  const other = { method: 'GET', url: `/${THEIRS.key}`, remoteAddress: '192.0.2.9' } as const
  for (let at = 0; at < 10; at++) assert.equal((await send(other)).statusCode, 404)
})
