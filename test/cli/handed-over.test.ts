/** Sockets that systemd has opened and hands over: a node answers on them, and opens none of its own in their place. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { handedOver } from '../../src/resolver/listeners/handed-over.ts'
import { answersOf, ask } from '../support/asking.ts'
import { MAIN, Workplace } from './kadns.ts'

test('are counted from descriptor 3, by name for the door they are for, and for no other process', () => {
  const environment = { LISTEN_PID: '7', LISTEN_FDS: '4', LISTEN_FDNAMES: 'dns:dot:doh' }
  assert.deepEqual(handedOver(environment, 7), [
    { fd: 3, door: 'dns' },
    { fd: 4, door: 'dot' },
    { fd: 5, door: 'doh' },
    { fd: 6, door: 'dns' },
  ])
  for (const other of [
    { LISTEN_PID: '8' },
    { LISTEN_PID: undefined },
    { LISTEN_FDS: '-1' },
    { LISTEN_FDS: 'x' },
  ])
    assert.deepEqual(handedOver({ ...environment, ...other }, 7), [])
  assert.equal(handedOver({ LISTEN_PID: '7', LISTEN_FDS: '999' }, 7).length, 100)
})

/** Node keeps it to itself (DEP0112), and has no other way to hand a socket over. */
function descriptorOf(socket: object): number {
  return (socket as { readonly _handle: { readonly fd: number } })._handle.fd
}

test('over UDP and TCP, a node started with them answers', {
  skip: process.platform !== 'linux',
}, async () => {
  await using place = await Workplace.open()
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  const { port } = udp.address()
  const tcp = createServer().listen(port, '127.0.0.1')
  await once(tcp, 'listening')
  const words = [
    'up',
    '--data=data',
    '--api-listen=127.0.0.1:0',
    '--dht-listen=/ip4/127.0.0.1/tcp/0',
    '--upstream-servers=',
  ]
  // The shell becomes the node: its process id is known before.
  const script = 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'
  const node = spawn('sh', ['-c', script, 'sh', process.execPath, MAIN, ...words], {
    cwd: place.directory,
    stdio: ['ignore', 'pipe', 'pipe', descriptorOf(udp), descriptorOf(tcp)],
  })
  try {
    udp.close()
    tcp.close()
    let said = ''
    const isUp = Promise.withResolvers<void>()
    node.stderr?.on('data', (octets) => {
      said += octets
      if (/libp2p .*\n/.test(said)) isUp.resolve()
    })
    node.on('exit', () => isUp.reject(new Error(said)))
    await isUp.promise
    assert.match(said, new RegExp(`DNS +127\\.0\\.0\\.1:${port} \\(UDP and TCP\\)`))
    for (const overTcp of [false, true]) {
      const reply = await ask(`127.0.0.1:${port}`, 'localhost A', { tcp: overTcp })
      assert.deepEqual(answersOf(reply), ['localhost. 10800 A 127.0.0.1'])
    }
  } finally {
    node.kill('SIGTERM')
    await once(node, 'exit')
  }
})
