/** Asks beforehand which ports are taken, so that a start that cannot succeed names all of them at once. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6 } from 'node:net'
import type { Endpoint } from '../config.ts'
import { listenReason } from './listener.ts'

export interface WantedPort {
  /** Who wants it: "DNS", "REST". */
  readonly purpose: string
  readonly protocol: 'UDP' | 'TCP'
  readonly endpoint: Endpoint
}

/** One sentence for each that cannot be had. */
export async function portFaults(wanted: readonly WantedPort[]): Promise<string[]> {
  const faults = await Promise.all(wanted.map(faultOf))
  return faults.filter((fault) => fault !== undefined)
}

async function faultOf({ purpose, protocol, endpoint }: WantedPort): Promise<string | undefined> {
  try {
    await (protocol === 'UDP' ? tryUdp(endpoint) : tryTcp(endpoint))
    return undefined
  } catch (error) {
    return `${purpose} cannot listen on ${protocol} ${endpoint.host}:${endpoint.port}: ${listenReason(error)}.`
  }
}

async function tryUdp({ host, port }: Endpoint): Promise<void> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  socket.bind({ address: host, port, exclusive: true })
  await once(socket, 'listening')
  socket.close()
  await once(socket, 'close')
}

async function tryTcp({ host, port }: Endpoint): Promise<void> {
  const server = createServer()
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
