/** Who may speak to the API: no web page, whatever it does, and writers only with the token. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ApiFault, openApi } from '../../src/api/server.ts'
import { API_CONFIG, AUTHORIZED, labelOf, openTestApi, type TestApi, TOKEN } from './test-api.ts'

async function statusOf(headers: Record<string, string>, allowedHosts: string[] = []): Promise<number> {
  await using api = await openTestApi({ allowedHosts })
  return (await api.send({ url: '/v1/node', headers })).statusCode
}

describe('the Host', () => {
  for (const host of [
    ...['localhost', 'localhost:8053', 'LocalHost.', '127.0.0.1', '127.0.0.1:8053', '127.8.8.8:1'],
    ...['[::1]', '[::1]:8053', '192.0.2.1:8053'],
  ]) {
    test(`${host} is ours`, async () => {
      assert.equal(await statusOf({ host }), 200)
    })
  }

  for (const host of [
    ...['evil.example', 'evil.example:8053', 'localhost.evil.example', '127.0.0.1.evil.example', '127.1'],
    ...['user@localhost', 'localhost, evil.example', 'localhost/x', '[::1', 'localhost:port', '2130706433'],
  ]) {
    test(`${host} is not ours: 421, for a reader too`, async () => {
      assert.equal(await statusOf({ host }), 421)
    })
  }

  test('names in allowed_hosts are ours in any case', async () => {
    assert.equal(await statusOf({ host: 'KadNS:8053' }, ['kadns']), 200)
    assert.equal(await statusOf({ host: 'other:8053' }, ['kadns']), 421)
  })

  test('every path asks, those there are not and /healthz too', async () => {
    await using api = await openTestApi()
    for (const url of ['/healthz', '/openapi.json', '/v1/zones', '/v1/resolve?name=a', '/nothing']) {
      const reply = await api.send({ url, headers: { host: 'evil.example' } })
      assert.equal(reply.statusCode, 421, url)
    }
  })
})

describe('on the wire', () => {
  async function say(request: string): Promise<string> {
    await using api = await openTestApi()
    await api.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = api.app.server.address() as { port: number }
    const socket = connect(port, '127.0.0.1')
    socket.end(request.replaceAll('\n', '\r\n'))
    let reply = ''
    socket.on('data', (octets) => {
      reply += octets
    })
    await once(socket, 'close')
    return reply.split('\r\n')[0] ?? ''
  }

  for (const [what, request, status] of [
    ['the address itself is served', 'GET /healthz HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n', 200],
    ['a rebound name is not', 'GET /healthz HTTP/1.1\nHost: evil.example\nConnection: close\n\n', 421],
    ['no Host is no request', 'GET /healthz HTTP/1.1\nConnection: close\n\n', 400],
    ['no Host is no request in HTTP/1.0 either', 'GET /healthz HTTP/1.0\n\n', 421],
    [
      'two Hosts are one too many',
      'GET /healthz HTTP/1.1\nHost: localhost\nHost: evil.example\nConnection: close\n\n',
      421,
    ],
    [
      'a foreign absolute form is not served whatever the Host says',
      'GET http://evil.example/healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n',
      421,
    ],
    [
      'our own absolute form is served',
      'GET http://localhost/healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n',
      200,
    ],
  ] as const) {
    test(what, async () => {
      assert.match(await say(request), new RegExp(`^HTTP/1\\.1 ${status} `))
    })
  }
})

describe('web pages', () => {
  for (const headers of [
    { origin: 'http://localhost:80' },
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ]) {
    test(`${JSON.stringify(headers)} may pass`, async () => {
      assert.equal(await statusOf({ host: 'localhost:80', ...headers }), 200)
    })
  }

  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:81' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    test(`${JSON.stringify(headers)} is refused with 403, the token notwithstanding`, async () => {
      assert.equal(await statusOf({ host: 'localhost:80', ...AUTHORIZED, ...headers }), 403)
    })
  }

  test('no reply invites other origins, caches or guessing', async () => {
    await using api = await openTestApi()
    for (const url of ['/v1/node', '/nothing', '/v1/resolve', '/%zz']) {
      const { headers } = await api.send({ url })
      assert.equal(headers['cache-control'], 'no-store', url)
      assert.equal(headers['x-content-type-options'], 'nosniff', url)
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', url)
      assert.equal(headers['access-control-allow-origin'], undefined, url)
    }
  })

  test('a preflight is not answered', async () => {
    await using api = await openTestApi()
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'PUT' }
    const reply = await api.send({ method: 'OPTIONS', url: '/v1/zones', headers })
    assert.equal(reply.statusCode, 403)
    assert.equal(reply.headers['access-control-allow-methods'], undefined)
  })
})

describe('the token', () => {
  for (const [what, headers] of [
    ['no token', {}],
    ['a wrong one', { authorization: `Bearer ${'B'.repeat(43)}` }],
    ['one that is too long', { authorization: `Bearer ${TOKEN}A` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['only the word', { authorization: 'Bearer' }],
  ] as const) {
    test(`writing with ${what} is refused with 401, before the body is looked at`, async () => {
      await using api = await openTestApi()
      await api.publisher.create()
      for (const request of [
        { method: 'POST', url: '/v1/zones' },
        { method: 'PUT', url: `/v1/zones/${labelOf(1)}/records`, payload: 'x'.repeat(100_000) },
      ] as const) {
        const reply = await api.send({ ...request, headers })
        assert.equal(reply.statusCode, 401)
        assert.equal(reply.headers['www-authenticate'], 'Bearer')
        assert.match(`${reply.headers['content-type']}`, /^application\/problem\+json/)
      }
      assert.equal(api.publisher.list().length, 1)
    })
  }

  test('the scheme may be written in any case', async () => {
    await using api = await openTestApi()
    const headers = { authorization: `bearer ${TOKEN}` }
    assert.equal((await api.send({ method: 'POST', url: '/v1/zones', headers })).statusCode, 201)
  })

  test('it is never told', async () => {
    await using api = await openTestApi()
    const headers = { authorization: `Bearer ${TOKEN}x` }
    const reply = await api.send({ method: 'POST', url: '/v1/zones', headers })
    assert.doesNotMatch(reply.body + api.log.join(), new RegExp(TOKEN))
  })
})

describe('paths and methods', () => {
  test('a path that is not there is 404', async () => {
    await using api = await openTestApi()
    const reply = await api.send({ url: '/v2' })
    assert.equal(reply.statusCode, 404)
    assert.match(`${reply.headers['content-type']}`, /^application\/problem\+json/)
  })

  test('a method a path does not take is 405, with those it takes', async () => {
    await using api = await openTestApi()
    const reply = await api.send({ method: 'DELETE', url: '/v1/zones', headers: AUTHORIZED })
    assert.deepEqual([reply.statusCode, reply.headers.allow], [405, 'GET, HEAD, POST'])
    assert.match(`${reply.headers['content-type']}`, /^application\/problem\+json/)
  })
})

test('a port that is taken is one sentence that names it', async () => {
  await using api = await openTestApi()
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as { port: number }
  await using other = await openTestApi()
  const deps = { ...other.deps, config: { ...API_CONFIG, listen: { host: '127.0.0.1', port } } }
  await assert.rejects(openApi(deps), (fault: unknown) => {
    assert.ok(fault instanceof ApiFault)
    assert.equal(fault.message, `REST cannot listen on 127.0.0.1:${port}: another program holds this port.`)
    return true
  })
})

test('the address it listens on is told with the port it was given', async () => {
  await using api = await openTestApi()
  await using open = await openApi(api.deps)
  assert.match(open.address, /^127\.0\.0\.1:[1-9]\d*$/)
  assert.equal((await fetch(`http://${open.address}/healthz`)).status, 200)
})

describe('too much', () => {
  const write = async (api: TestApi, token: string, remoteAddress = '127.0.0.1') =>
    await api.send({
      method: 'POST',
      url: '/v1/reload',
      headers: { authorization: `Bearer ${token}` },
      remoteAddress,
    })

  test('wrong tokens of one address are no longer listened to after ten, nor is a right one, until time has passed', async () => {
    await using api = await openTestApi()
    for (let tries = 0; tries < 10; tries++) assert.equal((await write(api, 'wrong')).statusCode, 401)
    const refused = await write(api, TOKEN)
    assert.deepEqual([refused.statusCode, refused.headers['retry-after']], [429, '60'])
    assert.equal((await write(api, TOKEN, '192.0.2.7')).statusCode, 200)
    assert.equal((await api.send({ url: '/v1/node' })).statusCode, 200)
    api.clock.advance(60_000)
    assert.equal((await write(api, TOKEN)).statusCode, 200)
  })

  test('writes of one address have a rate, which the sentence names', async () => {
    await using api = await openTestApi({ maxWritesPerMinute: 2 })
    const statuses = [await write(api, TOKEN), await write(api, TOKEN), await write(api, TOKEN)]
    assert.deepEqual(
      statuses.map(({ statusCode }) => statusCode),
      [200, 200, 429],
    )
    assert.match(statuses[2]?.json().detail, /2 things a minute \(api\.max_writes_per_minute\)/)
    api.clock.advance(30_000)
    assert.equal((await write(api, TOKEN)).statusCode, 200)
  })
})

describe('a unix socket', { skip: process.platform === 'win32' }, () => {
  const get = async (socketPath: string) => {
    const sent = request({ socketPath, path: '/healthz', headers: { host: 'localhost' } }).end()
    const [reply] = await once(sent, 'response')
    reply.resume()
    await once(reply, 'end')
    return reply.statusCode
  }

  test('answers as the port does, is for its owner and group alone, and is gone with the node', async () => {
    await using built = await openTestApi()
    const directory = await mkdtemp(join(tmpdir(), 'kadns-socket-'))
    const socket = join(directory, 'api')
    const deps = { ...built.deps, config: { ...built.deps.config, socket } }
    for (const _again of [1, 2]) {
      await using _api = await openApi(deps)
      assert.equal(await get(socket), 200)
      assert.equal((await stat(socket)).mode & 0o777, 0o660)
      await assert.rejects(openApi(deps), {
        name: 'ApiFault',
        message: /api: the address is in use|REST cannot listen on/,
      })
      assert.equal(await get(socket), 200)
    }
    await assert.rejects(stat(socket), { code: 'ENOENT' })
    await rm(directory, { recursive: true })
  })

  test('that a killed node left behind is taken over; another file there is not', async () => {
    await using built = await openTestApi()
    const directory = await mkdtemp(join(tmpdir(), 'kadns-socket-'))
    const socket = join(directory, 'api')
    spawnSync(process.execPath, [
      '-e',
      'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))',
      socket,
    ])
    assert.ok((await stat(socket)).isSocket())
    const deps = { ...built.deps, config: { ...built.deps.config, socket } }
    {
      await using _api = await openApi(deps)
      assert.equal(await get(socket), 200)
    }
    await writeFile(socket, 'precious')
    await assert.rejects(openApi(deps), { name: 'ApiFault' })
    assert.equal(await readFile(socket, 'utf8'), 'precious')
    await rm(directory, { recursive: true })
  })
})
