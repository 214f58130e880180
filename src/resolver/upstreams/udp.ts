/** One question over UDP: a socket of its own, connected, so that only the upstream's address and port reach it. */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Message } from '../../dns/message.ts'
import type { Endpoint } from '../config.ts'
import { type Outgoing, settleWith } from './exchange.ts'

/** Waits for the reply that matches, ignoring what does not, until `signal` aborts. The kernel picks a random port. */
export function exchangeUdp(endpoint: Endpoint, outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
  const settling = Promise.withResolvers<Message>()
  const { promise, reject } = settling
  const socket = createSocket({ type: isIPv6(endpoint.host) ? 'udp6' : 'udp4' })
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  socket.on('error', reject)
  socket.on('message', (octets) => settleWith(octets, outgoing, settling))
  socket.connect(endpoint.port, endpoint.host, () => {
    if (signal.aborted) onAbort()
    else socket.send(outgoing.packet)
  })
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort)
    socket.close()
  })
}
