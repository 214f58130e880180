/** Who may ask at the doors: each range, the machine's own networks, and what a stranger meets over UDP and TCP. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../../src/config.ts'
import { AllowedClients } from '../../src/resolver/listeners/allowed.ts'
import { openDoors } from '../../src/resolver/resolver.ts'
import { TcpClient, UdpClient } from '../support/dns-clients.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { queryPacket } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'

const logger = pino({ level: 'silent' })
const clientsOf = (allow: readonly string[], own: readonly string[] = [], clock = new ManualClock()) =>
  new AllowedClients({ clock, logger, allow }, () => [...own])

describe('with nothing set', () => {
  const near = ['127.0.0.1', '127.255.0.9', '10.9.8.7', '172.16.0.1', '172.31.255.255', '192.168.178.2']
  const nearToo = ['100.64.0.1', '100.127.255.255', '169.254.1.1', '::1', 'fc00::1', 'fdff::1']
  const wrapped = ['fe80::1%eth0', 'febf::1', '::ffff:192.168.1.2', '192.0.2.77', '2001:db8:1::9']
  for (const address of [...near, ...nearToo, ...wrapped]) {
    test(`${address} may ask, also a second time`, () => {
      const clients = clientsOf([], ['192.0.2.5/24', '2001:db8:1::5/64'])
      assert.deepEqual([clients.mayAsk(address), clients.mayAsk(address), clients.refused], [true, true, 0])
    })
  }
  const far = ['8.8.8.8', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1', '192.0.3.1']
  for (const address of [...far, '2001:db8:2::1', '::ffff:8.8.8.8', '::2', 'fec0::1', '']) {
    test(`"${address}" may not ask, also a second time, and is counted`, () => {
      const clients = clientsOf([], ['192.0.2.5/24', '2001:db8:1::5/64'])
      assert.deepEqual([clients.mayAsk(address), clients.mayAsk(address), clients.refused], [false, false, 2])
    })
  }

  test("a network this machine got later may ask after a minute, and its old one's may not", () => {
    const clock = new ManualClock()
    const own = ['192.0.2.5/24']
    const clients = new AllowedClients({ clock, logger, allow: [] }, () => [...own])
    assert.deepEqual([clients.mayAsk('192.0.2.9'), clients.mayAsk('198.51.100.9')], [true, false])
    own[0] = '198.51.100.5/24'
    clock.advance(60_000)
    assert.deepEqual([clients.mayAsk('198.51.100.9'), clients.mayAsk('192.0.2.9')], [true, false])
  })
})

describe('with networks set', () => {
  test('these may ask and no others, whatever is near', () => {
    const clients = clientsOf(['203.0.113.0/25', '2001:db8::/32'], ['192.0.2.5/24'])
    for (const address of ['203.0.113.127', '::ffff:203.0.113.1', '2001:db8:ffff::1'])
      assert.equal(clients.mayAsk(address), true, address)
    for (const address of ['203.0.113.128', '127.0.0.1', '::1', '192.168.1.1', '192.0.2.5', '2001:db9::1'])
      assert.equal(clients.mayAsk(address), false, address)
  })

  test('any: everybody may ask', () => {
    for (const address of ['8.8.8.8', '2001:4860::1']) assert.equal(clientsOf(['any']).mayAsk(address), true)
  })

  test('thousands of strangers do not make a neighbour forgotten for good', () => {
    const clients = clientsOf([])
    assert.equal(clients.mayAsk('10.0.0.1'), true)
    for (let at = 0; at < 5000; at++) assert.equal(clients.mayAsk(`8.8.${at >> 8}.${at & 255}`), false)
    assert.equal(clients.mayAsk('10.0.0.1'), true)
  })
})

test('what is no network is a fault in one sentence', () => {
  const wrong = ['10.0.0.0', '10.0.0.0/33', '2001:db8::/129', 'nas/24', '10.0.0.0/-1', '::ffff:10.0.0.0/104']
  for (const allow of [...wrong, 'fe80::%eth0/64', 'all'])
    assert.throws(() => loadConfig({ flags: { 'dns-allow': allow }, environment: {} }), {
      message: `--dns-allow has to be an IP network, such as 192.0.2.0/24 or 2001:db8::/32, or any, not "${allow}".`,
    })
  const { config } = loadConfig({ flags: { 'dns-allow': '10.0.0.0/8, fd00::/8' }, environment: {} })
  assert.deepEqual(config.dns.allow, ['10.0.0.0/8', 'fd00::/8'])
})

describe('a stranger at the door', () => {
  const listen = [{ host: '127.0.0.1', port: 0 }]

  test('over UDP: no reply and no question served, and it is counted and told once', async () => {
    await using resolver = await TestResolver.open({ config: { listen, allow: ['127.0.0.2/32'] } })
    let served = 0
    const serve = () => {
      served++
      return Buffer.alloc(12)
    }
    await using doors = await openDoors(resolver, serve)
    await using client = await UdpClient.connect(doors.endpoints[0]!)
    for (const id of [1, 2]) client.send(queryPacket('localhost A', { id }))
    await until(() => doors.refused === 2)
    assert.deepEqual([served, resolver.logged.length], [0, 1])
  })

  test('over TCP: the connection is closed at once, and it is counted', async () => {
    await using resolver = await TestResolver.open({ config: { listen, allow: ['127.0.0.2/32'] } })
    await using doors = await openDoors(resolver, resolver.resolver.serve)
    await using client = await TcpClient.connect(doors.endpoints[0]!)
    await client.closed
    assert.deepEqual([client.received, doors.refused], [0, 1])
  })

  test('where its network is allowed: it is answered over both', async () => {
    await using resolver = await TestResolver.open({ config: { listen, allow: ['127.0.0.1/32'] } })
    await using doors = await openDoors(resolver, resolver.resolver.serve)
    await using udp = await UdpClient.connect(doors.endpoints[0]!)
    udp.send(queryPacket('localhost A'))
    await using tcp = await TcpClient.connect(doors.endpoints[0]!)
    tcp.send(queryPacket('localhost A'))
    assert.deepEqual([(await udp.reply()).answers.length, (await tcp.reply()).answers.length], [1, 1])
    assert.equal(doors.refused, 0)
  })
})
