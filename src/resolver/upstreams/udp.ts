/** One question over UDP: a socket of its own, connected, so that only the upstream's address and port reach it. */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Message } from '../../dns/message.ts'
import { HEADER_OCTETS } from '../../dns/walker.ts'
import type { Endpoint } from '../config.ts'
import { type Outgoing, settleWith } from './exchange.ts'

/** Something came from the server's address that is not its reply: somebody may be guessing (RFC 5452 9.2). */
export class NearMiss extends Error {}

/** The first reply, if it has our id and our question in the case it was sent; else a NearMiss. The kernel picks a random port. */
export function exchangeUdp(endpoint: Endpoint, outgoing: Outgoing, signal: AbortSignal): Promise<Message> {
  const settling = Promise.withResolvers<Message>()
  const { promise, reject } = settling
  const socket = createSocket({ type: isIPv6(endpoint.host) ? 'udp6' : 'udp4' })
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  socket.on('error', reject)
  const { packet, nameEnd } = inMixedCase(outgoing)
  socket.on('message', (octets) => {
    if (
      octets.compare(packet, HEADER_OCTETS, nameEnd, HEADER_OCTETS, Math.min(nameEnd, octets.length)) === 0
    ) {
      // Back in the asker's case, before names that point to it are read.
      outgoing.packet.copy(octets, HEADER_OCTETS, HEADER_OCTETS, nameEnd)
      if (settleWith(octets, outgoing, settling)) return
    }
    reject(new NearMiss('A reply is not to the question that was sent.'))
  })
  // Not as a callback of connect: that would be told of a failure too, as of a machine without a network.
  socket.once('connect', () => {
    if (signal.aborted) onAbort()
    else socket.send(packet)
  })
  socket.connect(endpoint.port, endpoint.host)
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort)
    socket.close()
  })
}

/** Each letter of the name in a random case, which the reply has to repeat: as many more bits to guess (draft-vixie-dnsext-dns0x20). */
function inMixedCase({ packet, query }: Outgoing): { packet: Buffer; nameEnd: number } {
  const mixed = Buffer.from(packet)
  const nameEnd = HEADER_OCTETS + query.question.name.length
  const coins = randomBytes(nameEnd)
  for (let at = HEADER_OCTETS; at < nameEnd; at++) {
    const octet = mixed.readUInt8(at)
    // Lengths of labels are below 64 and no letters.
    if (/[a-z]/i.test(String.fromCharCode(octet))) mixed[at] = octet ^ (coins.readUInt8(at) & 0x20)
  }
  return { packet: mixed, nameEnd }
}
