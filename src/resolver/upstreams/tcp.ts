/** One question over TCP (RFC 7766), for answers too large for UDP. */
import { connect, type Socket } from 'node:net'
import type { Message } from '../../dns/message.ts'
import type { Endpoint } from '../config.ts'
import { MessageSplitter, withLength } from '../stream-framing.ts'
import { type Outgoing, settleWith } from './exchange.ts'

export function openTcp({ host, port }: Endpoint): Socket {
  return connect({ host, port })
}

export function exchangeTcp(endpoint: Endpoint, outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
  const settling = Promise.withResolvers<Message>()
  const { promise, reject } = settling
  const socket = connect({ host: endpoint.host, port: endpoint.port, signal })
  const splitter = new MessageSplitter()
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('The upstream closed the connection.')))
  socket.on('data', (octets) => {
    for (const message of splitter.push(octets)) settleWith(message, outgoing, settling)
  })
  socket.write(withLength(outgoing.packet))
  return promise.finally(() => socket.destroy())
}
