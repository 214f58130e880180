/** How long a node that has just been opened takes to its first answer, its dial to one bootstrap node included. */
import { told } from '../statistics.ts'
import { milliseconds, Nodes, progress, publishNew, say, signal } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

export async function benchJoin({ nodes: count, trials }: SpeedOptions): Promise<void> {
  progress(`join: opening ${count} nodes`)
  await using nodes = await Nodes.open(count)
  const { zone } = await publishNew(nodes.servers[1]!)
  const bootstrap = nodes.servers[0]!.addresses()
  const times: number[] = []
  for (let at = 0; at < trials; at++) {
    if (at % 20 === 0) progress(`join: ${at} of ${trials}`)
    const joiner = await nodes.join({ mode: 'client', bootstrap })
    times.push(
      await milliseconds(async () => {
        const { kind } = await joiner.find(zone.key, { signal })
        if (kind !== 'found') throw new Error(`Who just joined was told ${kind}.`)
      }),
    )
    await joiner[Symbol.asyncDispose]()
  }
  say(`join: from opened, before the bootstrap dial, to the first answer: ${told(times)}`)
}
