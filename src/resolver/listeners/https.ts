/** The door of DNS over HTTPS (RFC 8484): questions as HTTP exchanges, on a port where nothing else is. HTTP/2, and 1.1 for old clients. */
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import { HEADER_OCTETS, walkMessage } from '../../dns/walker.ts'
import { type CertificateFiles, readCertificate, watchCertificate } from './certificate.ts'
import type { Listener, Place } from './listener.ts'
import { Guests, openServer, type TcpDeps } from './tcp.ts'

export const DOH_PATH = '/dns-query'
const MESSAGE = 'application/dns-message'
const MAX_MESSAGE = 0xffff
/** Octets of all headers of one request. */
const MAX_HEADERS = 16_384
/** Names and values of these, one each. */
const MAX_HEADER_PAIRS = 64
/** Megabytes that one HTTP/2 connection may have us hold. */
const MAX_SESSION_MEMORY = 1

/** Why a request is none. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number

  constructor(status: number, sentence: string) {
    super(sentence)
    this.status = status
  }
}

/** @throws ListenFault, CertificateFault */
export async function listenHttps(place: Place, files: CertificateFiles, deps: TcpDeps): Promise<Listener> {
  const guests = new Guests(deps)
  const pair = await readCertificate(files)
  const { tcpMaxInFlight, tcpMessageTimeout, tcpIdle } = deps.config
  const server = createSecureServer({
    ...pair,
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    handshakeTimeout: tcpMessageTimeout,
    settings: { maxConcurrentStreams: tcpMaxInFlight, maxHeaderListSize: MAX_HEADERS, enablePush: false },
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    maxSessionMemory: MAX_SESSION_MEMORY,
    // Of HTTP/1.1.
    maxHeaderSize: MAX_HEADERS,
    headersTimeout: tcpMessageTimeout,
    requestTimeout: tcpMessageTimeout,
    keepAliveTimeout: tcpIdle,
  } as Parameters<typeof createSecureServer>[0])
  // Before the handshake, which is what costs: who may not ask gets none.
  server.on('connection', (socket) => void guests.admit(socket))
  server.on('tlsClientError', (error, socket) => {
    deps.logger.debug({ err: error }, 'an HTTPS connection failed')
    socket.destroy()
  })
  server.on('session', (session) => closeWhenIdle(session, deps))
  server.on('sessionError', (error) => deps.logger.debug({ err: error }, 'an HTTP/2 connection failed'))
  server.on('request', (request, response) => void answer(request, response, deps))
  const open = await openServer(server, place, { purpose: 'DNS over HTTPS', guests, deps })
  const watch = watchCertificate({ files, pair }, (fresh) => server.setSecureContext(fresh), deps)
  return {
    endpoint: open.endpoint,
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]()
      await open[Symbol.asyncDispose]()
    },
  }
}

/** Whoever is owed an answer is not idle. */
function closeWhenIdle(session: ServerHttp2Session, { clock, config }: TcpDeps): void {
  let [owed, alarm] = [0, undefined as Disposable | undefined]
  const setAlarm = () => {
    alarm?.[Symbol.dispose]()
    alarm = clock.after(config.tcpIdle, () => (owed > 0 ? setAlarm() : session.destroy()))
  }
  session.on('stream', (stream) => {
    owed++
    setAlarm()
    stream.on('close', () => owed--)
  })
  session.on('close', () => alarm?.[Symbol.dispose]())
  setAlarm()
}

/** Never rejects. */
async function answer(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  deps: TcpDeps,
): Promise<void> {
  request.on('error', () => undefined) // it ends with a fault of its own below
  response.on('error', () => undefined)
  try {
    const question = await questionIn(request, deps)
    const address = request.socket.remoteAddress ?? ''
    const reply = await deps.serve(question, { address, transport: 'https' })
    if (!reply) throw new Refusal(400, 'This is no question of the DNS.')
    // RFC 8484 4.2.1: whatever its RCODE, the exchange went well.
    response.writeHead(200, {
      'content-type': MESSAGE,
      'content-length': reply.length, // dig 9.18 takes none for nothing
      'cache-control': `max-age=${lifetimeOf(reply)}`,
    })
    response.end(reply)
  } catch (fault) {
    if (!(fault instanceof Refusal)) deps.logger.error({ err: fault }, 'no HTTPS reply')
    refuse(response, fault instanceof Refusal ? fault : new Refusal(500, 'This node has failed.'))
  }
}

function refuse(response: Http2ServerResponse, { status, message }: Refusal): void {
  if (response.headersSent || response.writableEnded) return
  const allow = status === 405 ? { allow: 'GET, POST' } : {}
  response.writeHead(status, { ...allow, 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${message}\n`)
}

// RFC 8484 4.1. @throws Refusal
async function questionIn(request: Http2ServerRequest, deps: TcpDeps): Promise<Buffer> {
  const { method, url, headers } = request
  const [path, query] = url.split('?', 2)
  if (path !== DOH_PATH) throw new Refusal(404, `Questions go to ${DOH_PATH}.`)
  if (method === 'GET') return questionInQuery(query ?? '')
  if (method !== 'POST') throw new Refusal(405, 'Ask with GET or POST.')
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== MESSAGE) throw new Refusal(415, `A question is ${MESSAGE}.`)
  return await readBody(request, deps)
}

/** base64url without padding (RFC 4648 5). */
function questionInQuery(query: string): Buffer {
  const text = new URLSearchParams(query).get('dns')
  if (text === null) throw new Refusal(400, 'The question is missing: ?dns= and its octets in base64url.')
  const octets = Buffer.from(text, 'base64url')
  if (octets.toString('base64url') !== text) throw new Refusal(400, 'This is no base64url without padding.')
  return octets
}

/** Rejects when it is too long, or does not end in time. */
async function readBody(request: Http2ServerRequest, { clock, config }: TcpDeps): Promise<Buffer> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  using _alarm = clock.after(config.tcpMessageTimeout, () =>
    reject(new Refusal(408, 'The question did not come in time.')),
  )
  return await Promise.race([readAll(request), late])
}

async function readAll(request: Http2ServerRequest): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > MAX_MESSAGE) throw new Refusal(413, `A question has at most ${MAX_MESSAGE} octets.`)
      pieces.push(piece)
    }
  } catch (fault) {
    throw fault instanceof Refusal ? fault : new Refusal(400, 'The question broke off.')
  }
  return Buffer.concat(pieces)
}

/** Seconds a cache on the way may keep it (RFC 8484 5.1): its smallest TTL; 0 where there is none. */
function lifetimeOf(reply: Buffer): number {
  if (reply.length <= HEADER_OCTETS) return 0
  const ttls = walkMessage(reply).records.flatMap(({ section, ttl }) =>
    section === 'additional' ? [] : [ttl],
  )
  return ttls.length === 0 ? 0 : Math.min(...ttls)
}
