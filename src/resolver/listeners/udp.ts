/** The UDP door. One socket per address: Node cannot tell which address of several a packet came to. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import type { Serve } from '../serve.ts'
import { endpointOf, type Listener, ListenFault, type Place } from './listener.ts'

export interface UdpDeps {
  readonly serve: Serve
  readonly mayAsk: (address: string) => boolean
  readonly logger: Logger
}

/** Octets the kernel keeps for us while we are busy. */
const RECEIVE_BUFFER = 1 << 20

/** @throws ListenFault */
export async function listenUdp(place: Place, deps: UdpDeps): Promise<Listener> {
  const { serve, mayAsk, logger } = deps
  // Of a socket that is open already, Node asks the system.
  const family = 'host' in place && isIPv6(place.host) ? 6 : 4
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6, // "::" is IPv6, so that "0.0.0.0" may stand beside it
    // Replies go to addresses, never to names: without this Node puts off each of them to the next tick.
    lookup: (host, _options, done) => done(null, host, family),
  })
  await bound(socket, place)
  socket.setRecvBufferSize(RECEIVE_BUFFER)
  let isOpen = true
  socket.on('error', (error) => logger.warn({ err: error }, 'UDP socket error'))
  socket.on('message', (packet, { address, port }) => {
    // No word to others, not even REFUSED: their source may be forged.
    if (port === 0 || !mayAsk(address)) return
    const reply = serve(packet, { address, transport: 'udp' })
    if (reply instanceof Promise) {
      reply
        .then((late) => isOpen && socket.send(late, port, address))
        .catch((error) => logger.error({ err: error }, 'no UDP reply'))
    } else if (reply) {
      socket.send(reply, port, address)
    }
  })
  return {
    endpoint: endpointOf(socket.address(), place),
    async [Symbol.asyncDispose]() {
      isOpen = false
      socket.close()
      await once(socket, 'close')
    },
  }
}

async function bound(socket: Socket, place: Place): Promise<void> {
  try {
    const listening = once(socket, 'listening') // before bind: without a look-up to wait for it may come at once
    listening.catch(() => undefined)
    if ('fd' in place) socket.bind(place)
    else socket.bind(place.port, place.host)
    await listening
  } catch (cause) {
    socket.close()
    throw new ListenFault({ purpose: 'DNS', protocol: 'UDP' }, place, cause)
  }
}
