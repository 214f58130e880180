/** One record set of a zone over HTTP, and writers who look before they write: ETag, If-Match, If-None-Match. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { secretOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, type TestApi } from './test-api.ts'

const { label: KEY } = publicKeyOf(secretOf(1))
const ZONE = `/v1/zones/${KEY}`

/** A zone with two addresses, a mail exchange and an alias. */
async function open(): Promise<TestApi> {
  const api = await openTestApi()
  await api.send({ method: 'POST', url: '/v1/zones', headers: AUTHORIZED })
  const records = [
    { name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' },
    { name: 'www', type: 'A', ttl: 300, value: '192.0.2.2' },
    { name: '@', type: 'MX', ttl: 600, value: '10 mail' },
    { name: 'alias', type: 'CNAME', ttl: 60, value: 'www' },
  ]
  const reply = await api.send({
    method: 'PUT',
    url: `${ZONE}/records`,
    headers: AUTHORIZED,
    payload: { records },
  })
  assert.equal(reply.statusCode, 200)
  return api
}

async function recordsOf(api: TestApi): Promise<string[]> {
  const { records } = (await api.send({ url: ZONE })).json()
  return records
    .map(({ name, type, ttl, value }: Record<string, unknown>) => `${name} ${ttl} ${type} ${value}`)
    .sort()
}

function put(api: TestApi, set: string, records: readonly object[], headers = {}) {
  const url = `${ZONE}/records/${set}`
  return api.send({ method: 'PUT', url, headers: { ...AUTHORIZED, ...headers }, payload: { records } })
}

const BEFORE = [
  `@ 600 MX 10 mail.${KEY}.`,
  `alias 60 CNAME www.${KEY}.`,
  'www 300 A 192.0.2.1',
  'www 300 A 192.0.2.2',
]

describe('one record set', () => {
  test('is replaced, and the others stay', async () => {
    await using api = await open()
    const reply = await put(api, 'www/A', [{ ttl: 30, value: '192.0.2.9' }])
    assert.equal(reply.statusCode, 200)
    assert.deepEqual(await recordsOf(api), [...BEFORE.slice(0, 2), 'www 30 A 192.0.2.9'])
  })

  test('has the longest name there is, written as long as it can be', async () => {
    await using api = await open()
    const labels = Array.from({ length: 3 }, () => '\\000'.repeat(63)).join('.')
    const reply = await put(api, `${encodeURIComponent(labels)}/A`, [{ value: '192.0.2.1' }])
    assert.equal(reply.statusCode, 200, reply.body)
  })

  test('is made where there was none: at the apex, below it, of a type without a name, with the standard TTL', async () => {
    await using api = await open()
    for (const [set, value] of [
      ['@/txt', '"hello"'],
      ['deep.er/AAAA', '2001:db8::1'],
      [`full.${KEY}.kad.alt./TYPE65280`, '\\# 1 00'],
    ] as const)
      assert.equal((await put(api, set, [{ value }])).statusCode, 200, set)
    assert.deepEqual(
      (await recordsOf(api)).filter((line) => !BEFORE.includes(line)),
      ['@ 300 TXT "hello"', 'deep.er 300 AAAA 2001:db8::1', 'full 300 TYPE65280 \\# 1 00'],
    )
  })

  test('is deleted; once more it is not there', async () => {
    await using api = await open()
    const remove = () => api.send({ method: 'DELETE', url: `${ZONE}/records/WWW/a`, headers: AUTHORIZED })
    assert.equal((await remove()).statusCode, 200)
    assert.deepEqual(await recordsOf(api), BEFORE.slice(0, 2))
    const again = await remove()
    assert.deepEqual([again.statusCode, again.json().detail], [404, 'The zone has no A record of "WWW".'])
  })

  test('of no records is gone as well', async () => {
    await using api = await open()
    assert.equal((await put(api, 'www/A', [])).statusCode, 200)
    assert.deepEqual(await recordsOf(api), BEFORE.slice(0, 2))
  })

  const bad: [string, string, readonly object[], number, RegExp][] = [
    ['a value that is none', 'www/A', [{ value: 'nonsense' }], 422, /nonsense/],
    ['an alias beside other data', 'www/CNAME', [{ value: 'x' }], 422, /CNAME/],
    ['data beside an alias', 'alias/A', [{ value: '192.0.2.1' }], 422, /CNAME/],
    [
      'two TTLs',
      'x/A',
      [
        { ttl: 1, value: '192.0.2.1' },
        { ttl: 2, value: '192.0.2.2' },
      ],
      422,
      /TTL/,
    ],
    ['a name in the body', 'www/A', [{ name: 'www', value: '192.0.2.1' }], 422, /leave it out/],
    ['a type that is none', 'www/NOPE', [{ value: 'x' }], 422, /no record type/],
    ['a type a zone cannot hold', '@/SOA', [{ value: 'x' }], 422, /SOA/],
    ['a name outside the zone', 'www.example.org./A', [{ value: '192.0.2.1' }], 422, /outside the zone/],
    ['no name', 'a..b/A', [{ value: '192.0.2.1' }], 422, /name/],
  ]
  for (const [word, set, records, status, sentence] of bad) {
    test(`with ${word} is refused, and nothing has changed`, async () => {
      await using api = await open()
      const reply = await put(api, set, records)
      assert.equal(reply.statusCode, status)
      assert.match(JSON.stringify(reply.json()), sentence)
      assert.deepEqual(await recordsOf(api), BEFORE)
    })
  }

  test('of an unknown zone, or without the token, is refused', async () => {
    await using api = await open()
    const other = publicKeyOf(secretOf(9)).label
    const payload = { records: [{ value: '192.0.2.1' }] }
    const url = `/v1/zones/${other}/records/www/A`
    assert.equal((await api.send({ method: 'PUT', url, headers: AUTHORIZED, payload })).statusCode, 404)
    assert.equal((await api.send({ method: 'PUT', url: `${ZONE}/records/www/A`, payload })).statusCode, 401)
  })
})

describe('a writer that has looked', () => {
  test('writes where nobody has written since, and is told 412 where somebody has', async () => {
    await using api = await open()
    const first = (await api.send({ url: ZONE })).headers['etag']
    assert.match(String(first), /^"\d+"$/)
    const mine = await put(api, 'www/A', [{ value: '192.0.2.3' }], { 'if-match': first })
    assert.equal(mine.statusCode, 200)
    assert.equal(mine.headers['etag'], `"${mine.json().sequence}"`)
    const late = await put(api, 'mail/A', [{ value: '192.0.2.4' }], { 'if-match': first })
    assert.equal(late.statusCode, 412)
    assert.ok(late.json().detail.includes(mine.json().sequence))
    const whole = { method: 'PUT', url: `${ZONE}/records`, payload: { records: [] } } as const
    const refused = await api.send({ ...whole, headers: { ...AUTHORIZED, 'if-match': String(first) } })
    assert.equal(refused.statusCode, 412)
    assert.ok((await recordsOf(api)).includes('www 300 A 192.0.2.3'))
    const tags = `"1", W/${mine.headers['etag']}`
    assert.equal((await put(api, 'mail/A', [{ value: '192.0.2.4' }], { 'if-match': tags })).statusCode, 200)
    assert.equal((await put(api, 'mail/A', [{ value: '192.0.2.5' }], { 'if-match': '*' })).statusCode, 200)
  })

  test('and a reader that has seen the newest gets 304, and no body', async () => {
    await using api = await open()
    const { etag } = (await api.send({ url: ZONE })).headers
    const again = await api.send({ url: ZONE, headers: { 'if-none-match': String(etag) } })
    assert.deepEqual([again.statusCode, again.body], [304, ''])
    await put(api, 'www/A', [{ value: '192.0.2.3' }])
    assert.equal((await api.send({ url: ZONE, headers: { 'if-none-match': String(etag) } })).statusCode, 200)
  })
})
