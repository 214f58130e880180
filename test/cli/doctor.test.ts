/** `kadns doctor`: every row of what it looks at, provoked; and as people run it. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmod, mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { examine } from '../../src/cli/doctor-checks.ts'
import type { Finding, Seen } from '../../src/cli/doctor-seen.ts'
import { holdersOf } from '../../src/cli/port-holder.ts'
import { loadConfig } from '../../src/config.ts'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

const { config } = loadConfig({
  flags: {
    'dht-bootstrap': '/ip4/192.0.2.1/tcp/4601/p2p/12D3KooWPjZjsRn3ZXGXodpZZgu4uZJXh2YYzp3EGuocTv55Dmbe',
  },
  environment: {},
})
const NODE = {
  peers: 20,
  reach: { mode: 'server', reason: 'Other nodes have reached this one from outside.' },
  clock: { offsetSeconds: 1, trusted: true },
}
const WELL: Seen = {
  config,
  node: NODE,
  holders: [],
  port: 5300,
  door: 'answers',
  ordinary: { rcode: 'NOERROR', from: 'upstream' },
  page: 'none',
  system: true,
  directory: { exists: true, writable: true, open: false, free: 1 << 30 },
  packets: [{ key: 'x'.repeat(52), left: 11, until: '2027-05-01T00:00:00.000Z' }],
  keys: { count: 2, withoutBackup: 0, open: [] },
}
const failing = (text: string) => ({ rcode: 'SERVFAIL', from: 'local', error: { text } })

/** What is not good of it. */
const complaints = (seen: Partial<Seen>): Finding[] =>
  examine({ ...WELL, ...seen }).filter(({ state }) => state !== 'good')

describe('the doctor', () => {
  test('finds nothing wrong where nothing is', () => {
    assert.deepEqual(complaints({}), [])
    assert.ok(examine(WELL).every(({ remedy }) => remedy === undefined))
  })

  const ROWS: readonly [
    what: string,
    seen: Partial<Seen>,
    check: string,
    state: string,
    sentence: RegExp,
    remedy: RegExp,
  ][] = [
    [
      'a series that comes to its end',
      { packets: [{ key: 'x'.repeat(52), left: 3, until: '2026-12-24T00:00:00.000Z' }] },
      'packets',
      'unsure',
      /Of the zone xxxxxxxx…, .* 3 packet\(s\) are left; .* 2026-12-24/,
      /kadns sign --series/,
    ],
    [
      'no data directory yet',
      {
        node: undefined,
        door: undefined,
        directory: { exists: false, writable: false, open: false, free: 0 },
      },
      'data',
      'unsure',
      /no data directory .kadns yet/,
      /kadns up makes it/,
    ],
    [
      "somebody else's data directory",
      { directory: { ...WELL.directory, writable: false } },
      'data',
      'bad',
      /cannot be written by this user/,
      /chown -R/,
    ],
    [
      'a data directory others can look into',
      { directory: { ...WELL.directory, open: true } },
      'permissions',
      'bad',
      /Others on this machine can read .kadns/,
      /chmod go-rwx .kadns/,
    ],
    [
      'a key others can read',
      { keys: { ...WELL.keys, open: ['.kadns/zones/x.key'] } },
      'permissions',
      'bad',
      /can read .kadns\/zones\/x.key/,
      /chmod go-rwx/,
    ],
    [
      'a full disk',
      { directory: { ...WELL.directory, free: 1 << 20 } },
      'disk',
      'bad',
      /Only 1 MB are free/,
      /Make room/,
    ],
    [
      'a key without a backup',
      { keys: { ...WELL.keys, withoutBackup: 1 } },
      'backup',
      'bad',
      /1 of 2 key\(s\) have no backup/,
      /kadns key backup KEY/,
    ],
    ['no node', { node: undefined, door: undefined }, 'node', 'bad', /No node answers/, /kadns up/],
    [
      'a port held by systemd-resolved',
      { node: undefined, door: undefined, port: 53, holders: ['systemd-resolve (pid 612)'] },
      'port',
      'bad',
      /Port 53 is held by systemd-resolve \(pid 612\)/,
      /DNSStubListener=no/,
    ],
    [
      'a port held by another program',
      { node: undefined, door: undefined, holders: ['dnsmasq (pid 7)'] },
      'port',
      'bad',
      /held by dnsmasq/,
      /--dns-listen/,
    ],
    [
      'a port that does not answer',
      { door: 'silent' },
      'port',
      'bad',
      /its port 5300 does not answer/,
      /firewall/,
    ],
    [
      'no upstream servers',
      { config: { ...config, upstream: { ...config.upstream, servers: [], fallback: [] } } },
      'upstreams',
      'unsure',
      /No upstream server is configured/,
      /upstream.servers/,
    ],
    [
      'upstream servers that do not answer',
      { ordinary: failing('no upstream server answered in time') },
      'upstreams',
      'bad',
      /give no answer \(no upstream server answered in time\)/,
      /upstream.fallback/,
    ],
    [
      'stale answers only',
      { ordinary: { rcode: 'NOERROR', from: 'stale' } },
      'upstreams',
      'bad',
      /still answered/,
      /network/,
    ],
    [
      'a captive portal',
      { ordinary: failing('no upstream server answered in time'), page: 'another' },
      'portal',
      'bad',
      /captive portal/,
      /log in there/,
    ],
    [
      'a circle',
      { ordinary: failing('an upstream server sends questions back to this node') },
      'loop',
      'bad',
      /go in a circle/,
      /upstream.servers/,
    ],
    [
      'nobody known',
      { node: { ...NODE, peers: 0 } },
      'network',
      'bad',
      /No other node is known/,
      /dht.bootstrap running/,
    ],
    [
      'nobody named either',
      { node: { ...NODE, peers: 0 }, config: { ...config, dht: { ...config.dht, bootstrap: [] } } },
      'network',
      'bad',
      /No other node is known/,
      /--dht-bootstrap/,
    ],
    [
      'a router before it',
      { node: { ...NODE, reach: { mode: 'client', reason: 'Not reachable from outside.' } } },
      'reach',
      'unsure',
      /Not reachable from outside/,
      /forward TCP 4601/,
    ],
    [
      'a clock that is behind',
      { node: { ...NODE, clock: { offsetSeconds: 4000, trusted: false } } },
      'clock',
      'bad',
      /4000 s behind/,
      /timedatectl/,
    ],
    [
      'a clock that is ahead',
      { node: { ...NODE, clock: { offsetSeconds: -4000, trusted: false } } },
      'clock',
      'bad',
      /4000 s ahead of/,
      /timedatectl/,
    ],
    [
      'a clock nobody can judge',
      { node: { ...NODE, clock: { offsetSeconds: null, trusted: true } } },
      'clock',
      'unsure',
      /Too few other nodes/,
      /Nothing needs to be done/,
    ],
    [
      'a system that asks others',
      { system: false },
      'system',
      'unsure',
      /ask no node: .* under kad\.alt/,
      /Set it as your DNS/,
    ],
  ]
  for (const [what, seen, check, state, sentence, remedy] of ROWS) {
    test(`${what}: ${check} is ${state}, in a sentence with what helps`, () => {
      const found = complaints(seen).find((each) => each.check === check)
      assert.equal(found?.state, state)
      assert.match(found?.sentence ?? '', sentence)
      assert.match(found?.remedy ?? '', remedy)
    })
  }

  test("the words a loop is known by are the resolver's own", async () => {
    const { readFile } = await import('node:fs/promises')
    const source = await readFile(new URL('../../src/resolver/layers/loops.ts', import.meta.url), 'utf8')
    assert.match(source, /back to this node/)
  })
})

