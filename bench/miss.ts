/** How long an answer takes that has to be asked for upstream, on loopback: beside dnsmasq, and beside the upstream itself. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Workplace } from '../test/cli/kadns.ts'
import { queryPacket, readReply } from '../test/support/queries.ts'
import { type Span, say } from './dnsperf.ts'
import { isInstalled, startDnsmasq, startKadns, startScript } from './servers.ts'
import { median, quantile, told } from './statistics.ts'

/** Names each is asked for in a round, and before the first. */
const NAMES = 500
/** Milliseconds after which an answer is lost. */
const PATIENCE = 2000

interface Asked {
  readonly name: string
  readonly socket: Socket
  /** Milliseconds, by round. */
  readonly rounds: number[][]
}

export async function benchMiss({ rounds }: Span): Promise<void> {
  await using place = await Workplace.open()
  const upstream = await startScript({ place }, 'upstream')
  const { server } = await startKadns({ place }, `--upstream-servers=udp://127.0.0.1:${upstream.port}`)
  const asked = [
    await open('kadns', server.port),
    await open('the upstream itself', upstream.port),
    ...(isInstalled('dnsmasq')
      ? [await open('dnsmasq', (await startDnsmasq({ place, upstream: upstream.port })).port)]
      : []),
  ]
  for (let round = 0; round <= rounds; round++) await ask(asked, round)
  for (const { name, rounds: all, socket } of asked) {
    say(`miss: ${name}: ${told(all.slice(1).flat())}`)
    socket.close()
  }
  for (const { name, rounds: theirs } of asked.slice(1))
    say(`miss: kadns / ${name}: ${ratios(asked[0]!, theirs)}`)
}

/** One question after the other, each server in its turn. */
async function ask(asked: readonly Asked[], round: number): Promise<void> {
  for (const { rounds } of asked) rounds.push([])
  for (let at = 0; at < NAMES; at++) {
    for (const { name, socket, rounds } of asked) {
      const packet = queryPacket(`m${round}-${at}.example.com A`, { id: at })
      const began = performance.now()
      const heard = once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE) })
      socket.send(packet)
      const [reply] = (await heard) as [Buffer]
      rounds.at(-1)?.push(performance.now() - began)
      if (readReply(reply).answers.length !== 1) throw new Error(`${name} has no answer.`)
    }
  }
}

/** Of the rounds, without the first, which warms the code. */
function ratios({ rounds: ours }: Asked, theirs: readonly number[][]): string {
  const of = (share: number) =>
    ours.slice(1).map((times, at) => quantile(times, share) / quantile(theirs[at + 1] ?? [], share))
  const [halves, late] = [of(0.5), of(0.99)]
  const range = `${Math.min(...halves).toFixed(2)} to ${Math.max(...halves).toFixed(2)}`
  return `medians ${median(halves).toFixed(2)} (${range}), p99 ${median(late).toFixed(2)}`
}

async function open(name: string, port: string): Promise<Asked> {
  const socket = createSocket('udp4')
  socket.connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  return { name, socket, rounds: [] }
}
