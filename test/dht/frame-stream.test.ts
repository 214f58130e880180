/** Frames between two libp2p nodes over real sockets: how many writes they take, and that none gets stuck. */
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { encrypter } from '../../src/dht/encrypter.ts'
import { FrameStream } from '../../src/dht/frame-stream.ts'
import { MAX_FRAME_OCTETS } from '../../src/dht/frames.ts'

const PROTOCOL = '/test/echo'

async function openNode(): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter()],
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionMonitor: { enabled: false },
  })
}

/** Sends frames to a node that sends each back. @returns what to call with a frame, and a promise of its echo */
async function openEcho(t: TestContext): Promise<(body: Uint8Array) => Promise<Uint8Array>> {
  const [asker, answerer] = [await openNode(), await openNode()]
  t.after(async () => await Promise.all([asker.stop(), answerer.stop()]))
  await answerer.handle(PROTOCOL, (stream) => {
    const echo: FrameStream = new FrameStream(stream, {
      frame: (octets) => echo.send(framed(octets)),
      ended: () => undefined,
    })
  })
  const connection = await asker.dial(answerer.getMultiaddrs())
  const waiting: PromiseWithResolvers<Uint8Array>[] = []
  const frames = new FrameStream(await connection.newStream(PROTOCOL), {
    frame: (octets) => waiting.shift()?.resolve(octets),
    ended: (cause) => {
      for (const { reject } of waiting) reject(cause)
    },
  })
  return async (body) => {
    const echoed = Promise.withResolvers<Uint8Array>()
    waiting.push(echoed)
    frames.send(framed(body))
    return await echoed.promise
  }
}

function framed(body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(body.length >> 8, body.length & 0xff), body])
}

describe('frame stream', () => {
  it('takes one write to the socket for a request and one for its reply', async (t) => {
    const exchange = await openEcho(t)
    await exchange(Buffer.from('the stream is open'))
    const { mock } = t.mock.method(Socket.prototype, 'write')
    for (let at = 0; at < 10; at++) await exchange(Buffer.from(`question ${at}`))
    assert.equal(mock.callCount(), 20)
  })

  it('carries more than the window of a stream, both ways', async (t) => {
    const exchange = await openEcho(t)
    const bodies = Array.from({ length: 200 }, (_, at) => Buffer.alloc(MAX_FRAME_OCTETS, at))
    for (const body of bodies) assert.deepEqual(Buffer.from(await exchange(body)), body)
  })

  it('carries a message of octets that come one by one', async (t) => {
    const exchange = await openEcho(t)
    const { write } = Socket.prototype
    t.mock.method(Socket.prototype, 'write', function (this: Socket, octets: Uint8Array) {
      for (const octet of octets.subarray(0, -1)) write.call(this, Buffer.of(octet))
      return write.call(this, octets.subarray(-1))
    })
    assert.equal(Buffer.from(await exchange(Buffer.from('slowly'))).toString(), 'slowly')
  })
})
