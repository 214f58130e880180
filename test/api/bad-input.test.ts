/** What cannot be published: a status, a sentence for people, and a zone that is as it was. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AUTHORIZED, labelOf, openTestApi, putRecords, type TestApi } from './test-api.ts'

const GOOD = { name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }
const KEY = labelOf(1)
const JSON_BODY = { 'content-type': 'application/json' }
const bodyOf = (...records: unknown[]) => JSON.stringify({ records })

interface Problem {
  readonly status: number
  readonly detail: string
  readonly faults?: readonly { index?: number; field?: string; message: string }[]
}

/** All that can be read of the zones. */
async function zonesOf(api: TestApi): Promise<string> {
  const list = await api.send({ url: '/v1/zones' })
  const zone = await api.send({ url: `/v1/zones/${KEY}` })
  assert.deepEqual([list.statusCode, zone.statusCode], [200, 200])
  return list.body + zone.body
}

interface Request {
  readonly payload: string
  readonly headers?: Readonly<Record<string, string>>
  readonly key?: string
}

/** Sends it to a node whose zone has one record. Fails unless it is told why not, and nothing has changed. */
async function problemOf({
  payload,
  headers = { ...AUTHORIZED, ...JSON_BODY },
  key = KEY,
}: Request): Promise<Problem> {
  await using api = await openTestApi()
  assert.equal((await putRecords(api, [GOOD])).status, 200)
  const before = await zonesOf(api)
  const reply = await api.send({ method: 'PUT', url: `/v1/zones/${key}/records`, headers, payload })
  assert.equal(reply.headers['content-type'], 'application/problem+json; charset=utf-8')
  const problem = reply.json() as Problem
  assert.equal(problem.status, reply.statusCode)
  const sentences = [problem.detail, ...(problem.faults ?? []).map(({ message }) => message)]
  for (const sentence of sentences) assert.match(sentence, /^[A-Z"][^\n]*[^.]\.$/)
  assert.equal(await zonesOf(api), before)
  assert.deepEqual(api.log, [])
  return problem
}

/** A TXT record of so many octets of text. */
const text = (name: string, octets: number) => ({ name, type: 'TXT', value: `"${'x'.repeat(octets)}"` })

describe('records that cannot be published', () => {
  const label64 = 'a'.repeat(64)
  // With the key's label and the root, 3 * 64 + 10 + 53 + 1 octets.
  const name256 = [...['a', 'b', 'c'].map((letter) => letter.repeat(63)), 'd'.repeat(9)].join('.')

  for (const [what, records, fault, words] of [
    ['an IPv4 address that is none', [{ ...GOOD, value: '192.0.2.999' }], '0 value', /192\.0\.2\.999.*IPv4/],
    ['an IPv6 address that is none', [{ ...GOOD, type: 'AAAA', value: '::g' }], '0 value', /::g.*IPv6/],
    ['a label of 64 octets', [{ ...GOOD, name: label64 }], '0 name', /label.*63/],
    ['a name of 256 octets', [{ ...GOOD, name: name256 }], '0 name', /256 octets; 255/],
    ['a name outside the zone', [GOOD, { ...GOOD, name: 'a.example.' }], '1 name', /outside the zone/],
    [
      'a CNAME beside other data',
      [GOOD, { ...GOOD, type: 'CNAME', value: 'a.example.' }],
      '1 record',
      /CNAME stands alone/,
    ],
    ['a record twice', [GOOD, GOOD], '1 record', /there before/],
    ['two TTLs in one set', [GOOD, { ...GOOD, ttl: 60, value: '192.0.2.2' }], '1 record', /one TTL/],
    ['a TTL below 0', [{ ...GOOD, ttl: -1 }], '0 ttl', /0 to 2147483647, not -1/],
    ['a TTL above the highest', [{ ...GOOD, ttl: 2 ** 31 }], '0 ttl', /0 to 2147483647, not 2147483648/],
    ['a TTL that is no whole number', [{ ...GOOD, ttl: 1.5 }], '0 ttl', /whole number.*1\.5/],
    ['a type that is none', [{ ...GOOD, type: 'NONSENSE' }], '0 type', /NONSENSE/],
    ['an SOA', [{ ...GOOD, type: 'SOA' }], '0 type', /SOA is made by the node/],
  ] as const) {
    test(`${what}: 422, and which record it is`, async () => {
      const { status, faults = [] } = await problemOf({ payload: bodyOf(...records) })
      assert.equal(status, 422)
      assert.deepEqual(
        faults.map(({ index, field }) => `${index} ${field}`),
        [fault],
      )
      assert.match(faults[0]?.message ?? '', words)
    })
  }

  test('a name of 255 octets is none of them', async () => {
    await using api = await openTestApi()
    assert.equal((await putRecords(api, [{ ...GOOD, name: name256.slice(0, -1) }])).status, 200)
  })

  test('too much for one zone: how large each record set is, and how much fits', async () => {
    const records = [text('t1', 250), text('t2', 200), GOOD, text('t1', 251), text('t3', 250)]
    const { status, detail, faults = [] } = await problemOf({ payload: bodyOf(...records) })
    assert.equal(status, 422)
    assert.match(detail, /take \d+ octets.* 898 fit/)
    const told = faults.map(({ index, field, message }) => {
      const [, set, octets, count] =
        /^The set (\S+ \S+) takes (\d+) octets in (\d) records?\.$/.exec(message) ?? []
      return { index, field, set, octets: Number(octets), count }
    })
    assert.deepEqual(
      told.map(({ octets, ...rest }) => rest),
      [
        { index: 0, field: 'record', set: 't1 TXT', count: '2' },
        { index: 1, field: 'record', set: 't2 TXT', count: '1' },
        { index: 2, field: 'record', set: 'www A', count: '1' },
        { index: 4, field: 'record', set: 't3 TXT', count: '1' },
      ],
    )
    // Each: owner (a label and a pointer to the apex, later a pointer alone), 10 octets of header, RDATA.
    assert.deepEqual(
      told.map(({ octets }) => octets),
      [5 + 10 + 251 + (2 + 10 + 252), 5 + 10 + 201, 6 + 10 + 4, 5 + 10 + 251],
    )
    assert.ok(detail.includes(`take ${told.reduce((sum, { octets }) => sum + octets, 0)} octets`), detail)
  })

  test('what just fits is none of them, and an octet more is', async () => {
    await using api = await openTestApi()
    const filling = (last: number) => [text('a', 255), text('b', 255), text('c', 255), text('d', last)]
    const each = 4 + 10 + 1
    const left = 898 - 3 * (each + 255) - each
    assert.equal((await putRecords(api, filling(left))).status, 200)
    assert.equal((await putRecords(api, filling(left + 1))).status, 422)
  })

  test('more than 100 records: 422 with the number', async () => {
    const records = Array.from({ length: 101 }, (_, at) => ({ ...GOOD, value: `192.0.2.${at}` }))
    const { status, detail } = await problemOf({ payload: bodyOf(...records) })
    assert.equal(status, 422)
    assert.match(detail, /100 records/)
  })

  test('thousands of faults are told as a hundred and how many more there are', async () => {
    const records = Array.from({ length: 10_000 }, () => ({}))
    const { status, detail, faults = [] } = await problemOf({ payload: bodyOf(...records) })
    assert.equal(status, 422)
    assert.equal(faults.length, 100)
    assert.deepEqual([faults[0]?.index, faults.at(-1)?.index], [0, 33])
    assert.match(detail, /: 100 faults are listed, and 29900 more were found\.$/)
  })

  test('a hundred faults are told, and no more spoken of', async () => {
    const records = Array.from({ length: 100 }, (_, at) => ({ ...GOOD, name: `n${at}`, value: 'x' }))
    const { detail, faults = [] } = await problemOf({ payload: bodyOf(...records) })
    assert.equal(faults.length, 100)
    assert.doesNotMatch(detail, /more/)
  })
})

describe('requests that are not accepted', () => {
  for (const [what, request, status, words] of [
    ['a body that is not JSON', { payload: '{"records":' }, 400, /not JSON/],
    ['no body', { payload: '' }, 400, /empty/],
    ['a body that is JSON of something else', { payload: '[1]' }, 422, /\{"records": \[…\]\}/],
    [
      'another content type',
      { payload: bodyOf(), headers: { ...AUTHORIZED, 'content-type': 'text/plain' } },
      415,
      /Content-Type: application\/json/,
    ],
    ['a body that is too large', { payload: ' '.repeat(65_537) }, 413, /api\.max_body/],
    ['no token', { payload: bodyOf(), headers: JSON_BODY }, 401, /kadns token/],
    [
      'a wrong token',
      { payload: bodyOf(), headers: { ...JSON_BODY, authorization: `Bearer ${'B'.repeat(43)}` } },
      401,
      /not the token/,
    ],
    ['what is no key', { payload: bodyOf(), key: 'nonsense' }, 404, /"nonsense" is no key/],
    ["someone else's key", { payload: bodyOf(), key: labelOf(2) }, 404, /holds no key/],
  ] satisfies [string, Request, number, RegExp][]) {
    test(`${what}: ${status}`, async () => {
      const problem = await problemOf(request)
      assert.equal(problem.status, status)
      assert.match(problem.detail, words)
    })
  }
})
