/** The relay that makes a node of a testnet look far away: sockets of loopback, time by hand. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SlowRelay } from '../../src/cli/slow-relay.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const LATENCY = 25
/** Linux's 200 ms, and a round trip. */
const RETRANSMISSION = 200 + 2 * LATENCY

/** Counts what was set, so that a test can tell when octets have reached the relay. */
class WatchedClock extends ManualClock {
  set = 0

  override after(milliseconds: number, run: () => void): Disposable {
    this.set += 1
    return super.after(milliseconds, run)
  }
}

/** Of one direction, with the chunk that was one too many. */
const MOST_UNDER_WAY = 262_144 + 65_536

/** Gives sockets the time for as much as they are let. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

class End {
  readonly socket: Socket
  text = ''
  octets = 0
  ended = false
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (octets) => {
      this.octets += octets.length
      if (octets.length < 100) this.text += octets.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('error', () => undefined)
  }
}

let open: AsyncDisposableStack
let clock: WatchedClock
let lost: boolean[]
let relay: SlowRelay
let port: number
let arrivals: Socket[]

beforeEach(async () => {
  open = new AsyncDisposableStack()
  clock = new WatchedClock()
  lost = []
  arrivals = []
  const chance = () => (lost.shift() ? 0 : 0.9)
  relay = open.use(await SlowRelay.open({ clock, latency: LATENCY, loss: 0.5, chance }))
  const server = createServer({ allowHalfOpen: true }, (socket) => arrivals.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  relay.lead(port)
  open.defer(() => {
    for (const socket of arrivals) socket.destroy()
    server.close()
  })
})
afterEach(async () => await open.disposeAsync())

async function dial(): Promise<End> {
  const before = clock.set
  const near = new End(connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true }))
  open.defer(() => {
    near.socket.destroy()
  })
  await once(near.socket, 'connect')
  await until(() => clock.set > before)
  return near
}

/** Both ends of a connection whose handshake is over. */
async function connected(): Promise<[near: End, far: End]> {
  const near = await dial()
  clock.advance(2 * LATENCY)
  await until(() => arrivals.length === 1)
  return [near, new End(arrivals[0] as Socket)]
}

/** Writes, and waits until the relay has it. */
async function send({ socket }: End, text: string): Promise<void> {
  const before = lost.length
  lost.push(false)
  socket.write(text)
  await until(() => lost.length === before)
}

describe('a relay', () => {
  test('lets nobody through before the round trip of the handshake', async () => {
    const near = await dial()
    clock.advance(2 * LATENCY - 1)
    assert.equal(arrivals.length, 0)
    clock.advance(1)
    await until(() => arrivals.length === 1)
    assert.ok(!near.closed)
  })

  for (const way of ['there', 'back']) {
    test(`passes octets on after the latency, not before, on the way ${way}`, async () => {
      const [near, far] = await connected()
      const [from, to] = way === 'there' ? [near, far] : [far, near]
      await send(from, 'one')
      clock.advance(LATENCY - 1)
      await send(from, 'two')
      assert.equal(to.text, '')
      clock.advance(1)
      await until(() => to.text === 'one')
      clock.advance(LATENCY - 1)
      await until(() => to.text === 'onetwo')
    })
  }

  test('holds a lost chunk until TCP would have sent it again, and all behind it, in order', async () => {
    const [near, far] = await connected()
    lost = [true]
    near.socket.write('lost')
    await until(() => lost.length === 0)
    clock.advance(1)
    await send(near, ' behind')
    clock.advance(LATENCY + RETRANSMISSION - 2)
    await send(near, ' later')
    assert.equal(far.text, '')
    clock.advance(1)
    await until(() => far.text === 'lost behind')
    clock.advance(LATENCY)
    await until(() => far.text === 'lost behind later')
  })

  test('lets the sender wait when much is under way, and passes all of it on in the end', async () => {
    const [near, far] = await connected()
    const size = 32 * 1024 * 1024
    near.socket.write(Buffer.alloc(size))
    await turns(500)
    clock.advance(LATENCY)
    await turns(500)
    assert.ok(far.octets <= MOST_UNDER_WAY, `${far.octets} octets were under way`)
    await until(() => {
      clock.advance(LATENCY)
      return far.octets === size
    })
  })

  test('lets the sender wait while the receiver does not read', async () => {
    const near = await dial()
    clock.advance(2 * LATENCY)
    await until(() => arrivals.length === 1)
    let taken = false
    near.socket.write(Buffer.alloc(64 * 1024 * 1024), () => {
      taken = true
    })
    for (let round = 0; round < 1000; round++) {
      clock.advance(LATENCY)
      await turns(5)
    }
    assert.ok(!taken)
  })

  test('passes an end on behind the octets before it, and leaves the other direction open', async () => {
    const [near, far] = await connected()
    await send(near, 'last')
    lost = [false]
    near.socket.end()
    await until(() => lost.length === 0)
    clock.advance(LATENCY)
    await until(() => far.ended)
    assert.equal(far.text, 'last')
    await send(far, 'answer')
    lost = [false]
    far.socket.end()
    await until(() => lost.length === 0)
    clock.advance(LATENCY)
    await until(() => near.ended)
    assert.equal(near.text, 'answer')
  })

  test('closes one side when the other is reset', async () => {
    const [near, far] = await connected()
    far.socket.resetAndDestroy()
    await until(() => near.ended || near.closed)
  })

  test('cuts every connection at once, and leads on to nobody until told where', async () => {
    const [near, far] = await connected()
    relay.cut()
    await until(() => near.closed || near.ended)
    await until(() => far.ended)
    const refused = await dial()
    clock.advance(2 * LATENCY)
    await until(() => refused.closed || refused.ended)
    assert.equal(arrivals.length, 1)
    relay.lead(port)
    await dial()
    clock.advance(2 * LATENCY)
    await until(() => arrivals.length === 2)
  })

  test('ends a connection whose node does not listen', async () => {
    await using nobody = await SlowRelay.open({ clock, latency: LATENCY, loss: 0, chance: () => 1 })
    relay.lead(nobody.port)
    await nobody[Symbol.asyncDispose]().catch(() => undefined)
    const near = await dial()
    clock.advance(2 * LATENCY)
    await until(() => near.closed || near.ended)
  })
})
