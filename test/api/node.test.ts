import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode, RecordType } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { type Answer, emptyAnswer, type Origin } from '../../src/resolver/query.ts'
import { recordsFrom } from '../support/records.ts'
import { openTestApi } from './test-api.ts'

function answered(text: string, more: Partial<Answer> = {}): () => Promise<Answer> {
  return async () => ({ ...emptyAnswer(Rcode.NoError, 'zone'), records: recordsFrom(text), ...more })
}

describe('asking as a DNS client would', () => {
  test('answers are told as zone-file text, with where they came from and how they were found', async () => {
    await using api = await openTestApi()
    const effort = { asked: 3, hops: 2, milliseconds: 4.5 }
    api.answer = answered(
      'www.example.org. 60 IN CNAME host.example.org.\nhost.example.org. 30 IN A 192.0.2.1',
      { effort },
    )
    const reply = await api.send({ url: '/v1/resolve?name=www.example.org&type=a' })
    assert.equal(reply.statusCode, 200)
    assert.deepEqual(reply.json(), {
      name: 'www.example.org.',
      type: 'A',
      rcode: 'NOERROR',
      answers: [
        { name: 'www.example.org.', type: 'CNAME', ttl: 60, value: 'host.example.org.' },
        { name: 'host.example.org.', type: 'A', ttl: 30, value: '192.0.2.1' },
      ],
      from: 'zone',
      lookup: effort,
    })
  })

  test('the type is A unless another is asked for; names stand under the root, with or without a final dot', async () => {
    await using api = await openTestApi()
    await api.send({ url: '/v1/resolve?name=example.org' })
    await api.send({ url: '/v1/resolve?name=Example.org.&type=TYPE65280' })
    assert.deepEqual(api.asked, [
      { name: parseName('example.org.'), type: RecordType.A },
      { name: parseName('Example.org.'), type: 65_280 },
    ])
  })

  test('escapes are understood, and given back', async () => {
    await using api = await openTestApi()
    const reply = await api.send({ url: `/v1/resolve?name=${encodeURIComponent('a\\.b\\000.example')}` })
    assert.equal(reply.json().name, 'a\\.b\\000.example.')
    assert.deepEqual(api.asked[0]?.name, '\x04a.b\0\x07example\0')
  })

  test('an answer that says no is 200 with its rcode', async () => {
    await using api = await openTestApi()
    api.answer = async () => emptyAnswer(Rcode.NxDomain, 'upstream')
    const reply = await api.send({ url: '/v1/resolve?name=absent.example' })
    assert.deepEqual(
      [reply.statusCode, reply.json().rcode, reply.json().answers, reply.json().from],
      [200, 'NXDOMAIN', [], 'upstream'],
    )
  })

  test('a failure is told as SERVFAIL with its reason, and comes from here', async () => {
    await using api = await openTestApi()
    const error = { code: ExtendedError.NoReachableAuthority, text: 'no node could be reached' }
    api.answer = async () => emptyAnswer(Rcode.ServFail, 'failure', error)
    const body = (await api.send({ url: '/v1/resolve?name=a.example' })).json()
    assert.deepEqual([body.rcode, body.from, body.error], ['SERVFAIL', 'local', error])
  })

  for (const from of ['cache', 'zone', 'upstream', 'local', 'stale'] satisfies Origin[]) {
    test(`an answer from ${from} says so`, async () => {
      await using api = await openTestApi()
      api.answer = async () => emptyAnswer(Rcode.NoError, from)
      assert.equal((await api.send({ url: '/v1/resolve?name=a.example' })).json().from, from)
    })
  }

  for (const query of [
    '',
    '?name=',
    '?name=a..b',
    `?name=${'a'.repeat(64)}.example`,
    '?name=caf%C3%A9.example',
    '?name=example.org&type=NONSENSE',
    '?name=example.org&type=TYPE65536',
    '?name=a&name=b',
    '?name=a&nmae=b',
  ]) {
    test(`/v1/resolve${query.slice(0, 40)} is refused with 400`, async () => {
      await using api = await openTestApi()
      const reply = await api.send({ url: `/v1/resolve${query}` })
      assert.equal(reply.statusCode, 400)
      assert.match(`${reply.headers['content-type']}`, /^application\/problem\+json/)
      assert.deepEqual(api.asked, [])
    })
  }
})

describe('the node', () => {
  test('it tells what others can join it by', async () => {
    await using api = await openTestApi()
    assert.deepEqual((await api.send({ url: '/v1/node' })).json(), {
      peerId: '12D3KooW',
      addresses: ['/ip4/127.0.0.1/tcp/4601/p2p/12D3KooW'],
      reach: { mode: 'server', reason: 'dht.mode is server.' },
      peers: 3,
      clock: { offsetSeconds: -2, trusted: true },
      dns: '127.0.0.1:5300',
      api: '127.0.0.1:8053',
    })
  })

  test('it is well when it answers', async () => {
    await using api = await openTestApi()
    const reply = await api.send({ url: '/healthz' })
    assert.deepEqual([reply.statusCode, reply.json()], [200, { status: 'ok' }])
  })

  test('it is ready when a question goes all the way through, and not ready when it fails', async () => {
    await using api = await openTestApi()
    const ready = await api.send({ url: '/readyz' })
    assert.deepEqual([ready.statusCode, ready.json()], [200, { status: 'ready' }])
    api.answer = async () => emptyAnswer(2, 'local')
    const failing = await api.send({ url: '/readyz' })
    assert.deepEqual([failing.statusCode, failing.json()], [503, { status: 'not ready' }])
  })

  test('OpenAPI tells of every route, and which take the token', async () => {
    await using api = await openTestApi()
    const { openapi, paths } = (await api.send({ url: '/openapi.json' })).json()
    assert.match(openapi, /^3\./)
    const routes = Object.entries(paths as Record<string, Record<string, { security?: unknown }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(
          ([method, { security }]) => `${method} ${path}${security ? ' token' : ''}`,
        ),
    )
    assert.deepEqual(routes.sort(), [
      'delete /v1/allowed/{key} token',
      'delete /v1/petnames/{name} token',
      'delete /v1/queries token',
      'delete /v1/tokens/{id} token',
      'delete /v1/zones/{key} token',
      'delete /v1/zones/{key}/packet token',
      'delete /v1/zones/{key}/records/{name}/{type} token',
      'get /healthz',
      'get /metrics',
      'get /nic/update token',
      'get /readyz',
      'get /v1/allowed',
      'get /v1/lookups/{name}',
      'get /v1/node',
      'get /v1/packets',
      'get /v1/petnames',
      'get /v1/petnames/{name}',
      'get /v1/queries token',
      'get /v1/resolve',
      'get /v1/tokens token',
      'get /v1/zones',
      'get /v1/zones/{key}',
      'get /v1/zones/{key}/status',
      'patch /v1/zones/{key}/records token',
      'post /v1/reload token',
      'post /v1/tokens token',
      'post /v1/zones token',
      'put /v1/allowed/{key} token',
      'put /v1/petnames/{name} token',
      'put /v1/zones/{key}/packet token',
      'put /v1/zones/{key}/records token',
      'put /v1/zones/{key}/records/{name}/{type} token',
    ])
  })
})