test('who holds a port is told by name', { skip: process.platform !== 'linux' }, async () => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  assert.deepEqual(
    (await holdersOf(port)).map((name) => name.endsWith(`(pid ${process.pid})`)),
    [true],
  )
  socket.close()
  await once(socket, 'close')
  assert.deepEqual(await holdersOf(port), [])
})

describe('kadns doctor', () => {
  test('at a node: what is wrong with it, for people and for programs', async () => {
    await using place = await Workplace.open()
    const node = await RunningNode.start(place, 'data', '--upstream-servers=udp://127.0.0.1:1')
    await node.send('POST', '/v1/zones')
    await chmod(join(place.directory, 'data'), 0o755)
    const portal = createServer((_request, reply) =>
      reply.end('<html>Welcome! Please log in.</html>'),
    ).listen(0, '127.0.0.1')
    await once(portal, 'listening')
    const page = `--page=http://127.0.0.1:${(portal.address() as AddressInfo).port}/`
    const words = [
      'doctor',
      '--data=data',
      `--api-listen=${node.api}`,
      `--dns-listen=${node.dns}`,
      '--upstream-servers=udp://127.0.0.1:1',
      page,
    ]
    const { code, stdout } = await place.run(...words)
    assert.equal(code, 1)
    for (const check of ['permissions', 'backup', 'portal', 'network'])
      assert.match(stdout, new RegExp(`^WRONG  ${check} `, 'm'))
    for (const check of ['data', 'node', 'port']) assert.match(stdout, new RegExp(`^ok     ${check} `, 'm'))
    const told = JSON.parse((await place.run(...words, '--json')).stdout) as { findings: Finding[] }
    assert.equal(told.findings.find(({ check }) => check === 'node')?.state, 'good')
    portal.close()
  })

  test('where no node runs it says so, and what holds the port', async () => {
    await using place = await Workplace.open()
    await mkdir(join(place.directory, 'data'), { mode: 0o700 })
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    const { code, stdout } = await place.run(
      'doctor',
      '--data=data',
      '--api-listen=127.0.0.1:1',
      `--dns-listen=127.0.0.1:${port}`,
    )
    socket.close()
    assert.equal(code, 1)
    assert.match(stdout, /^WRONG {2}node /m)
    assert.match(stdout, new RegExp(`^WRONG  port +Port ${port} is held by `, 'm'))
  })
})
