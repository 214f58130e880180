/** The TCP door: questions in whatever pieces they come, answers as they are ready, and an end to everything. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import type { DnsConfig, Endpoint } from '../../src/resolver/config.ts'
import { type Listener, ListenFault } from '../../src/resolver/listeners/listener.ts'
import { listenTcp } from '../../src/resolver/listeners/tcp.ts'
import type { Serve } from '../../src/resolver/serve.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { TcpClient } from '../support/dns-clients.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Bit, queryPacket } from '../support/queries.ts'
import { TEST_DNS_CONFIG } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 }
/** Turns of the event loop in which what was written on loopback has long come. */
const TURNS = 50

/** A door whose answers are made by hand: `at once`, or when the test says so. */
class HandDoor implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly served: Buffer[] = []
  readonly logged: string[] = []
  #held: PromiseWithResolvers<Buffer>[] = []
  #listener: Listener | undefined

  static async open(mode: 'at once' | 'held' | Serve, config: Partial<DnsConfig> = {}): Promise<HandDoor> {
    const door = new HandDoor()
    const serve: Serve = (packet, client) => {
      door.served.push(packet)
      if (typeof mode === 'function') return mode(packet, client)
      if (packet.length < 12) return undefined
      return mode === 'at once' ? asReply(packet) : door.#hold()
    }
    door.#listener = await listenTcp(LOOPBACK, {
      clock: door.clock,
      config: { ...TEST_DNS_CONFIG, ...config },
      serve,
      mayAsk: () => true,
      logger: pino({ level: 'warn' }, { write: (line) => void door.logged.push(line) }),
    })
    return door
  }

  get endpoint(): Endpoint {
    assert.ok(this.#listener)
    return this.#listener.endpoint
  }

  #hold(): Promise<Buffer> {
    const held = Promise.withResolvers<Buffer>()
    this.#held.push(held)
    return held.promise
  }

  /** Answers the question that came as number `at`. */
  answer(at: number): void {
    const packet = this.served[at]
    assert.ok(packet)
    this.#held[at]?.resolve(asReply(packet))
  }

  fail(at: number): void {
    this.#held[at]?.reject(new Error('a bug'))
  }

  async untilServed(count: number): Promise<void> {
    await until(() => this.served.length >= count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]()
  }
}

function asReply(packet: Buffer): Buffer {
  const reply = Buffer.from(packet)
  reply[2] = reply.readUInt8(2) | (Bit.QR >> 8)
  return reply
}

const question = (id: number) => queryPacket('www.example.org A', { id })

async function someTurns(): Promise<void> {
  for (let left = TURNS; left > 0; left--) await turn()
}

