/** A zone's life over HTTP: changed in part, on its way, anybody's, and put away. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { secretOf, zoneOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, putRecords, type TestApi } from './test-api.ts'

const { label: KEY } = publicKeyOf(secretOf(1))
const ZONE = `/v1/zones/${KEY}`
const RECORDS = [
  { name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' },
  { name: 'www', type: 'A', ttl: 300, value: '192.0.2.2' },
  { name: 'mail', type: 'A', ttl: 300, value: '192.0.2.3' },
]

async function linesIn(api: TestApi): Promise<string[]> {
  const { records } = (await api.send({ url: ZONE })).json()
  return records
    .map(({ name, ttl, type, value }: Record<string, unknown>) => `${name} ${ttl} ${type} ${value}`)
    .sort()
}

describe('a part of a zone', () => {
  const patch = (api: TestApi, payload: object, headers = {}) =>
    api.send({ method: 'PATCH', url: `${ZONE}/records`, headers: { ...AUTHORIZED, ...headers }, payload })

  test('is changed at once: sets are replaced, made and deleted, and the rest stays', async () => {
    await using api = await openTestApi()
    await putRecords(api, RECORDS)
    const reply = await patch(api, {
      records: [
        { name: 'www', type: 'A', ttl: 60, value: '192.0.2.9' },
        { name: 'new', type: 'TXT', ttl: 60, value: '"x"' },
      ],
      delete: [
        { name: 'mail', type: 'a' },
        { name: 'nothing', type: 'A' },
      ],
    })
    assert.equal(reply.statusCode, 200)
    assert.deepEqual(await linesIn(api), ['new 60 TXT "x"', 'www 60 A 192.0.2.9'])
    assert.equal(api.publisher.list()[0]?.sequence, BigInt(reply.json().sequence))
  })

  test('is judged beside what stays', async () => {
    await using api = await openTestApi()
    await putRecords(api, RECORDS)
    const records = [{ name: 'mail', type: 'CNAME', value: 'www' }]
    assert.equal((await patch(api, { records })).statusCode, 422)
    assert.equal((await patch(api, { records, delete: [{ name: 'mail', type: 'A' }] })).statusCode, 200)
  })

  test('is not changed where another has written since', async () => {
    await using api = await openTestApi()
    await putRecords(api, RECORDS)
    assert.equal((await patch(api, { delete: [] }, { 'if-match': '"1"' })).statusCode, 412)
  })

  const BAD: readonly [what: string, body: object, status: number][] = [
    ['a member nobody knows', { remove: [] }, 422],
    ['a list that is none', { delete: 'www' }, 422],
    ['a set without a type', { delete: [{ name: 'www' }] }, 422],
    ['a set with a value', { delete: [{ name: 'www', type: 'A', value: '192.0.2.1' }] }, 422],
    ['records that are none', { records: {} }, 422],
    ['a list for a body', [], 400],
  ]
  for (const [what, body, status] of BAD) {
    test(`${what}: ${status}, and nothing has changed`, async () => {
      await using api = await openTestApi()
      await putRecords(api, RECORDS)
      const before = api.publisher.list()[0]?.sequence
      assert.equal((await patch(api, body)).statusCode, status)
      assert.equal(api.publisher.list()[0]?.sequence, before)
    })
  }
})

describe('a zone on its way', () => {
  test('its status: who acknowledged it, and when it is handed on again', async () => {
    await using api = await openTestApi()
    const { key, sequence } = await api.publisher.create()
    const statusOf = async () => (await api.send({ url: `${ZONE}/status` })).json()
    assert.deepEqual(await statusOf(), {
      sequence: String(sequence),
      state: 'publishing',
      storedOn: 0,
      acknowledgedBy: [],
      nextPut: null,
    })
    api.publisher.nextPut = Date.UTC(2026, 0, 2)
    assert.equal((await statusOf()).state, 'waiting')
    Object.assign(api.publisher, { storedOn: 2, acknowledgedBy: ['12D3KooWa', '12D3KooWb'] })
    const { state, acknowledgedBy, nextPut } = await statusOf()
    assert.deepEqual(
      [state, acknowledgedBy, nextPut],
      ['published', ['12D3KooWa', '12D3KooWb'], '2026-01-02T00:00:00.000Z'],
    )
    api.publisher.superseded = 7n
    assert.deepEqual([(await statusOf()).state, (await statusOf()).superseded], ['superseded', '7'])
    assert.equal(
      (await api.send({ url: `/v1/zones/${publicKeyOf(secretOf(2)).label}/status` })).statusCode,
      404,
    )
    assert.equal(key.label, KEY)
  })

  test('can be followed until it has arrived, as events', async () => {
    await using api = await openTestApi()
    const { key } = await api.publisher.create()
    const reply = api.send({ url: `${ZONE}/status`, headers: { accept: 'text/event-stream' } })
    while (api.publisher.listeners.size === 0) await new Promise(setImmediate)
    api.publisher.storedOn = 1
    api.publisher.tell(key)
    api.publisher.tell(publicKeyOf(secretOf(2)))
    api.publisher.nextPut = 1000
    api.publisher.tell(key)
    const { headers, body } = await reply
    assert.equal(headers['content-type'], 'text/event-stream')
    const events = body.split('\n\n').filter((event) => event !== '')
    assert.ok(events.every((event) => event.startsWith('data: {')))
    assert.deepEqual(
      events.map((event) => JSON.parse(event.slice(6)).state),
      ['publishing', 'publishing', 'published'],
    )
    assert.equal(api.publisher.listeners.size, 0)
  })
})

describe("somebody else's zone", () => {
  const zone = zoneOf('www 300 IN A 192.0.2.1')
  const url = `/v1/zones/${zone.key.label}`

  test('is shown with the copies found, and as a zone file', async () => {
    await using api = await openTestApi()
    await api.directory.publish(zone)
    Object.assign(api.directory, { copies: 19, age: 4.4 })
    const { own, copies, sequence, records, storedOn } = (await api.send({ url })).json()
    assert.deepEqual([own, copies, sequence, storedOn], [false, 19, String(zone.sequence), undefined])
    assert.deepEqual(records, [{ name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }])
    assert.match(
      (await api.send({ url, headers: { accept: 'text/dns' } })).body,
      /^www\t300\tIN\tA\t192\.0\.2\.1$/m,
    )
  })

  test('is asked for among others, however fresh what is at home', async () => {
    await using api = await openTestApi()
    await api.directory.publish(zone)
    await api.send({ url })
    assert.deepEqual(api.directory.finds, [{ label: zone.key.label, maxAge: 0 }])
  })

  test('that is nowhere: 404; where nobody can be asked: 504; forged: 502; revoked: 410', async () => {
    await using api = await openTestApi()
    const effort = { asked: 0, hops: 0, milliseconds: 0 }
    assert.equal((await api.send({ url })).statusCode, 404)
    api.directory.otherwise = { kind: 'unreachable', cause: 'No other node is known.', effort }
    const unreachable = await api.send({ url })
    assert.deepEqual([unreachable.statusCode, unreachable.json().detail], [504, 'No other node is known.'])
    api.directory.otherwise = { kind: 'bogus', rejected: 2, effort }
    assert.equal((await api.send({ url })).statusCode, 502)
    const revoked = signRevocation(secretOf(3))
    await api.directory.publish(revoked)
    assert.equal((await api.send({ url: `/v1/zones/${revoked.key.label}` })).statusCode, 410)
  })
})

describe('a zone that is no longer wanted', () => {
  test('is put away, and the reply says where', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    const reply = await api.send({ method: 'DELETE', url: ZONE, headers: AUTHORIZED })
    assert.deepEqual([reply.statusCode, reply.json()], [200, { directory: '/data/zones/forgotten' }])
    assert.equal((await api.send({ url: ZONE })).statusCode, 404)
  })
})
