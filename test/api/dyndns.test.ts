/** `/nic/update` as routers and ddclient ask it: the words they know, and addresses in the zone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { linesOf, secretOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, type TestApi, TOKEN } from './test-api.ts'

const { label: KEY } = publicKeyOf(secretOf(1))
const HOME = `home.${KEY}.kad.alt`
const basic = (token: string) => ({
  authorization: `Basic ${Buffer.from(`router:${token}`).toString('base64')}`,
})

async function open(): Promise<TestApi> {
  const api = await openTestApi()
  await api.publisher.create()
  return api
}

async function update(
  api: TestApi,
  query: string,
  more: { token?: string; remoteAddress?: string } = {},
): Promise<string> {
  const { token = TOKEN, remoteAddress = '127.0.0.1' } = more
  const reply = await api.send({ url: `/nic/update?${query}`, headers: basic(token), remoteAddress })
  assert.equal(reply.statusCode, 200, reply.body)
  assert.match(String(reply.headers['content-type']), /^text\/plain/)
  return reply.body
}

const linesIn = (api: TestApi) =>
  linesOf(api.publisher.list()[0]?.records.slice(1) ?? []).map((line) => line.replaceAll(`.${KEY}.`, ''))

describe('an update', () => {
  test('writes addresses: good, and the second time nochg without a signature', async () => {
    await using api = await open()
    assert.equal(await update(api, `hostname=${HOME}&myip=192.0.2.7`), 'good 192.0.2.7\n')
    assert.deepEqual(linesIn(api), ['home 60 A 192.0.2.7'])
    const sequence = api.publisher.list()[0]?.sequence
    assert.equal(await update(api, `hostname=${HOME}&myip=192.0.2.7`), 'nochg 192.0.2.7\n')
    assert.equal(api.publisher.list()[0]?.sequence, sequence)
  })

  for (const query of ['myip=192.0.2.7,2001:db8::7', 'myip=192.0.2.7&myipv6=2001:db8::7']) {
    test(`of both families, by one signing: ${query}`, async () => {
      await using api = await open()
      const before = api.publisher.list()[0]?.sequence ?? 0n
      assert.equal(await update(api, `hostname=${HOME}&${query}`), 'good 192.0.2.7,2001:db8::7\n')
      assert.deepEqual(linesIn(api), ['home 60 A 192.0.2.7', 'home 60 AAAA 2001:db8::7'])
      assert.equal((api.publisher.list()[0]?.sequence ?? 0n) - before, 1_000_000n)
    })
  }

  test('leaves the other family, other records and the TTL as they are', async () => {
    await using api = await open()
    const records = [
      { name: 'home', type: 'A', ttl: 300, value: '192.0.2.1' },
      { name: 'home', type: 'AAAA', ttl: 300, value: '2001:db8::1' },
      { name: 'www', type: 'A', ttl: 300, value: '192.0.2.2' },
    ]
    await api.send({
      method: 'PUT',
      url: `/v1/zones/${KEY}/records`,
      headers: AUTHORIZED,
      payload: { records },
    })
    await update(api, `hostname=${HOME}&myip=192.0.2.9`)
    assert.deepEqual(linesIn(api).sort(), [
      'home 300 A 192.0.2.9',
      'home 300 AAAA 2001:db8::1',
      'www 300 A 192.0.2.2',
    ])
  })

  test('of several names answers a line each', async () => {
    await using api = await open()
    const hosts = [
      HOME,
      'example.org',
      'nodots',
      `x.${publicKeyOf(secretOf(2)).label}.kad.alt`,
      `${KEY}.kad.alt`,
    ]
    assert.equal(
      await update(api, `hostname=${hosts.join(',')}&myip=192.0.2.7`),
      'good 192.0.2.7\nnohost\nnotfqdn\nnohost\ngood 192.0.2.7\n',
    )
    assert.equal(await update(api, 'myip=192.0.2.7'), 'notfqdn\n')
    assert.equal(await update(api, `hostname=${Array.from({ length: 21 }, () => HOME)}`), 'numhost\n')
  })

  test("without an address takes the caller's own, where that is public", async () => {
    await using api = await open()
    assert.equal(
      await update(api, `hostname=${HOME}`, { remoteAddress: '203.0.113.9' }),
      'good 203.0.113.9\n',
    )
    assert.equal(
      await update(api, `hostname=${HOME}`, { remoteAddress: '192.168.1.1' }),
      '911 there is no public address to take\n',
    )
    assert.match(await update(api, `hostname=${HOME}&myip=nonsense`), /^911/)
  })

  test('by a token for one set writes that, and is told that others are not there', async () => {
    await using api = await open()
    const scope = { kind: 'set', zone: KEY, name: 'home', types: ['A'] }
    const { token } = (
      await api.send({ method: 'POST', url: '/v1/tokens', headers: AUTHORIZED, payload: { scope } })
    ).json()
    assert.equal(
      await update(api, `hostname=${HOME},www.${KEY}.kad.alt&myip=192.0.2.7`, { token }),
      'good 192.0.2.7\nnohost\n',
    )
    assert.equal(await update(api, `hostname=${HOME}&myip=2001:db8::1`, { token }), 'nohost\n')
  })

  test('without the right password: 401, badauth', async () => {
    await using api = await open()
    for (const headers of [basic('wrong'), {}]) {
      const reply = await api.send({ url: `/nic/update?hostname=${HOME}&myip=192.0.2.7`, headers })
      assert.equal(reply.statusCode, 401)
      assert.equal(reply.body, 'badauth\n')
      assert.match(String(reply.headers['www-authenticate']), /^Basic /)
    }
    assert.deepEqual(linesIn(api), [])
  })

  test('from a web page is refused', async () => {
    await using api = await open()
    const headers = { ...basic(TOKEN), origin: 'https://evil.example' }
    assert.equal(
      (await api.send({ url: `/nic/update?hostname=${HOME}&myip=192.0.2.7`, headers })).statusCode,
      403,
    )
  })
})
