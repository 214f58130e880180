import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { SIGNED_AT, secretOf } from '../support/zones.ts'
import { AUTHORIZED, labelOf, openTestApi } from './test-api.ts'

const { bytes } = signZone(secretOf(1), { sequence: SIGNED_AT, soa: DEFAULT_SOA, records: [] })
const OCTETS = { ...AUTHORIZED, 'content-type': 'application/octet-stream' }

describe('PUT /v1/zones/:key/packet', () => {
  const put = async (changes: { key?: string; payload?: Buffer; headers?: Record<string, string> }) => {
    await using api = await openTestApi()
    const { key = labelOf(1), payload = Buffer.from(bytes), headers = OCTETS } = changes
    const reply = await api.send({ method: 'PUT', url: `/v1/zones/${key}/packet`, headers, payload })
    return { status: reply.statusCode, body: reply.json(), packets: api.packets }
  }

  test('hands a zone on whose signature holds, octet for octet', async () => {
    const { status, body, packets } = await put({})
    assert.deepEqual([status, body.sequence, body.storedOn], [200, String(SIGNED_AT), 3])
    assert.deepEqual(
      packets.map((zone) => Buffer.from(zone.bytes)),
      [Buffer.from(bytes)],
    )
  })

  const flipped = Buffer.from(bytes)
  flipped[40] = (flipped[40] ?? 0) ^ 1
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
