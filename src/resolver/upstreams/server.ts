/** One server of the ordinary DNS, by the protocol its setting names. */
import { type Clock, timeLimit } from '../../clock.ts'
import { type Message, Rcode } from '../../dns/message.ts'
import type { Endpoint, UpstreamConfig, UpstreamServer } from '../config.ts'
import type { Upstream } from '../layers/forward.ts'
import { makeOutgoing, type Outgoing, padded } from './exchange.ts'
import { HttpsChannel } from './https.ts'
import { KeptStream } from './kept-stream.ts'
import { exchangeTcp, openTcp } from './tcp.ts'
import { tlsOpener } from './tls.ts'
import { exchangeUdp, NearMiss } from './udp.ts'

/** How a server says that it does not understand OPT (RFC 6891 7). */
const NO_EDNS = new Set<number>([Rcode.FormErr, Rcode.NotImp, Rcode.BadVers])

/** One way to ask a server. */
interface Channel {
  /** Rejects when `signal` aborts. */
  ask(outgoing: Outgoing, signal: AbortSignal): Promise<Message>
  /** Told that a question had all its time and no answer. @param since when that began, in ms of the monotonic clock */
  wasSilent?(since: number): void
  close?(): void
  /** Whether others can see the length of what is asked. */
  readonly isEncrypted?: true
}

export function openUpstream(server: UpstreamServer, { timeout }: UpstreamConfig, clock: Clock): Upstream {
  const channel = channelTo(server, clock)
  const closing = new AbortController()
  const ask = (query: Parameters<Upstream['exchange']>[0], edns: boolean, signal: AbortSignal) => {
    const outgoing = makeOutgoing(query, { edns })
    return channel.ask(channel.isEncrypted ? padded(outgoing, { edns }) : outgoing, signal)
  }
  return {
    async exchange(query) {
      const since = clock.monotonic()
      using limit = timeLimit(clock, timeout, AbortSignal.any([query.signal, closing.signal]))
      try {
        const reply = await ask(query, true, limit.signal)
        if (!NO_EDNS.has(reply.rcode)) return reply
        // RFC 6891 6.2.2
        return await ask(query, false, limit.signal)
      } catch (fault) {
        if (limit.signal.aborted && !query.signal.aborted) channel.wasSilent?.(since)
        throw fault
      }
    },
    close: () => {
      closing.abort()
      channel.close?.()
    },
  }
}

function channelTo(server: UpstreamServer, clock: Clock): Channel {
  if (server.protocol === 'udp') return new PlainChannel(server)
  if (server.protocol === 'https') return new HttpsChannel(clock, server)
  const isEncrypted = server.protocol === 'tls'
  const stream = new KeptStream(clock, isEncrypted ? tlsOpener(server, 'dot') : () => openTcp(server))
  return {
    ask: (outgoing, signal) => stream.ask(outgoing, signal),
    wasSilent: (since) => stream.wasSilent(since),
    close: () => stream.close(),
    ...(isEncrypted ? { isEncrypted } : {}),
  }
}

/** Questions over TCP at once, a connection each: whoever forges replies to many questions gets us to open no more. */
const MAX_OVER_TCP = 64

/** UDP, and TCP for what UDP cannot carry, or where somebody may be guessing. */
export class PlainChannel implements Channel {
  readonly #endpoint: Endpoint
  #overTcp = 0

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  async ask(outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
    const reply = await exchangeUdp(this.#endpoint, outgoing, signal).catch((fault) => {
      if (fault instanceof NearMiss) return undefined
      throw fault
    })
    return reply && !reply.flags.truncated ? reply : await this.#askOverTcp(outgoing, signal)
  }

  async #askOverTcp(outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
    if (this.#overTcp >= MAX_OVER_TCP) throw new Error('Too many questions to this upstream go over TCP.')
    this.#overTcp++
    try {
      const whole = await exchangeTcp(this.#endpoint, outgoing, signal)
      if (whole.flags.truncated) throw new Error('The upstream cut its answer short over TCP too.')
      return whole
    } finally {
      this.#overTcp--
    }
  }
}
