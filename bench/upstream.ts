/** An upstream server that costs next to nothing: every name has one address for a day, those below `long` a hundred. */
import { createSocket } from 'node:dgram'

const HEADER = 12
const ANSWERS = Buffer.concat(
  Array.from({ length: 100 }, (_, at) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, at]),
  ),
)
const ONE = ANSWERS.length / 100

const socket = createSocket('udp4')
socket.on('message', (packet, { port, address }) => {
  const end = packet.indexOf(0, HEADER) + 5 // the root, type and class
  const isLong = packet.toString('latin1', HEADER, end).toLowerCase().includes('long')
  // More than the 1232 octets that were offered; they are taken all the same.
  const reply = Buffer.concat([packet.subarray(0, end), isLong ? ANSWERS : ANSWERS.subarray(0, ONE)])
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(isLong ? 100 : 1, 6)
  reply.writeUInt32BE(0, 8) // no OPT any more
  socket.send(reply, port, address)
})
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${socket.address().port}\n`))
