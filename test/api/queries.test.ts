/** The questions of late over HTTP: for who has the token, and 404 where none are kept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { QueryLog } from '../../src/resolver/query-log.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { questionOctets } from '../support/queries.ts'
import { openTestApi, TOKEN } from './test-api.ts'

const HEADERS = { host: 'localhost', authorization: `Bearer ${TOKEN}` }

function logOf(...questions: string[]): QueryLog {
  const clock = new ManualClock()
  const log = new QueryLog(clock, 10)
  for (const question of questions) {
    const key = questionOctets(question).toString('latin1')
    const since = clock.monotonic()
    clock.advance(7)
    const client = { address: '192.168.1.7', transport: 'udp' } as const
    log.add({ key, client, rcode: Rcode.NoError, origin: 'upstream', since })
  }
  return log
}

test('a reader with the token sees them, and no address', async () => {
  await using api = await openTestApi({}, logOf('www.example.org A', 'example.net MX'))
  const reply = await api.send({ method: 'GET', url: '/v1/queries?name=ORG', headers: HEADERS })
  assert.equal(reply.statusCode, 200)
  const [query, ...more] = reply.json().queries
  assert.deepEqual(more, [])
  assert.match(query.client, /^[0-9a-f]{6}$/)
  assert.deepEqual(
    { ...query, client: '' },
    {
      number: 1,
      time: new Date(new ManualClock().now() + 7).toISOString(),
      name: 'www.example.org.',
      type: 'A',
      client: '',
      transport: 'udp',
      rcode: 'NOERROR',
      origin: 'upstream',
      milliseconds: 7,
    },
  )
  assert.ok(!reply.body.includes('192.168'))
})

test('a reader without the token, or with another, is refused', async () => {
  await using api = await openTestApi({}, logOf('www.example.org A'))
  for (const authorization of [undefined, 'Bearer x']) {
    const headers = { host: 'localhost', ...(authorization && { authorization }) }
    for (const method of ['GET', 'HEAD', 'DELETE'] as const)
      assert.equal((await api.send({ method, url: '/v1/queries', headers })).statusCode, 401, method)
  }
})

test('they are forgotten when that is asked for', async () => {
  await using api = await openTestApi({}, logOf('www.example.org A'))
  assert.equal((await api.send({ method: 'DELETE', url: '/v1/queries', headers: HEADERS })).statusCode, 204)
  const reply = await api.send({ method: 'GET', url: '/v1/queries', headers: HEADERS })
  assert.deepEqual(reply.json(), { queries: [] })
})

test('where none are kept it says how they would be; what is no filter is told', async () => {
  await using off = await openTestApi()
  const reply = await off.send({ method: 'GET', url: '/v1/queries', headers: HEADERS })
  assert.equal(reply.statusCode, 404)
  assert.match(reply.json().detail, /dns\.query_log/)
  await using on = await openTestApi({}, logOf())
  for (const query of ['rcode=NOPE', 'limit=0', 'limit=1001', 'after=-1', 'other=1'])
    assert.equal(
      (await on.send({ method: 'GET', url: `/v1/queries?${query}`, headers: HEADERS })).statusCode,
      400,
      query,
    )
})
