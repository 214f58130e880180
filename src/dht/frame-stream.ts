/** A libp2p stream that carries whole frames, with back-pressure both ways and an end that is told once. */
import type { Stream } from '@libp2p/interface'
import { DhtFault } from './fault.ts'
import { FrameSplitter } from './frame-splitter.ts'

/** Yamux lets a peer have this much under way before it must wait for us; more unread is a peer that breaks its rules. */
const READ_BUFFER_OCTETS = 262_144
/** What may wait for a peer that does not read; beyond it the stream is reset. */
const WRITE_BUFFER_OCTETS = 262_144

export interface FrameHandler {
  /** May throw: then the stream is reset. */
  frame(octets: Uint8Array): void
  ended(cause: Error): void
}

export class FrameStream {
  readonly #stream: Stream
  readonly #splitter = new FrameSplitter()
  readonly #handler: FrameHandler
  #ended = false

  constructor(stream: Stream, handler: FrameHandler) {
    this.#stream = stream
    this.#handler = handler
    stream.maxReadBufferLength = READ_BUFFER_OCTETS
    stream.maxWriteBufferLength = WRITE_BUFFER_OCTETS
    spareWindowUpdates(stream)
    stream.addEventListener('close', (event) => this.#end(event.error))
    stream.addEventListener('remoteCloseWrite', () =>
      this.abort(new DhtFault('stream', 'The peer closed the stream.')),
    )
    stream.addEventListener('message', (event) => this.#receive(event.data.subarray()))
    if (stream.status !== 'open') queueMicrotask(() => this.#end(undefined))
  }

  get open(): boolean {
    return !this.#ended
  }

  /** Sends when it can; a stream that is gone is told through `ended`, never thrown. */
  send(octets: Uint8Array): void {
    if (this.#ended) return
    try {
      if (!this.#stream.send(octets)) this.#waitForDrain()
    } catch (cause) {
      this.abort(asError(cause))
    }
  }

  abort(cause: Error): void {
    this.#stream.abort(cause)
    this.#end(cause)
  }

  /** What throws in an event listener ends the process; here it ends the stream. */
  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#splitter.push(chunk)) if (!this.#ended) this.#handler.frame(frame)
    } catch (cause) {
      this.abort(asError(cause))
    }
  }

  /** A peer that does not take our frames is not listened to either. */
  #waitForDrain(): void {
    if (this.#ended || !this.#stream.writableNeedsDrain) return
    this.#stream.pause()
    this.#stream.onDrain().then(
      () => this.#resume(),
      () => undefined,
    )
  }

  #resume(): void {
    try {
      if (!this.#ended) this.#stream.resume()
    } catch (cause) {
      this.abort(asError(cause))
    }
  }

  #end(cause: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#handler.ended(cause ?? new DhtFault('stream', 'The stream ended.'))
  }
}

/** Of yamux's states the one in which no flag is waiting to be sent. */
const ESTABLISHED = 3

/** Fields of yamux's stream that are not in its interface; the exact version is pinned. */
interface YamuxStream {
  state?: number
  recvWindow: number
  recvWindowCapacity: number
  sendWindowUpdate?(): void
}

/**
 * Yamux as libp2p has it tells the sender of room after every frame: a message and a system call for each of ours. Its
 * specification leaves open when; half of the window is in time, and what go-yamux waits for.
 */
function spareWindowUpdates(stream: Stream): void {
  const yamux = stream as unknown as YamuxStream
  const send = yamux.sendWindowUpdate?.bind(yamux)
  if (!send) return
  yamux.sendWindowUpdate = () => {
    const isEarly = yamux.state === ESTABLISHED && yamux.recvWindowCapacity > yamux.recvWindow / 2
    if (!isEarly) send()
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
