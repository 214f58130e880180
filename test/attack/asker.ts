/** A peer of the attacker that asks: puts by either protocol, gets, and octets without end. */
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import { decodeReply, encodeRequest, type Reply, type Request, ZONE_PROTOCOL } from '../../src/dht/frames.ts'
import type { Way } from './commands.ts'
import { baseOptions } from './hostile.ts'
import { KAD, kadPut } from './protobuf.ts'

/** Milliseconds one answer is waited for. */
const PATIENCE = 5000
/** Octets written at a time, and milliseconds from one to the next: the other side has read each before the next. */
const PORTION = 1024
const PAUSE = 2
const HELD_STREAMS = 16
export const BUDGET = { replica: 0, hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 800 } as const

interface Large {
  readonly by: Way
  readonly octets: number
}

export class Asker {
  readonly #node: Libp2p
  #last = 0

  private constructor(node: Libp2p) {
    this.#node = node
  }

  static async open(): Promise<Asker> {
    const gater = { denyDialMultiaddr: () => false }
    return new Asker(
      await createLibp2p({ ...baseOptions([]), connectionGater: gater, services: { identify: identify() } }),
    )
  }

  async put(to: string, { zone, by }: { zone: string; by: Way }): Promise<string> {
    const bytes = Buffer.from(zone, 'base64')
    return by === 'kad'
      ? await this.#putByKad(to, bytes)
      : (await this.#ask(to, { kind: 'put', bytes, ...BUDGET })).kind
  }

  async get(to: string, key: string): Promise<string> {
    const reply = await this.#ask(to, { kind: 'get', key: Buffer.from(key, 'base64'), ...BUDGET })
    return reply.kind === 'found' ? Buffer.from(reply.bytes).toString('base64') : ''
  }

  /** Slowly, so that what was written has been read. @returns octets until the stream was no more */
  async trickle(to: string, large: Large): Promise<number> {
    const stream = await this.#open(to, large.by)
    const octets = endless(large)
    let at = 0
    for (; at < octets.length && stream.status === 'open'; at += PORTION) {
      if (!send(stream, octets.subarray(at, at + PORTION))) break
      await setTimeout(PAUSE)
    }
    stream.abort(new Error('done'))
    return Math.min(at, octets.length)
  }

  /** As much as each of several streams takes, all but the last octet. @returns how many of them still stand */
  async hold(to: string, large: Large): Promise<number> {
    const octets = endless(large).subarray(0, -1)
    const streams: Stream[] = []
    for (let number = 0; number < HELD_STREAMS; number++) {
      const stream = await this.#open(to, large.by).catch(() => undefined)
      if (!stream) break
      send(stream, octets)
      streams.push(stream)
    }
    await setTimeout(PATIENCE)
    return streams.filter(({ status }) => status === 'open').length
  }

  async #ask(to: string, request: Request): Promise<Reply> {
    const stream = await this.#open(to, 'zone')
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const splitter = new FrameSplitter()
    stream.addEventListener('message', ({ data }) => {
      for (const frame of splitter.push(data.subarray())) resolve(decodeReply(frame))
    })
    stream.addEventListener('close', () => reject(new Error('The stream was closed.')))
    stream.send(encodeRequest({ ...request, request: ++this.#last }))
    try {
      return await Promise.race([promise, late()])
    } finally {
      stream.abort(new Error('done'))
    }
  }

  async #putByKad(to: string, bytes: Uint8Array): Promise<string> {
    const stream = await this.#open(to, 'kad')
    const answered = once(stream, 'message').then(() => 'stored')
    const closed = once(stream, 'close').then(() => 'reset')
    stream.send(kadPut(bytes))
    const outcome = await Promise.race([answered, closed, late()])
    stream.abort(new Error('done'))
    return outcome
  }

  async #open(to: string, by: Way): Promise<Stream> {
    return await this.#node.dialProtocol(multiaddr(to), by === 'kad' ? KAD : ZONE_PROTOCOL, {
      maxOutboundStreams: 1000,
    })
  }
}

async function late(): Promise<never> {
  await setTimeout(PATIENCE, undefined, { ref: false })
  throw new Error('No answer came.')
}

function send(stream: Stream, octets: Uint8Array): boolean {
  try {
    stream.maxWriteBufferLength = 2 ** 24
    stream.send(octets)
    return true
  } catch {
    return false
  }
}

/** A frame that says it has 65,535 octets, or a message of kad-dht that truly has so many, and begins like a put. */
function endless({ by, octets }: Large): Buffer {
  const body = Buffer.alloc(octets)
  return by === 'zone' ? Buffer.concat([Buffer.of(0xff, 0xff, 2), body]) : kadPut(body)
}
