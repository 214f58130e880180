/** The least that answers from memory: an echo that finds its reply in a Map by the question, made the first time. */
import { createSocket } from 'node:dgram'

const HEADER = 12
const ANSWER = Buffer.from('c00c0001000100000e100004c0000201', 'hex') // A 192.0.2.1 under the name asked for
const replies = new Map<string, string>()

const socket = createSocket({
  type: 'udp4',
  lookup: (host, _options, done) => done(null, host, 4), // as our own door has it
})
socket.on('message', (packet, { port, address }) => {
  const question = packet.toString('latin1', HEADER)
  let known = replies.get(question)
  if (known === undefined) {
    known = Buffer.concat([packet, ANSWER]).toString('latin1')
    replies.set(question, known)
  }
  const reply = Buffer.allocUnsafe(known.length)
  reply.write(known, 'latin1')
  reply[0] = packet[0] ?? 0
  reply[1] = packet[1] ?? 0
  reply[2] = 0x81
  reply[7] = 1
  socket.send(reply, port, address)
})
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${socket.address().port}\n`))
