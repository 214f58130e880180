/** Commands that open a node, as processes. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ALONE, type Running, Workplace } from './kadns.ts'

async function restOf(node: Running): Promise<string> {
  const [, address = ''] = await node.says(/REST +http:\/\/(127\.0\.0\.1:\d+)[\s\S]*libp2p.*\n/)
  return address
}

describe('kadns up', () => {
  test('says where it listens, answers there, and ends politely when interrupted', async () => {
    await using place = await Workplace.open()
    const node = place.start('up', '--data', 'data', '--log-level', 'warn', ...ALONE)
    const rest = await restOf(node)

    const found = await place.run('resolve', 'localhost', 'AAAA', '--api-listen', rest)
    assert.deepEqual([found.code, found.stdout.split('\t').at(-1)], [0, '::1\n'])
    const absent = await place.run('resolve', 'absent.test', '--api-listen', rest)
    assert.deepEqual([absent.code, absent.stdout], [1, ''])
    assert.match(absent.stderr, /^NXDOMAIN from local/)
    const empty = await place.run('resolve', 'localhost', 'MX', '--api-listen', rest)
    assert.deepEqual([empty.code, empty.stdout], [1, ''])
    const wrong = await place.run('resolve', 'localhost', 'NONSENSE', '--api-listen', rest)
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /^kadns: .*NONSENSE.*\.\n$/)

    const fresh = await fetch(`http://${rest}/v1/resolve?name=localhost`)
    assert.equal(((await fresh.json()) as { from: string }).from, 'local')
    const json = await place.run('resolve', 'localhost', '--json', '--api-listen', rest)
    assert.deepEqual(
      JSON.parse(json.stdout),
      await (await fetch(`http://${rest}/v1/resolve?name=localhost`)).json(),
    )
    node.child.kill('SIGINT')
    const { code, stdout, stderr } = await node.ended
    assert.deepEqual([code, stdout], [0, ''], stderr)
  })

  test('its token makes a zone, and the zone is there after a restart', async () => {
    await using place = await Workplace.open()
    const first = place.start('up', '--data', 'data', ...ALONE)
    const rest = await restOf(first)
    const { stdout: token } = await place.run('token', '--data', 'data')
    const headers = { authorization: `Bearer ${token.trim()}` }
    const made = await fetch(`http://${rest}/v1/zones`, { method: 'POST', headers })
    assert.equal(made.status, 201)
    const { name } = (await made.json()) as { name: string }
    first.child.kill('SIGTERM')
    assert.equal((await first.ended).code, 0)

    const second = place.start('up', '--data', 'data', ...ALONE)
    const { stdout } = await place.run('resolve', name, 'SOA', '--api-listen', await restOf(second))
    assert.ok(stdout.startsWith(`${name}.\t`), stdout)
    second.child.kill('SIGTERM')
    assert.equal((await second.ended).code, 0)
  })

  test('names every port that is taken, with exit code 2', async () => {
    await using place = await Workplace.open()
    await using taken = new AsyncDisposableStack()
    const server = createServer().listen(0, '127.0.0.1')
    taken.defer(() => void server.close())
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    taken.defer(() => void socket.close())
    await Promise.all([once(server, 'listening'), once(socket, 'listening')])
    const { port: tcp } = server.address() as { port: number }
    const { port: udp } = socket.address()
    const { code, stderr } = await place.run(
      'up',
      ...['--data', 'data', '--dht-listen', '/ip4/127.0.0.1/tcp/0'],
      ...['--dns-listen', `127.0.0.1:${udp}`, '--api-listen', `127.0.0.1:${tcp}`],
    )
    assert.equal(code, 2)
    const lines = stderr.trimEnd().split('\n')
    assert.equal(lines.length, 2, stderr)
    assert.match(lines[0] ?? '', new RegExp(`^kadns: DNS .*UDP 127\\.0\\.0\\.1:${udp}: .*\\.$`))
    assert.match(lines[1] ?? '', new RegExp(`^kadns: REST .*127\\.0\\.0\\.1:${tcp}: .*\\.$`))
  })

  test('is one sentence when another node has the data directory', async () => {
    await using place = await Workplace.open()
    await restOf(place.start('up', '--data', 'data', ...ALONE))
    const { code, stderr } = await place.run('up', '--data', 'data', '--log-level', 'silent', ...ALONE)
    assert.equal(code, 2)
    assert.match(stderr, /^kadns: .+[.?]\n$/)
  })
})

describe('kadns testnet', () => {
  interface Described {
    readonly nodes: { dns: string; api: string; peerId: string; addresses: string[]; token: string }[]
  }

  test('runs nodes that know each other, and leaves nothing behind', async () => {
    await using place = await Workplace.open()
    const net = place.start('testnet', '3', '--json')
    const { nodes } = JSON.parse((await net.prints(/^.*\n/))[0]) as Described
    assert.equal(nodes.length, 3)
    assert.equal(new Set(nodes.flatMap(({ dns, api, token, peerId }) => [dns, api, token, peerId])).size, 12)

    const [publisher, reader] = nodes as [Described['nodes'][0], Described['nodes'][0]]
    const headers = { authorization: `Bearer ${publisher.token}`, 'content-type': 'application/json' }
    const made = await fetch(`http://${publisher.api}/v1/zones`, { method: 'POST', headers })
    const { key, name } = (await made.json()) as { key: string; name: string }
    const body = JSON.stringify({ records: [{ name: 'www', type: 'A', value: '192.0.2.1' }] })
    const put = await fetch(`http://${publisher.api}/v1/zones/${key}/records`, {
      method: 'PUT',
      headers,
      body,
    })
    assert.equal(put.status, 200)
    const { code, stdout, stderr } = await place.run('resolve', `www.${name}`, '--api-listen', reader.api)
    assert.deepEqual([code, stdout.split('\t').at(-1)], [0, '192.0.2.1\n'], stderr)

    net.child.kill('SIGINT')
    assert.equal((await net.ended).code, 0)
    assert.deepEqual(
      (await readdir(place.directory)).filter((file) => file.startsWith('kadns-testnet-')),
      [],
    )
    assert.ok(!existsSync(join(place.directory, '.kadns')))
  })
})
