/** An upstream over plain DNS: UDP, and TCP when the answer was cut short. */
import { type Clock, timeLimit } from '../../clock.ts'
import type { Endpoint, UpstreamConfig } from '../config.ts'
import type { Upstream } from '../layers/forward.ts'
import { makeOutgoing } from './exchange.ts'
import { exchangeTcp } from './tcp.ts'
import { exchangeUdp } from './udp.ts'

export function plainUpstream(endpoint: Endpoint, { timeout }: UpstreamConfig, clock: Clock): Upstream {
  return {
    label: `${endpoint.host}:${endpoint.port}`,
    async exchange(query) {
      using limit = timeLimit(clock, timeout, query.signal)
      const outgoing = makeOutgoing(query)
      const reply = await exchangeUdp(endpoint, outgoing, limit.signal)
      return reply.flags.truncated ? exchangeTcp(endpoint, outgoing, limit.signal) : reply
    },
  }
}
