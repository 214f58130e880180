/** Asks beforehand which ports are taken, so that a start that cannot succeed names all of them at once. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6 } from 'node:net'
import type { Endpoint } from '../config.ts'
import { listenSentence, type WantedPort } from './listener.ts'

/** One sentence for each that cannot be had. */
export async function portFaults(wanted: readonly WantedPort[]): Promise<string[]> {
  const faults = await Promise.all(wanted.map(faultOf))
  return faults.filter((fault) => fault !== undefined)
}

async function faultOf(wanted: WantedPort): Promise<string | undefined> {
  try {
    await (wanted.protocol === 'UDP' ? tryUdp : tryTcp)(wanted.endpoint)
    return undefined
  } catch (error) {
    return wanted.dispensable && isWithoutAddress(error) ? undefined : listenSentence(wanted, error)
  }
}

/** Without IPv6 in the kernel, or without an address of it. */
function isWithoutAddress(error: unknown): boolean {
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')
}

async function tryUdp({ host, port }: Endpoint): Promise<void> {
  const family = isIPv6(host) ? 6 : 4
  const socket = createSocket({ type: `udp${family}`, ipv6Only: family === 6 })
  socket.bind({ address: host, port, exclusive: true })
  await once(socket, 'listening')
  socket.close()
  await once(socket, 'close')
}

async function tryTcp({ host, port }: Endpoint): Promise<void> {
  const server = createServer()
  // As all doors do, and libp2p: on "::" for IPv6 alone, beside "0.0.0.0" on the same port.
  server.listen({ host, port, exclusive: true, ipv6Only: isIPv6(host) })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
