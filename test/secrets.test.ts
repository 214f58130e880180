/** Canaries: what is secret is in no line of the log, however much is logged, and in no reply. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { readToken, tokenFile } from '../src/api/token.ts'
import { loadConfig } from '../src/config.ts'
import { openDaemon } from '../src/daemon.ts'
import { ask } from './support/asking.ts'
import { temporaryDirectory } from './support/dht.ts'

async function openLogged(level: string, flags: Record<string, string> = {}) {
  const opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryDirectory())
  const said: string[] = []
  const { config } = loadConfig({
    flags: {
      data: path,
      'dns-listen': '127.0.0.1:0',
      'api-listen': '127.0.0.1:0',
      'relay-listen': '127.0.0.1:0',
      'dht-listen': '/ip4/127.0.0.1/tcp/0',
      'upstream-servers': '',
      ...flags,
    },
    environment: {},
  })
  const logger = pino({ level }, { write: (line) => void said.push(line) })
  const daemon = opened.use(await openDaemon(config, { logger }))
  const token = await readToken(tokenFile(path))
  const send = async (method: string, way: string, body?: unknown, bearer = token) => {
    const headers = {
      authorization: `Bearer ${bearer}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const reply = await fetch(`http://${daemon.api}${way}`, { method, headers, ...content })
    const text = await reply.text()
    said.push(text)
    return { status: reply.status, text }
  }
  return {
    data: path,
    daemon,
    token,
    send,
    said,
    [Symbol.asyncDispose]: async () => await opened.disposeAsync(),
  }
}

test('no token and no key is in the log at its fullest, or in a reply', async () => {
  const node = await openLogged('trace')
  const inKeyFile = randomBytes(24).toString('base64url')
  const { send, token, data } = node
  const { key } = JSON.parse((await send('POST', '/v1/zones')).text)
  const record = { records: [{ name: 'www', type: 'A', ttl: 60, value: '192.0.2.1' }] }
  assert.equal((await send('PUT', `/v1/zones/${key}/records`, record)).status, 200)
  const wrong = randomBytes(32).toString('base64url')
  assert.equal((await send('POST', '/v1/zones', undefined, wrong)).status, 401)
  // A token is told this once; from then on it is a secret.
  const made = JSON.parse((await send('POST', '/v1/tokens', { scope: { kind: 'publish' } })).text)
  node.said.pop()
  await send('GET', '/v1/tokens')
  await send('GET', `/v1/zones/${key}`)
  await send('GET', '/v1/node')
  await send('GET', '/metrics')
  await send('POST', '/v1/reload')
  await send('PUT', `/v1/zones/${key}/records`, { records: [{ name: 'www', type: 'A', value: token }] })
  node.said.pop() // what was sent is told back to who sent it
  await writeFile(join(data, 'zones', 'broken.key'), inKeyFile)
  await send('POST', '/v1/reload')
  const secret = (await readFile(join(data, 'zones', `${key}.key`), 'latin1')).trim()
  const tokens = await readFile(join(data, 'tokens.json'), 'utf8')
  await node[Symbol.asyncDispose]()
  const all = node.said.join('')
  assert.match(all, /"level":/, 'something was logged')
  for (const [what, canary] of Object.entries({ token, wrong, given: made.token, secret, inKeyFile })) {
    assert.ok(canary.length >= 20)
    assert.ok(
      !all.includes(canary),
      `the ${what} is in: ${all.slice(all.indexOf(canary) - 200, all.indexOf(canary))}`,
    )
  }
  assert.ok(!tokens.includes(made.token))
})

test('with a passphrase no file of the data holds the key as it is, and no log the passphrase', async () => {
  await using files = await temporaryDirectory()
  const passphrase = randomBytes(24).toString('base64url')
  const file = join(files.path, 'passphrase')
  await writeFile(file, `${passphrase}\n`, { mode: 0o600 })
  const node = await openLogged('trace', { 'names-passphrase-file': file })
  const { key } = JSON.parse((await node.send('POST', '/v1/zones')).text)
  const text = await readFile(join(node.data, 'zones', `${key}.key`), 'latin1')
  assert.doesNotMatch(text, /^[0-9a-f]{64}$/m)
  for (const name of await readdir(join(node.data, 'zones')))
    assert.ok(!(await readFile(join(node.data, 'zones', name), 'latin1')).includes(passphrase))
  await node[Symbol.asyncDispose]()
  assert.ok(!node.said.join('').includes(passphrase))
})

test('at info no name that is asked for and no client’s address is in the log', async () => {
  const node = await openLogged('info')
  await ask(node.daemon.dns[0] ?? '', 'secret-name.example A')
  await ask(node.daemon.dns[0] ?? '', `${'y'.repeat(52)}.kad.alt A`)
  await fetch(`http://${node.daemon.relay[0]}/nobody`)
  const logged = () => node.said.filter((line) => line.startsWith('{"level"')).join('')
  await node[Symbol.asyncDispose]()
  assert.ok(!logged().includes('secret-name'))
  assert.doesNotMatch(logged(), /127\.0\.0\.1:(?:4\d|5\d)\d{3}"/, 'the address of a client')
})
