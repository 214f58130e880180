/** What happens, told as it happens: lines of JSON (NDJSON), or Server-Sent Events for a browser's EventSource. */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { prefers } from './zone-text.ts'

export const EVENT_STREAM = 'text/event-stream'
export const NDJSON = 'application/x-ndjson'

/** Octets that wait for a slow reader before it is given up. */
const MAX_WAITING = 1 << 20

export interface EventWriter {
  /** @param event an object that JSON can tell */
  tell(event: object): void
  /** What is told behind it is told to nobody. */
  end(): void
  /** Aborts when the reader has gone, or is too slow. */
  readonly signal: AbortSignal
}

/** Whether what is asked for is to be told as it goes on. */
export function wantsEvents({ headers: { accept } }: FastifyRequest): boolean {
  return prefers(EVENT_STREAM, accept) || prefers(NDJSON, accept)
}

/** Begins such a reply; what is told is in it from then on. */
export function openEvents(request: FastifyRequest, reply: FastifyReply): EventWriter {
  const isEvents = prefers(EVENT_STREAM, request.headers.accept)
  const gone = new AbortController()
  const stream = new Readable({ read: () => undefined, highWaterMark: MAX_WAITING })
  reply.type(isEvents ? EVENT_STREAM : NDJSON)
  void reply.send(stream)
  const format = (event: object) =>
    isEvents ? `data: ${JSON.stringify(event)}\n\n` : `${JSON.stringify(event)}\n`
  let isOver = false
  stream.on('close', () => {
    isOver = true
    gone.abort()
  })
  return {
    tell: (event) => {
      if (!isOver && !stream.push(format(event))) stream.destroy()
    },
    end: () => {
      if (!isOver) stream.push(null)
      isOver = true
    },
    signal: gone.signal,
  }
}