describe('questions on a connection', () => {
  test('one octet at a time: the client gets its answer', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    for (const octet of withLength(question(7))) {
      client.write(Buffer.of(octet))
      await turn()
    }
    assert.equal((await client.reply()).id, 7)
  })

  test('length and message apart, and cut anywhere: each is put together again', () => {
    const stream = Buffer.concat([question(1), Buffer.alloc(0), question(2)].map(withLength))
    for (let cut = 0; cut <= stream.length; cut++) {
      const splitter = new MessageSplitter()
      const messages = [...splitter.push(stream.subarray(0, cut)), ...splitter.push(stream.subarray(cut))]
      assert.deepEqual(messages, [question(1), Buffer.alloc(0), question(2)])
      assert.equal(splitter.isPartial, false)
    }
  })

  test('two in one segment: both are answered', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.write(Buffer.concat([withLength(question(1)), withLength(question(2))]))
    assert.deepEqual([(await client.reply()).id, (await client.reply()).id], [1, 2])
  })

  test('a slow one first: the fast one does not wait for it', async () => {
    await using door = await HandDoor.open('held')
    await using client = await TcpClient.connect(door.endpoint)
    client.write(Buffer.concat([withLength(question(1)), withLength(question(2))]))
    await door.untilServed(2)
    door.answer(1)
    assert.equal((await client.reply()).id, 2)
    door.answer(0)
    assert.equal((await client.reply()).id, 1)
  })

  test('a client that closes its half after asking: it is answered, then the connection ends', async () => {
    await using door = await HandDoor.open('held')
    await using client = await TcpClient.connect(door.endpoint)
    client.socket.end(withLength(question(1)))
    await door.untilServed(1)
    await someTurns()
    door.answer(0)
    assert.equal((await client.reply()).id, 1)
    await client.closed
  })

  test('a client that closes its half after several: all are answered, however few may be worked on at once', async () => {
    await using door = await HandDoor.open('held', { tcpMaxInFlight: 1 })
    await using client = await TcpClient.connect(door.endpoint)
    client.socket.end(Buffer.concat([1, 2, 3].map((id) => withLength(question(id)))))
    for (const at of [0, 1, 2]) {
      await door.untilServed(at + 1)
      door.answer(at)
      assert.equal((await client.reply()).id, at + 1)
    }
    await client.closed
  })

  test('garbage of the right length: it is passed over, and the next question answered', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.send(Buffer.from('garbage'))
    client.send(question(3))
    assert.equal((await client.reply()).id, 3)
    assert.equal(door.served.length, 2)
  })

  test('a length of 0, many times: it is passed over, and the next question answered', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.write(Buffer.alloc(10_000))
    client.send(question(4))
    assert.equal((await client.reply()).id, 4)
  })

  test('a length that promises more than comes before the end: the connection ends, the door stays open', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.socket.end(withLength(question(1)).subarray(0, 9))
    await client.closed
    await using other = await TcpClient.connect(door.endpoint)
    other.send(question(2))
    assert.equal((await other.reply()).id, 2)
    assert.equal(door.served.length, 1)
  })

  test('a client that breaks off while it is owed an answer: nothing happens to the others', async () => {
    await using door = await HandDoor.open('held')
    await using client = await TcpClient.connect(door.endpoint)
    await using other = await TcpClient.connect(door.endpoint)
    client.send(question(1))
    await door.untilServed(1)
    client.socket.resetAndDestroy()
    await client.closed
    other.send(question(2))
    await door.untilServed(2)
    door.answer(0)
    door.answer(1)
    assert.equal((await other.reply()).id, 2)
    assert.deepEqual(door.logged, [])
  })

  test('an answer that fails for a reason nobody foresaw: the log has it, and the next question is answered', async () => {
    await using door = await HandDoor.open('held')
    await using client = await TcpClient.connect(door.endpoint)
    client.send(question(1))
    client.send(question(2))
    await door.untilServed(2)
    door.fail(0)
    door.answer(1)
    assert.equal((await client.reply()).id, 2)
    assert.match(door.logged.join(), /a bug/)
  })
})

describe('time on a connection', () => {
  const { tcpIdle, tcpMessageTimeout } = TEST_DNS_CONFIG

  test('a client that asks nothing: the connection is closed whole when the idle time is over', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.send(question(1))
    await client.reply()
    door.clock.advance(tcpIdle - 1)
    client.send(question(2))
    assert.equal((await client.reply()).id, 2)
    door.clock.advance(tcpIdle - 1)
    client.send(question(3))
    assert.equal((await client.reply()).id, 3, 'each question begins the idle time anew')
    door.clock.advance(tcpIdle)
    await client.closed
  })

  test('a client that has said nothing at all: it is closed as well', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    await using other = await TcpClient.connect(door.endpoint)
    other.send(question(1)) // when this is answered, the connection before it has been accepted
    await other.reply()
    door.clock.advance(tcpIdle)
    await client.closed
  })

  test('a client that is owed an answer is not idle', async () => {
    await using door = await HandDoor.open('held')
    await using client = await TcpClient.connect(door.endpoint)
    client.send(question(1))
    await door.untilServed(1)
    door.clock.advance(tcpIdle * 3)
    door.answer(0)
    assert.equal((await client.reply()).id, 1)
    await someTurns()
    door.clock.advance(tcpIdle)
    await client.closed
  })

  for (const length of [1, 11, 0xffff]) {
    test(`a length of ${length} and an octet less than that: closed when the message's time is over, the door stays open`, async () => {
      await using door = await HandDoor.open('at once')
      await using client = await TcpClient.connect(door.endpoint)
      client.write(withLength(Buffer.alloc(length)).subarray(0, 1 + length))
      await using other = await TcpClient.connect(door.endpoint)
      other.send(question(1))
      assert.equal((await other.reply()).id, 1)
      await someTurns()
      door.clock.advance(tcpMessageTimeout)
      await client.closed
      other.send(question(2))
      assert.equal((await other.reply()).id, 2)
      assert.equal(door.served.length, 2, 'a message that is not whole is nobody\u2019s question')
    })
  }

  test('a length of 0 and nothing more: closed as one that asks nothing', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    client.write(Buffer.alloc(2))
    await door.untilServed(1)
    door.clock.advance(tcpIdle)
    await client.closed
  })

  test('a message that does not end: the connection is closed when its time is over, even where octets dribble in', async () => {
    await using door = await HandDoor.open('at once')
    await using client = await TcpClient.connect(door.endpoint)
    const rest = withLength(question(2))
    client.write(Buffer.concat([withLength(question(1)), rest.subarray(0, 3)]))
    await client.reply()
    let isClosed = false
    const closed = client.closed.then(() => {
      isClosed = true
    })
    for (let at = 3; at < 8; at++) {
      door.clock.advance(tcpMessageTimeout / 5 - 1)
      client.write(rest.subarray(at, at + 1))
      await someTurns()
      assert.equal(isClosed, false)
    }
    door.clock.advance(5)
    await closed
    assert.equal(door.served.length, 1)
  })
})

