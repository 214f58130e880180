/** `npm run bench:slow`: what UDP feels of a thousand TCP clients that say one octet a second. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Workplace } from '../test/cli/kadns.ts'
import { RunningNode } from '../test/cli/running-node.ts'
import { queryPacket } from '../test/support/queries.ts'
import { compared, measure, type Target } from './latency.ts'
import { startScript } from './servers.ts'

const CLIENTS = 1000

await using place = await Workplace.open()
const node = await RunningNode.start(place, 'home')
const { name } = await node.publish([{ name: 'www', type: 'A', ttl: 86_400, value: '192.0.2.1' }])
const [, port = ''] = node.dns.split(':')
const echo = await startScript({ place }, 'echo')
const question = queryPacket(`www.${name} A`)
const targets = (): Target[] => [
  { name: 'cached answers', port: Number(port), question, times: [] },
  { name: 'bare echo', port: Number(echo.port), question, times: [] },
]

say('a minute without them')
const idle = await measure(targets())
const before = await resident()
const program = join(import.meta.dirname, 'dribble.ts')
// They stand for other machines: the processors of this one are theirs only while nobody else has use for them.
const slow = place.spawn('chrt', ['--idle', '0', process.execPath, program, port, String(CLIENTS)])
let last = ''
slow.child.stdout?.on('data', (octets: Buffer) => {
  last = octets.toString().trim().split('\n').at(-1) ?? ''
})
await slow.prints(/\n\d{2,} /)
say('a minute with them')
const loaded = await measure(targets())
const after = await resident()
const [open, closed] = last.split(' ')
say(`${CLIENTS} clients: ${open} connections open at the end, ${closed} closed on the way`)
for (const sentence of compared(idle, loaded)) say(sentence)
say(`resident memory ${before} MB before, ${after} MB after`)

async function resident(): Promise<number> {
  const status = await readFile(`/proc/${node.process.pid}/status`, 'latin1')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
