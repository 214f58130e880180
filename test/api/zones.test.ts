import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PublisherFault } from '../../src/publisher/fault.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import { AUTHORIZED, labelOf, openTestApi, putRecords } from './test-api.ts'

const A_RECORD = { name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }

describe('making and showing zones', () => {
  test('POST makes a key and says what people type', async () => {
    await using api = await openTestApi()
    const reply = await api.send({ method: 'POST', url: '/v1/zones', headers: AUTHORIZED })
    assert.equal(reply.statusCode, 201)
    assert.deepEqual(reply.json(), { key: labelOf(1), name: `${labelOf(1)}.kad.alt` })
  })

  test('POST does not mind a content type without a body, as some clients send it', async () => {
    await using api = await openTestApi()
    const headers = { ...AUTHORIZED, 'content-type': 'application/json' }
    const reply = await api.send({ method: 'POST', url: '/v1/zones', headers })
    assert.equal(reply.statusCode, 201)
  })

  test('zones are listed with sequence and expiry as text', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    const reply = await api.send({ url: '/v1/zones' })
    assert.deepEqual(reply.json(), {
      zones: [
        {
          key: labelOf(1),
          name: `${labelOf(1)}.kad.alt`,
          sequence: String(BigInt(Date.UTC(2026, 10, 23, 0, 0, 1)) * 1000n),
          expires: '2026-11-30T00:00:01.000Z',
          backup: false,
        },
      ],
    })
  })

  test('a zone whose key was revoked is listed and shown, and never expires', async () => {
    await using api = await openTestApi()
    const { key } = await api.publisher.create()
    await api.publisher.create()
    api.publisher.revoke(key)
    const list = await api.send({ url: '/v1/zones' })
    assert.equal(list.statusCode, 200)
    const [revoked, other] = list.json().zones
    assert.deepEqual(revoked, {
      key: labelOf(1),
      name: `${labelOf(1)}.kad.alt`,
      sequence: String(2n ** 63n - 1n),
      expires: null,
      backup: false,
    })
    assert.equal(other.key, labelOf(2))
    assert.equal(typeof other.expires, 'string')
    const shown = await api.send({ url: `/v1/zones/${labelOf(1)}` })
    assert.deepEqual(
      [shown.statusCode, shown.json()],
      [200, { ...revoked, scope: 'any', own: true, storedOn: 0, records: [] }],
    )
  })

  test('a zone may be for this local network only, or never for it; any other word is refused', async () => {
    await using api = await openTestApi()
    const make = async (query: string) =>
      (await api.send({ method: 'POST', url: `/v1/zones${query}`, headers: AUTHORIZED })).statusCode
    for (const query of ['', '?scope=lan', '?scope=wan']) assert.equal(await make(query), 201)
    assert.equal(await make('?scope=home'), 400)
    assert.deepEqual(api.publisher.scopes, ['any', 'lan', 'wan'])
  })

  test('how many nodes acknowledged a zone is shown, and which of this node another device has superseded', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    Object.assign(api.publisher, { storedOn: 43, superseded: 1_790_000_000_000_000n })
    const { storedOn, superseded } = (await api.send({ url: `/v1/zones/${labelOf(1)}` })).json()
    assert.deepEqual([storedOn, superseded], [43, '1790000000000000'])
  })

  test('a zone signed for a time beyond the calendar, by another program, is listed without its expiry', async () => {
    await using api = await openTestApi()
    const { key } = await api.publisher.create()
    api.publisher.signAt(key, 2n ** 63n - 2n)
    const reply = await api.send({ url: '/v1/zones' })
    assert.equal(reply.statusCode, 200)
    assert.equal(reply.json().zones[0].expires, null)
  })

  test('a zone is shown with its records as they were written, and without the SOA that is ours', async () => {
    await using api = await openTestApi()
    const records = [
      A_RECORD,
      { name: '@', type: 'TXT', ttl: 60, value: '"two words" "café"' },
      { name: '*.deep', type: 'MX', ttl: 0, value: '10 mail.example.org.' },
      { name: 'odd', type: 'TYPE65280', ttl: 5, value: '\\# 2 abcd' },
    ]
    const put = await putRecords(api, records)
    assert.equal(put.status, 200, JSON.stringify(put.body))
    const { records: shown } = (await api.send({ url: `/v1/zones/${labelOf(1)}` })).json()
    assert.deepEqual(
      shown.map(({ name, type, ttl }: typeof A_RECORD) => ({ name, type, ttl })),
      records.map(({ name, type, ttl }) => ({ name, type, ttl })),
    )
    assert.equal(shown[0].value, '192.0.2.1')
    const again = await putRecords(api, shown)
    assert.equal(again.status, 200, 'what is shown can be put again')
  })

  test('a key may be written in upper case', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    const reply = await api.send({ url: `/v1/zones/${labelOf(1).toUpperCase()}` })
    assert.equal(reply.json().key, labelOf(1))
  })

  for (const [what, label] of [
    ['another key', labelOf(2)],
    ['a label that is too short', 'abc'],
    ['a spelling that is not canonical', `${labelOf(1).slice(0, -1)}9`],
    ['a name', 'example.org'],
  ]) {
    test(`${what} is no zone here: 404`, async () => {
      await using api = await openTestApi()
      await api.publisher.create()
      const shown = await api.send({ url: `/v1/zones/${label}` })
      const put = await putRecords(api, [A_RECORD], label)
      assert.deepEqual([shown.statusCode, put.status], [404, 404])
      assert.match(`${put.type}`, /^application\/problem\+json/)
    })
  }
})

