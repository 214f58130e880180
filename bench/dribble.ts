/** Slow clients: connections that say one octet a second and are opened again when they are closed. Prints how many are open, every second. */
import { connect } from 'node:net'

const [port = '0', count = '1000'] = process.argv.slice(2)
/** A message that is never whole: its length, and less than that. */
const MESSAGE = Buffer.concat([Buffer.of(1, 0), Buffer.alloc(255, 0x61)])
const SECOND = 1000
/** Addresses of loopback the clients have, so that no limit for one of them holds the others back. */
const ADDRESSES = 250

let open = 0
let closed = 0

function dribble(at: number): void {
  const localAddress = `127.0.1.${1 + (at % ADDRESSES)}`
  const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress })
  let said = 0
  const timer = setInterval(() => socket.write(MESSAGE.subarray(said++, said)), SECOND)
  socket.on('connect', () => open++)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearInterval(timer)
    if (socket.bytesRead >= 0 && open > 0) open--
    closed++
    setTimeout(() => dribble(at), SECOND)
  })
}

for (let at = 0; at < Number(count); at++) setTimeout(() => dribble(at), at)
setInterval(() => process.stdout.write(`${open} ${closed}\n`), SECOND)
