/** What the DNS door feels of the DHT: cached answers while nodes come and go and records pour in. */
import { join } from 'node:path'
import { MAIN, type Running, Workplace } from '../../test/cli/kadns.ts'
import { RunningNode } from '../../test/cli/running-node.ts'
import { queryPacket } from '../../test/support/queries.ts'
import { compared, measure, PAUSE, SPAN, type Target } from '../latency.ts'
import { startScript } from '../servers.ts'
import { progress, say } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

/** So many nodes die a minute, and come back after twenty seconds. */
const DEATHS = 60
/** Zones put on the node each second. */
const POURED = 50
/**
 * What runs the other nodes: they stand for other machines, so the processors of this one are theirs only while the node
 * that is measured, the echo and whoever asks have no use for them.
 */
const ELSEWHERE = ['--idle', '0', process.execPath]

export async function benchLoad({ nodes: count }: SpeedOptions): Promise<void> {
  await using place = await Workplace.open()
  const home = await RunningNode.start(place, 'home')
  const { name } = await home.publish([{ name: 'www', type: 'A', ttl: 86_400, value: '192.0.2.1' }])
  const echo = await startScript({ place }, 'echo')
  const question = queryPacket(`www.${name} A`)
  const targets = (): Target[] => [
    { name: 'cached answers', port: Number(home.dns.split(':')[1]), question, times: [] },
    { name: 'bare echo', port: Number(echo.port), question, times: [] },
  ]
  progress(`load: a minute of ${1000 / PAUSE} questions a second to a node alone`)
  const idle = await measure(targets())
  progress(`load: starting ${count} nodes that die and come back`)
  const words = ['testnet', String(count), `--deaths=${DEATHS}`, `--dht-bootstrap=${home.address}`, '--json']
  await place.spawn('chrt', [...ELSEWHERE, MAIN, ...words]).prints(/\n/)
  const program = join(import.meta.dirname, 'pour.ts')
  const pour = place.spawn('chrt', [...ELSEWHERE, program, home.address, String(POURED)])
  const stored = countOf(pour)
  await pour.prints(/[1-9]/)
  const before = stored()
  progress('load: the same minute under load')
  const loaded = await measure(targets())
  const { peers } = await home.get<{ peers: number }>('/v1/node')
  const rate = ((stored() - before) / (SPAN / 1000)).toFixed(0)
  say(`load: ${peers} nodes known, ${DEATHS} deaths a minute, ${rate} new zones a second stored`)
  for (const sentence of compared(idle, loaded)) say(`load: ${sentence}`)
}

function countOf({ child }: Running): () => number {
  let count = 0
  child.stdout?.on('data', (octets: Buffer) => {
    count = Number(octets.toString().trim().split('\n').at(-1))
  })
  return () => count
}