describe('too much on a connection', () => {
  test('more questions than are worked on at once: the rest waits for its turn, and all are answered', async () => {
    await using door = await HandDoor.open('held', { tcpMaxInFlight: 2 })
    await using client = await TcpClient.connect(door.endpoint)
    client.write(Buffer.concat([1, 2, 3, 4, 5].map((id) => withLength(question(id)))))
    await door.untilServed(2)
    await someTurns()
    for (let at = 0; at < 5; at++) {
      assert.equal(door.served.length, Math.min(at + 2, 5))
      door.answer(at)
      assert.equal((await client.reply()).id, at + 1)
      await door.untilServed(Math.min(at + 3, 5))
    }
  })

  test('a client that never reads: it is cut off, and the door stays open', async () => {
    const large = Buffer.alloc(60_000)
    const asked = 2000
    await using door = await HandDoor.open(() => large)
    await using client = await TcpClient.connect(door.endpoint)
    client.socket.pause()
    const packets = Array.from({ length: asked }, (_, id) => withLength(question(id)))
    client.write(Buffer.concat(packets))
    let before = -1
    await until(async () => {
      const { length } = door.served
      const hasStopped = length > 0 && length === before
      before = length
      await someTurns()
      return hasStopped
    })
    assert.ok(door.served.length < asked, 'it is not served for ever')
    client.socket.resume()
    await client.closed
    assert.ok(client.received < asked)
    await using other = await TcpClient.connect(door.endpoint)
    other.send(question(1))
    await until(() => other.received > 0)
  })

  test('more connections than one client may have: the next is closed at once, until one has gone', async () => {
    await using door = await HandDoor.open('at once', { tcpMaxConnectionsPerClient: 2 })
    const ask = async (client: TcpClient) => {
      client.send(question(1))
      return (await client.reply()).id
    }
    await using first = await TcpClient.connect(door.endpoint)
    await using second = await TcpClient.connect(door.endpoint)
    assert.deepEqual([await ask(first), await ask(second)], [1, 1])
    await using third = await TcpClient.connect(door.endpoint)
    await third.closed
    first.socket.destroy()
    await until(async () => {
      await using next = await TcpClient.connect(door.endpoint)
      return (await Promise.race([ask(next).catch(() => 0), next.closed])) === 1
    })
    assert.equal(await ask(second), 1)
  })

  test('more connections than all clients may have: the next is closed at once, those before stay', async () => {
    await using door = await HandDoor.open('at once', { tcpMaxConnections: 2 })
    await using first = await TcpClient.connect(door.endpoint)
    await using second = await TcpClient.connect(door.endpoint)
    for (const client of [first, second]) {
      client.send(question(1))
      await client.reply()
    }
    await using third = await TcpClient.connect(door.endpoint)
    await third.closed
    first.send(question(2))
    assert.equal((await first.reply()).id, 2)
  })
})

describe('opening and closing', () => {
  test('a port that is taken: the fault is a sentence that names it', async () => {
    await using door = await HandDoor.open('at once')
    const { clock, endpoint } = door
    const logger = pino({ level: 'silent' })
    const again = listenTcp(endpoint, {
      clock,
      config: TEST_DNS_CONFIG,
      serve: () => undefined,
      mayAsk: () => true,
      logger,
    })
    await assert.rejects(again, (fault: unknown) => {
      assert.ok(fault instanceof ListenFault)
      assert.equal(
        fault.message,
        `DNS cannot listen on TCP 127.0.0.1:${endpoint.port}: another program holds this port.`,
      )
      return true
    })
  })

  test('closing the door ends connections that are idle, and those that are owed an answer', async () => {
    const door = await HandDoor.open('held')
    await using idle = await TcpClient.connect(door.endpoint)
    await using owed = await TcpClient.connect(door.endpoint)
    owed.send(question(1))
    await door.untilServed(1)
    await door[Symbol.asyncDispose]()
    await Promise.all([idle.closed, owed.closed])
    door.answer(0)
    await someTurns()
    assert.deepEqual(door.logged, [])
  })
})
