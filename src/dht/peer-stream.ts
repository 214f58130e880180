/** One stream to one peer: many requests in flight on it, each answered by its id. */
import type { Stream } from '@libp2p/interface'
import { DhtFault } from './fault.ts'
import { FrameStream } from './frame-stream.ts'
import { decodeReplyOrNotice, encodeRequest, type Notice, type Request, type TimedReply } from './frames.ts'

export interface PendingReply {
  readonly reply: Promise<TimedReply>
  /** Nobody waits for it any more. */
  forget(): void
}

export interface PeerStreamHandler {
  /** Called once, when no more requests can be sent. */
  ended(): void
  /** A zone that was asked for here has changed. @returns whether that was true */
  changed(notice: Notice): Promise<boolean>
}

const REQUEST_IDS = 2 ** 32

export class PeerStream {
  readonly #pending = new Map<number, PromiseWithResolvers<TimedReply>>()
  readonly #frames: FrameStream
  readonly #maxInFlight: number
  readonly #handler: PeerStreamHandler
  #last = 0
  /** It has told of a change that was none: it is listened to no more. */
  #isLiar = false

  constructor(stream: Stream, maxInFlight: number, handler: PeerStreamHandler) {
    this.#maxInFlight = maxInFlight
    this.#handler = handler
    this.#frames = new FrameStream(stream, {
      frame: (octets) => {
        const heard = decodeReplyOrNotice(octets)
        if (heard.kind === 'changed') void this.#hear(heard)
        else this.#answered(heard)
      },
      ended: (cause) => {
        handler.ended()
        this.#rejectAll(cause)
      },
    })
  }

  /** @throws DhtFault `busy` when too many are in flight */
  request(request: Request): PendingReply {
    if (this.#pending.size >= this.#maxInFlight) {
      throw new DhtFault('busy', `There are ${this.#maxInFlight} requests to one peer in flight.`)
    }
    if (!this.#frames.open) throw new DhtFault('stream', 'The stream ended.')
    const id = this.#freeId()
    const pending = Promise.withResolvers<TimedReply>()
    pending.promise.catch(() => undefined)
    this.#pending.set(id, pending)
    this.#frames.send(encodeRequest({ ...request, request: id }))
    return { reply: pending.promise, forget: () => this.#pending.delete(id) }
  }

  abort(cause: Error): void {
    this.#frames.abort(cause)
  }

  #freeId(): number {
    do this.#last = (this.#last + 1) % REQUEST_IDS
    while (this.#pending.has(this.#last))
    return this.#last
  }

  async #hear(notice: Notice): Promise<void> {
    if (!this.#isLiar && !(await this.#handler.changed(notice))) this.#isLiar = true
  }

  /** A reply that comes too late is for nobody. */
  #answered(reply: TimedReply): void {
    this.#pending.get(reply.request)?.resolve(reply)
    this.#pending.delete(reply.request)
  }

  #rejectAll(cause: Error): void {
    const fault = new DhtFault('stream', `The stream ended: ${cause.message}`, { cause })
    for (const { reject } of this.#pending.values()) reject(fault)
    this.#pending.clear()
  }
}
