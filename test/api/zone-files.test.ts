/** Zone files over HTTP, beside JSON: a zone made of one, filled with one, and given as one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { secretOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, type TestApi } from './test-api.ts'

const { label: KEY } = publicKeyOf(secretOf(1))
const ZONE = `/v1/zones/${KEY}`
const FILE = `$ORIGIN ${KEY}.kad.alt.
$TTL 1h
@     IN SOA ns1.example.org. host.example.org. (
             1 ; serial
             2 3 4 5 )
      IN NS  ns1.example.org.
www   60 IN A 192.0.2.1
mail  IN MX 10 www ; where letters go
`
const HEADERS = { ...AUTHORIZED, 'content-type': 'text/dns' }

const send = (api: TestApi, method: 'POST' | 'PUT', payload: string | Buffer) =>
  api.send({
    method,
    url: method === 'POST' ? '/v1/zones' : `${ZONE}/records`,
    headers: HEADERS,
    payload,
  })

async function linesIn(api: TestApi): Promise<string[]> {
  const { records } = (await api.send({ url: ZONE })).json()
  return records.map(
    ({ name, ttl, type, value }: Record<string, unknown>) => `${name} ${ttl} ${type} ${value}`,
  )
}

describe('a zone file', () => {
  test('makes a zone; its SOA is left out, and its own NS with a sentence', async () => {
    await using api = await openTestApi()
    const reply = await send(api, 'POST', FILE)
    assert.equal(reply.statusCode, 201)
    const { key, left } = reply.json()
    assert.equal(key, KEY)
    assert.match(left.join(), /^Line 6: this NS record .* left out/)
    assert.deepEqual((await linesIn(api)).sort(), [`mail 3600 MX 10 www.${KEY}.`, 'www 60 A 192.0.2.1'])
  })

  test('replaces all records', async () => {
    await using api = await openTestApi()
    await send(api, 'POST', FILE)
    const reply = await send(api, 'PUT', 'a 30 A 192.0.2.9\n')
    assert.deepEqual([reply.statusCode, reply.json().left], [200, undefined])
    assert.deepEqual(await linesIn(api), ['a 30 A 192.0.2.9'])
  })

  test('is what a zone is given as, on request, and what it was read from makes the same zone', async () => {
    await using api = await openTestApi()
    await send(api, 'POST', FILE)
    const before = await linesIn(api)
    const reply = await api.send({ url: ZONE, headers: { accept: 'text/dns' } })
    assert.equal(reply.headers['content-type'], 'text/dns; charset=utf-8')
    assert.match(reply.body, new RegExp(`^\\$ORIGIN ${KEY}\\.\n@\t60\tIN\tSOA\t`))
    assert.equal((await send(api, 'PUT', reply.body)).statusCode, 200)
    assert.deepEqual(await linesIn(api), before)
  })

  for (const accept of ['*/*', 'application/json', 'text/dns;q=0.1, application/json', 'text/html']) {
    test(`is not what is given to Accept: ${accept}`, async () => {
      await using api = await openTestApi()
      await send(api, 'POST', FILE)
      const reply = await api.send({ url: ZONE, headers: { accept } })
      assert.match(String(reply.headers['content-type']), /^application\/json/)
    })
  }

  const BAD: readonly [what: string, file: string | Buffer, faults: string[]][] = [
    [
      'with wrong records',
      'www A 192.0.2.300\n  CNAME a..b\n',
      ['1:7 "192.0.2.300" is no IPv4 address, such as 192.0.2.1.', '2:9 The name "a..b" has an empty label.'],
    ],
    ['with records of elsewhere', 'a A 192.0.2.1\nexample.org. A 192.0.2.1\n', ['2:1 The name']],
    ['with an open parenthesis', 'a TXT (\n', ['Line 1, column 7: This parenthesis is never closed.']],
  ]
  for (const [what, file, expected] of BAD) {
    test(`${what} is refused: line, column and a sentence, and nothing is made or changed`, async () => {
      await using api = await openTestApi()
      assert.equal((await send(api, 'POST', file)).statusCode, 422)
      assert.equal(api.publisher.list().length, 0)
      await api.publisher.create()
      const reply = await send(api, 'PUT', file)
      const told = reply
        .json()
        .faults.map(({ line, column, message }: Record<string, unknown>) =>
          line === undefined ? message : `${line}:${column} ${message}`,
        )
      assert.deepEqual(
        told.map((sentence: string, at: number) => sentence.slice(0, expected[at]?.length)),
        expected,
      )
      assert.deepEqual(await linesIn(api), [])
    })
  }

  test('that is not UTF-8, or is sent where a record set is wanted, is refused', async () => {
    await using api = await openTestApi()
    await api.publisher.create()
    assert.equal((await send(api, 'PUT', Buffer.from([0x61, 0xff]))).statusCode, 400)
    const set = { method: 'PUT', url: `${ZONE}/records/www/A`, headers: HEADERS, payload: FILE } as const
    assert.equal((await api.send(set)).statusCode, 415)
  })
})
