import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { SIGNED_AT, secretOf } from '../support/zones.ts'
import { AUTHORIZED, labelOf, openTestApi, type TestApi } from './test-api.ts'

const { bytes } = signZone(secretOf(1), { sequence: SIGNED_AT, soa: DEFAULT_SOA, records: [] })
const OCTETS = { ...AUTHORIZED, 'content-type': 'application/octet-stream' }

describe('PUT /v1/zones/:key/packet', () => {
  const put = async (changes: { key?: string; payload?: Buffer; headers?: Record<string, string> }) => {
    await using api = await openTestApi()
    api.directory.storedOn = 3
    const { key = labelOf(1), payload = Buffer.from(bytes), headers = OCTETS } = changes
    const reply = await api.send({ method: 'PUT', url: `/v1/zones/${key}/packet`, headers, payload })
    return { status: reply.statusCode, body: reply.json(), packets: [...api.directory.zones.values()] }
  }

  const flipped = Buffer.from(bytes)
  flipped[40] = (flipped[40] ?? 0) ^ 1
  test('hands a zone on whose signature holds, octet for octet', async () => {
    const { status, body, packets } = await put({})
    assert.deepEqual([status, body.sequence, body.storedOn], [200, String(SIGNED_AT), 3])
    assert.deepEqual(
      packets.map((zone) => Buffer.from(zone.bytes)),
      [Buffer.from(bytes)],
    )
  })

  const refused: [what: string, changes: Parameters<typeof put>[0], status: number][] = [
    ['a forged signature', { payload: flipped }, 422],
    ['the zone of another key', { key: labelOf(2) }, 422],
    ['half a zone', { payload: Buffer.from(bytes.subarray(0, 80)) }, 422],
    ['more octets than a zone has', { payload: Buffer.alloc(1105) }, 422],
    ['what is no key', { key: 'nobody' }, 404],
    ['another content type', { headers: { ...AUTHORIZED, 'content-type': 'application/json' } }, 415],
    ['nobody in particular', { headers: { 'content-type': 'application/octet-stream' } }, 401],
  ]
  for (const [what, changes, expected] of refused) {
    test(`refuses ${what}, and hands nothing on`, async () => {
      const { status, packets } = await put(changes)
      assert.deepEqual([status, packets], [expected, []])
    })
  }
})

describe('packets for a time to come', () => {
  const DAY = 86_400_000
  const packetAt = (milliseconds: number, secret = secretOf(1)) => {
    const sequence = SIGNED_AT + BigInt(milliseconds) * 1000n
    return Buffer.from(signZone(secret, { sequence, soa: DEFAULT_SOA, records: [] }).bytes)
  }
  const put = async (api: TestApi, payload: Buffer, key = labelOf(1)) =>
    await api.send({ method: 'PUT', url: `/v1/zones/${key}/packet`, headers: OCTETS, payload })

  test('wait for it, and the list says what is left', async () => {
    await using api = await openTestApi()
    assert.equal((await put(api, packetAt(0))).statusCode, 200)
    const waiting = await put(api, packetAt(DAY))
    assert.deepEqual([waiting.statusCode, waiting.json().due], [202, '2026-11-24T00:00:00.000Z'])
    const { packets } = (await api.send({ method: 'GET', url: '/v1/packets' })).json()
    assert.deepEqual(packets, [
      {
        key: labelOf(1),
        sequence: String(SIGNED_AT),
        storedOn: 0,
        left: 1,
        next: '2026-11-24T00:00:00.000Z',
        until: '2026-12-01T00:00:00.000Z',
      },
    ])
  })

  test('are no more than names.max_packets, of all keys', async () => {
    await using api = await openTestApi()
    for (const at of [0, 1, 2]) await put(api, packetAt(at * DAY))
    const other = await put(api, packetAt(0, secretOf(2)), labelOf(2))
    assert.equal(other.statusCode, 507)
    assert.match(other.json().detail, /names\.max_packets/)
    assert.equal((await put(api, packetAt(DAY))).statusCode, 202, 'the same again takes no room')
  })

  test('are forgotten at a word', async () => {
    await using api = await openTestApi()
    await put(api, packetAt(0))
    await put(api, packetAt(DAY))
    const remove = { method: 'DELETE', url: `/v1/zones/${labelOf(1)}/packet`, headers: AUTHORIZED } as const
    const forgotten = await api.send(remove)
    assert.deepEqual([forgotten.statusCode, forgotten.json()], [200, { removed: 2 }])
    assert.deepEqual((await api.send({ method: 'GET', url: '/v1/packets' })).json(), { packets: [] })
    assert.equal((await api.send(remove)).statusCode, 404)
  })

  test('an older one than is published is a conflict', async () => {
    await using api = await openTestApi()
    await put(api, packetAt(0))
    assert.equal((await put(api, packetAt(-1000))).statusCode, 409)
    const expired = await put(api, packetAt(-8 * DAY, secretOf(2)), labelOf(2))
    assert.deepEqual([expired.statusCode, /expired/.test(expired.json().detail)], [422, true])
  })
})
