/** The doors of a resolver as a client meets them: UDP, TCP on the same port, and ports that are taken. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Endpoint } from '../../src/resolver/config.ts'
import { ListenFault } from '../../src/resolver/listeners/listener.ts'
import { portFaults } from '../../src/resolver/listeners/probe.ts'
import { listenUdp } from '../../src/resolver/listeners/udp.ts'
import { type Doors, openDoors } from '../../src/resolver/resolver.ts'
import { TcpClient, UdpClient } from '../support/dns-clients.ts'
import { Bit, queryPacket } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { linesOf, zoneOf } from '../support/zones.ts'

const TEXTS = Array.from({ length: 8 }, (_, at) => `long 300 IN TXT "${String(at).repeat(80)}"`)
const ZONE = zoneOf(['www 300 IN A 192.0.2.1', 'www 300 IN AAAA 2001:db8::1', ...TEXTS].join('\n'))
const NAME = `${ZONE.key.label}.kad.alt`
const ANY_PORT: Endpoint = { host: '127.0.0.1', port: 0 }

async function opened(
  resolver: TestResolver,
  listen = [ANY_PORT],
): Promise<{ doors: Doors; endpoint: Endpoint }> {
  const { clock, logger } = resolver
  const config = { ...resolver.config, listen }
  const doors = await openDoors({ clock, config, logger }, resolver.resolver.serve)
  const [endpoint] = doors.endpoints
  assert.ok(endpoint)
  return { doors, endpoint }
}

describe('over UDP', () => {
  test('A and AAAA in one burst from one socket: both are answered, from the address and port that were asked', async () => {
    await using resolver = await TestResolver.open({ zones: [ZONE] })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    await using client = await UdpClient.connect(endpoint)
    client.send(queryPacket(`www.${NAME} A`, { id: 1 }))
    client.send(queryPacket(`www.${NAME} AAAA`, { id: 2 }))
    const replies = [await client.reply(), await client.reply()].sort((a, b) => a.id - b.id)
    assert.deepEqual(
      replies.flatMap(({ answers }) => linesOf(answers)),
      [`www.${NAME}. 300 A 192.0.2.1`, `www.${NAME}. 300 AAAA 2001:db8::1`],
    )
  })

  test('a slow question before a fast one: the fast one does not wait for it', async () => {
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org A': { answer: 'www.example.org. 300 IN A 192.0.2.80', held: true },
          'www.example.org AAAA': { answer: 'www.example.org. 300 IN AAAA 2001:db8::80' },
        },
      ],
    })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    await using client = await UdpClient.connect(endpoint)
    client.send(queryPacket('www.example.org A', { id: 1 }))
    client.send(queryPacket('www.example.org AAAA', { id: 2 }))
    assert.equal((await client.reply()).id, 2)
    await until(() => resolver.upstream.asked.length === 2)
    resolver.upstream.release()
    assert.equal((await client.reply()).id, 1)
  })

  test('doors on several addresses: each answers as itself', async () => {
    await using resolver = await TestResolver.open({ zones: [ZONE] })
    const { doors } = await opened(resolver, [ANY_PORT, ANY_PORT])
    await using _ = doors
    assert.equal(new Set(doors.endpoints.map(({ port }) => port)).size, 2)
    for (const endpoint of doors.endpoints) {
      await using client = await UdpClient.connect(endpoint)
      client.send(queryPacket(`www.${NAME} A`))
      assert.equal((await client.reply()).answers.length, 1)
    }
  })

  test('replies, fragments, garbage and an empty packet are passed over; the next question is answered', async () => {
    await using resolver = await TestResolver.open({ zones: [ZONE] })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    await using client = await UdpClient.connect(endpoint)
    client.send(queryPacket(`www.${NAME} A`, { id: 1, bits: Bit.QR | Bit.RD }))
    client.send(queryPacket(`www.${NAME} A`, { id: 2 }).subarray(0, 11))
    client.send(Buffer.alloc(0))
    client.send(Buffer.alloc(2000, 0xff))
    client.send(queryPacket(`www.${NAME} A`, { id: 3 }))
    assert.equal((await client.reply()).id, 3)
  })

  test('a client that has gone before its answer is ready: the door stays open', async () => {
    await using resolver = await TestResolver.open({
      zones: [ZONE],
      scripts: [{ 'www.example.org A': { answer: 'www.example.org. 300 IN A 192.0.2.80', held: true } }],
    })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    const gone = await UdpClient.connect(endpoint)
    gone.send(queryPacket('www.example.org A'))
    await resolver.untilAsked(1)
    await gone[Symbol.asyncDispose]()
    resolver.upstream.release()
    await using client = await UdpClient.connect(endpoint)
    for (const id of [1, 2, 3]) {
      client.send(queryPacket(`www.${NAME} A`, { id }))
      assert.equal((await client.reply()).id, id)
    }
  })

  test('a door that is closed before an answer is ready: nothing is sent, and nothing is logged', async () => {
    await using resolver = await TestResolver.open()
    const ready = Promise.withResolvers<Buffer>()
    let asked = 0
    const serve = () => {
      asked++
      return ready.promise
    }
    const door = await listenUdp(ANY_PORT, { serve, mayAsk: () => true, logger: resolver.logger })
    await using client = await UdpClient.connect(door.endpoint)
    client.send(queryPacket('www.example.org A'))
    await until(() => asked === 1)
    await door[Symbol.asyncDispose]()
    ready.resolve(Buffer.alloc(12))
    await turn()
    assert.deepEqual(resolver.logged, [])
  })

  test('an answer too long for UDP: TC, and TCP on the same port has all of it', async () => {
    await using resolver = await TestResolver.open({ zones: [ZONE] })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    await using udp = await UdpClient.connect(endpoint)
    udp.send(queryPacket(`long.${NAME} TXT`))
    assert.equal((await udp.reply()).bits & Bit.TC, Bit.TC)
    await using tcp = await TcpClient.connect(endpoint)
    tcp.send(queryPacket(`long.${NAME} TXT`))
    const whole = await tcp.reply()
    assert.deepEqual([whole.bits & Bit.TC, whole.answers.length], [0, 8])
  })

  test('while no TCP connection is to be had, UDP is answered', async () => {
    await using resolver = await TestResolver.open({ zones: [ZONE], config: { tcpMaxConnections: 1 } })
    const { doors, endpoint } = await opened(resolver)
    await using _ = doors
    await using tcp = await TcpClient.connect(endpoint)
    tcp.send(queryPacket(`www.${NAME} A`))
    await tcp.reply()
    await using tooMany = await TcpClient.connect(endpoint)
    await tooMany.closed
    await using udp = await UdpClient.connect(endpoint)
    udp.send(queryPacket(`www.${NAME} A`))
    assert.equal((await udp.reply()).answers.length, 1)
  })
})

/** Two ports of loopback that are held, one for each protocol. */
async function heldPorts(): Promise<AsyncDisposable & { udp: Endpoint; tcp: Endpoint }> {
  await using opening = new AsyncDisposableStack()
  const socket = createSocket('udp4')
  opening.defer(() => void socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = createServer()
  opening.defer(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open = opening.move()
  return {
    udp: { host: '127.0.0.1', port: socket.address().port },
    tcp: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

describe('a port that is taken', () => {
  test('for UDP: the fault is a sentence that names it', async () => {
    await using resolver = await TestResolver.open()
    await using held = await heldPorts()
    await assert.rejects(
      listenUdp(held.udp, { serve: () => undefined, mayAsk: () => true, logger: resolver.logger }),
      (fault: unknown) => {
        assert.ok(fault instanceof ListenFault)
        assert.equal(
          fault.message,
          `DNS cannot listen on UDP 127.0.0.1:${held.udp.port}: another program holds this port.`,
        )
        return true
      },
    )
  })

  test('for TCP only: the doors opened before are closed again, and the fault names it', async () => {
    await using resolver = await TestResolver.open()
    await using held = await heldPorts()
    await assert.rejects(opened(resolver, [held.tcp]), new RegExp(`TCP 127\\.0\\.0\\.1:${held.tcp.port}`))
    assert.deepEqual(await portFaults([{ purpose: 'DNS', protocol: 'UDP', endpoint: held.tcp }]), [])
  })

  test('an address this machine has not: the fault says so', async () => {
    await using resolver = await TestResolver.open()
    const elsewhere = { host: '192.0.2.1', port: 0 }
    await assert.rejects(opened(resolver, [elsewhere]), /192\.0\.2\.1:0: this machine has no such address/)
  })

  test('an IPv6 address stands in brackets', async () => {
    await using resolver = await TestResolver.open()
    const elsewhere = { host: '2001:db8::1', port: 53 }
    await assert.rejects(opened(resolver, [elsewhere]), /^ListenFault: DNS .* on UDP \[2001:db8::1\]:53: /)
    const faults = await portFaults([{ purpose: 'REST', protocol: 'TCP', endpoint: elsewhere }])
    assert.match(faults.join(), /^REST .* on TCP \[2001:db8::1\]:53: /)
  })

  test('several: a look beforehand names each, and only them', async () => {
    await using held = await heldPorts()
    const faults = await portFaults([
      { purpose: 'DNS', protocol: 'UDP', endpoint: held.udp },
      { purpose: 'DNS', protocol: 'TCP', endpoint: ANY_PORT },
      { purpose: 'REST', protocol: 'TCP', endpoint: held.tcp },
      { purpose: 'libp2p', protocol: 'UDP', endpoint: ANY_PORT },
    ])
    assert.deepEqual(faults, [
      `DNS cannot listen on UDP 127.0.0.1:${held.udp.port}: another program holds this port.`,
      `REST cannot listen on TCP 127.0.0.1:${held.tcp.port}: another program holds this port.`,
    ])
  })

  test('one that can be done without: only a taken port is named', async () => {
    await using held = await heldPorts()
    const port = { purpose: 'libp2p', protocol: 'TCP', dispensable: true } as const
    const nowhere = { host: '2001:db8::1', port: 4601 }
    assert.deepEqual(await portFaults([{ ...port, endpoint: nowhere }]), [])
    const faults = await portFaults([{ ...port, endpoint: held.tcp }])
    assert.match(faults.join(), /^libp2p .*: another program holds this port\.$/)
  })

  test('is free again once the doors are closed', async () => {
    await using resolver = await TestResolver.open()
    const { doors, endpoint } = await opened(resolver)
    const wanted = (['UDP', 'TCP'] as const).map((protocol) => ({ purpose: 'DNS', protocol, endpoint }))
    assert.equal((await portFaults(wanted)).length, 2)
    await doors[Symbol.asyncDispose]()
    assert.deepEqual(await portFaults(wanted), [])
  })
})
