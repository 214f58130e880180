/** Lookups where every connection between two nodes goes over a relay that makes them look far from each other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SlowRelay } from '../../src/cli/slow-relay.ts'
import { freePort } from '../../src/cli/testnet-node.ts'
import { systemClock } from '../../src/clock.ts'
import type { DhtConfig } from '../../src/dht/config.ts'
import type { LookupEffort } from '../../src/zone/directory.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { median, quantile, told } from '../statistics.ts'
import { Nodes, progress, publishNew, say, signal } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

/** Milliseconds each way between any two nodes, and there and back. */
const LATENCY = 50
const ROUND_TRIP = 2 * LATENCY
/** Milliseconds of rest after each lookup, most of what goes on behind its answer. */
const REST = 1000

export async function benchSlow({ nodes: count, trials }: SpeedOptions): Promise<void> {
  await using relays = new AsyncDisposableStack()
  progress(`slow: opening ${count} nodes, ${ROUND_TRIP} ms from each other`)
  await using nodes = await Nodes.open(count, async () => await behindRelay(relays))
  const zones: SignedZone[] = []
  for (let at = 0; at < trials; at++) zones.push((await publishNew(nodes.servers[at % count]!)).zone)
  progress('slow: warming who asks')
  const asker = await nodes.asker(await behindRelay(relays))
  const efforts: LookupEffort[] = []
  for (const { key } of zones) {
    const { kind, effort } = await asker.find(key, { signal })
    if (kind === 'found') efforts.push(effort)
    else progress(`slow: a name is ${kind} after ${effort.milliseconds.toFixed(0)} ms`)
    await sleep(REST)
  }
  tell(efforts, trials)
}

/** Others dial the relay, as nothing else is announced. It leads to the port before the node listens there. */
async function behindRelay(relays: AsyncDisposableStack): Promise<Partial<DhtConfig>> {
  const relay = relays.use(
    await SlowRelay.open({ clock: systemClock, latency: LATENCY, loss: 0, chance: Math.random }),
  )
  const port = await freePort()
  relay.lead(port)
  return { listen: [`/ip4/127.0.0.1/tcp/${port}`], announce: [`/ip4/127.0.0.1/tcp/${relay.port}`] }
}

function tell(efforts: readonly LookupEffort[], trials: number): void {
  const times = efforts.map(({ milliseconds }) => milliseconds)
  // A timer may be a millisecond early.
  if (Math.min(...times) < 2 * (LATENCY - 1)) throw new Error('An answer did not come over a relay.')
  const trips = (milliseconds: number) => (milliseconds / ROUND_TRIP).toFixed(2)
  say(
    `slow: ${efforts.length} of ${trials} names found; ${told(times)}; at most ${Math.max(...times).toFixed(0)} ms`,
  )
  say(`slow: round trips: median ${trips(median(times))}, p95 ${trips(quantile(times, 0.95))}`)
  const asked = efforts.map((each) => each.asked)
  const hops = efforts.map((each) => each.hops)
  say(`slow: peers asked until the answer: median ${median(asked)}, at most ${Math.max(...asked)}`)
  say(`slow: hops to the answer: median ${median(hops)}, at most ${Math.max(...hops)}`)
}