describe('putting records', () => {
  test('the reply tells sequence, expiry and how many other nodes have it', async () => {
    await using api = await openTestApi()
    api.publisher.storedOn = 7
    const { status, body } = await putRecords(api, [A_RECORD])
    assert.equal(status, 200)
    assert.deepEqual(body, {
      sequence: String(BigInt(Date.UTC(2026, 10, 23, 0, 0, 2)) * 1000n),
      expires: '2026-11-30T00:00:02.000Z',
      storedOn: 7,
    })
  })

  test('a record without a ttl has 300 seconds', async () => {
    await using api = await openTestApi()
    await putRecords(api, [{ name: 'www', type: 'A', value: '192.0.2.1' }])
    const { records } = (await api.send({ url: `/v1/zones/${labelOf(1)}` })).json()
    assert.equal(records[0].ttl, 300)
  })

  test('no records empty the zone', async () => {
    await using api = await openTestApi()
    await putRecords(api, [A_RECORD])
    assert.equal((await putRecords(api, [])).status, 200)
    assert.deepEqual((await api.send({ url: `/v1/zones/${labelOf(1)}` })).json().records, [])
  })

  test('every fault is listed: wrong shapes, wrong values and wrong company alike, in the order of the records', async () => {
    await using api = await openTestApi()
    const { status, type, body } = await putRecords(api, [
      { name: 'a', type: 'A', ttl: '300', value: '192.0.2.999' },
      A_RECORD,
      { name: 'b', type: 'NONSENSE', ttl: -1, value: 'x' },
      { name: 'c', type: 'A' },
      'no object',
      { ...A_RECORD, ttl: 60 },
      { name: 5, type: 'AAAA', value: '::g', colour: 'red' },
    ])
    assert.equal(status, 422)
    assert.match(`${type}`, /^application\/problem\+json/)
    assert.equal(body.title, 'Unprocessable Entity')
    assert.deepEqual(
      body.faults.map(({ index, field }: { index: number; field: string }) => `${index} ${field}`),
      [
        ...['0 ttl', '0 value', '2 type', '2 ttl', '3 value', '4 record', '5 record', '5 record'],
        ...['6 name', '6 record', '6 value'],
      ],
    )
    assert.ok(body.faults.every(({ message }: { message: string }) => /^[A-Z"\\].*\.$/.test(message)))
    assert.equal(api.publisher.list()[0]?.records.length, 1, 'nothing was published')
  })

  for (const [what, payload, status] of [
    ['that is not JSON', '{"records":', 400],
    ['that is empty', '', 400],
    ['without records', '{}', 422],
    ['whose records are no list', '{"records":{}}', 422],
    ['that is a list', '[]', 422],
    ['that is null', 'null', 422],
    ['with a member nobody knows', '{"records":[],"force":true}', 422],
    ['with a __proto__', '{"records":[],"__proto__":{}}', 422],
  ] as const) {
    test(`a body ${what} is refused with ${status}`, async () => {
      await using api = await openTestApi()
      const reply = await putRecords(api, payload)
      assert.equal(reply.status, status)
      assert.equal(reply.body.status, status)
      assert.match(reply.body.detail, /\.$/)
      if (status === 422) assert.ok(reply.body.faults.length > 0)
    })
  }

  test('octets that are not UTF-8 are not JSON', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    const reply = await api.send({
      method: 'PUT',
      url: `/v1/zones/${labelOf(1)}/records`,
      headers: { ...AUTHORIZED, 'content-type': 'application/json' },
      payload: Buffer.from('{"records":[{"name":"a","type":"TXT","value":"\xff"}]}', 'latin1'),
    })
    assert.equal(reply.statusCode, 400)
  })

  test('a body over the limit is refused with 413, whatever is in it', async () => {
    await using api = await openTestApi({ maxBody: 1024 })
    assert.equal((await putRecords(api, ' '.repeat(1025))).status, 413)
  })

  for (const contentType of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
    test(`${contentType} is refused with 415`, async () => {
      await using api = await openTestApi()
      await api.publisher.create()
      const url = `/v1/zones/${labelOf(1)}/records`
      const headers = { ...AUTHORIZED, 'content-type': contentType }
      const reply = await api.send({ method: 'PUT', url, headers, payload: '{"records":[]}' })
      assert.equal(reply.statusCode, 415)
      assert.match(`${reply.headers['content-type']}`, /^application\/problem\+json/)
    })
  }

  for (const [fault, status] of [
    [new ZoneFault('older', 'A newer zone is known.'), 409],
    [new ZoneFault('content', 'A zone has 100 records at most.'), 422],
    [new PublisherFault('clock', 'This clock is behind.'), 409],
    [new PublisherFault('unknown-zone', 'No such zone.'), 404],
  ] as const) {
    test(`what the publisher refuses because of "${fault.message}" is told with ${status}`, async () => {
      await using api = await openTestApi()
      api.publisher.fault = fault
      const { status: told, body } = await putRecords(api, [A_RECORD])
      assert.deepEqual([told, body.detail], [status, fault.message])
      assert.deepEqual(api.log, [])
    })
  }

  for (const fault of [
    new Error('/home/alice/.kadns is full'),
    new PublisherFault('damaged', 'The key file /home/alice/.kadns/zones/x.key is damaged.'),
  ]) {
    test(`of ${fault.name} "${fault.message.slice(0, 20)}…" only the log hears`, async () => {
      await using api = await openTestApi()
      api.publisher.fault = fault
      const { status, body } = await putRecords(api, [A_RECORD])
      assert.equal(status, 500)
      assert.doesNotMatch(JSON.stringify(body), /alice/)
      assert.match(api.log.join(), /alice/)
      const [, request] = /^request (\S+)$/.exec(body.about) ?? []
      assert.ok(request && api.log.join().includes(`"request":"${request}"`), 'both name the request')
    })
  }
})
