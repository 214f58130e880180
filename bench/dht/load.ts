/** What the DNS door feels of the DHT: cached answers while nodes come and go and records pour in. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MAIN, type Running, Workplace } from '../../test/cli/kadns.ts'
import { RunningNode } from '../../test/cli/running-node.ts'
import { queryPacket } from '../../test/support/queries.ts'
import { startScript } from '../servers.ts'
import { quantile } from '../statistics.ts'
import { progress, say } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

/** So many nodes die a minute, and come back after twenty seconds. */
const DEATHS = 60
/** Zones put on the node each second. */
const POURED = 50
/** Milliseconds a measurement takes, and between two questions of it. */
const SPAN = 60_000
const PAUSE = 2
/**
 * What runs the other nodes: they stand for other machines, so the processors of this one are theirs only while the node
 * that is measured, the echo and whoever asks have no use for them.
 */
const ELSEWHERE = ['--idle', '0', process.execPath]
/** Milliseconds after which an answer is lost. */
const PATIENCE = 2000

interface Target {
  readonly name: string
  readonly port: number
  readonly question: Buffer
  /** Milliseconds each answer took. */
  readonly times: number[]
}

export async function benchLoad({ nodes: count }: SpeedOptions): Promise<void> {
  await using place = await Workplace.open()
  const home = await RunningNode.start(place, 'home')
  const { name } = await home.publish([{ name: 'www', type: 'A', ttl: 86_400, value: '192.0.2.1' }])
  const echo = await startScript({ place }, 'echo')
  const question = queryPacket(`www.${name} A`)
  const targets = () => [
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
  for (const [at, { name: of, times }] of idle.entries()) tell(of, times, loaded[at]?.times ?? [])
}

/** Asks each in turn. An answer that does not come counts as the patience it was waited for with. */
async function measure(targets: readonly Target[]): Promise<readonly Target[]> {
  const end = performance.now() + SPAN
  const sockets = await Promise.all(targets.map(listen))
  for (let id = 0; performance.now() < end; id = (id + 1) & 0xffff) {
    for (const socket of sockets) socket.ask(id)
    await sleep(PAUSE)
  }
  await sleep(PATIENCE)
  for (const socket of sockets) socket.close()
  return targets
}

async function listen({ port, question, times }: Target) {
  const socket: Socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const asked = new Map<number, number>()
  socket.on('message', (reply) => {
    const began = asked.get(reply.readUInt16BE())
    if (began !== undefined) times.push(performance.now() - began)
    asked.delete(reply.readUInt16BE())
  })
  return {
    ask: (id: number) => {
      question.writeUInt16BE(id)
      asked.set(id, performance.now())
      socket.send(question, port, '127.0.0.1')
    },
    close: () => {
      times.push(...Array.from(asked, () => PATIENCE))
      socket.close()
    },
  }
}

function countOf({ child }: Running): () => number {
  let count = 0
  child.stdout?.on('data', (octets: Buffer) => {
    count = Number(octets.toString().trim().split('\n').at(-1))
  })
  return () => count
}

function tell(of: string, idle: readonly number[], loaded: readonly number[]): void {
  const words = (times: readonly number[]) => {
    const [half, late, last] = [0.5, 0.99, 0.999].map((share) => quantile(times, share).toFixed(2))
    return `median ${half} ms, p99 ${late} ms, p99.9 ${last} ms (of ${times.length})`
  }
  say(`load: ${of}: idle ${words(idle)}; loaded ${words(loaded)}`)
  say(`load: ${of}: p99 loaded is ${(quantile(loaded, 0.99) / quantile(idle, 0.99)).toFixed(2)} times idle`)
}
