/** The peer that every UDP server on Node is measured against: it sends back what it got, and does nothing else. */
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (packet, { port, address }) => {
  packet[2] = (packet[2] ?? 0) | 0x80 // QR, so that dnsperf takes it for a reply
  socket.send(packet, port, address)
})
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${socket.address().port}\n`))
