/** An upstream over plain DNS: UDP, and TCP when the answer was cut short. */
import { type Clock, timeLimit } from '../../clock.ts'
import { type Message, Rcode } from '../../dns/message.ts'
import type { Endpoint, UpstreamConfig } from '../config.ts'
import type { Upstream } from '../layers/forward.ts'
import { makeOutgoing, type Outgoing } from './exchange.ts'
import { exchangeTcp } from './tcp.ts'
import { exchangeUdp } from './udp.ts'

/** How a server says that it does not understand OPT (RFC 6891 7). */
const NO_EDNS = new Set<number>([Rcode.FormErr, Rcode.NotImp, Rcode.BadVers])

export function plainUpstream(endpoint: Endpoint, { timeout }: UpstreamConfig, clock: Clock): Upstream {
  return {
    async exchange(query) {
      using limit = timeLimit(clock, timeout, query.signal)
      const reply = await exchange(endpoint, makeOutgoing(query, { edns: true }), limit.signal)
      if (!NO_EDNS.has(reply.rcode)) return reply
      // RFC 6891 6.2.2
      return await exchange(endpoint, makeOutgoing(query, { edns: false }), limit.signal)
    },
  }
}

async function exchange(endpoint: Endpoint, outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
  const reply = await exchangeUdp(endpoint, outgoing, signal)
  if (!reply.flags.truncated) return reply
  const whole = await exchangeTcp(endpoint, outgoing, signal)
  if (whole.flags.truncated) throw new Error('The upstream cut its answer short over TCP too.')
  return whole
}
