/** How soon a changed zone is with everybody who used the name, without being asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { NetworkDirectory } from '../../src/dht/directory.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { TestOwner } from '../../test/support/test-zone.ts'
import { Nodes, progress, say, signal } from './nodes.ts'
import type { SpeedOptions } from './speed.ts'

const USERS = 10
/** Milliseconds after which news count as missed. */
const PATIENCE = 5000
/** Milliseconds of rest after the lookups, for what goes on behind their answers. */
const REST = 1000

export async function benchUpdate({ nodes: count, trials }: SpeedOptions): Promise<void> {
  progress(`update: opening ${count} nodes and ${USERS} who use their names`)
  await using nodes = await Nodes.open(count)
  const users: NetworkDirectory[] = []
  for (let at = 0; at < USERS; at++) users.push(await nodes.asker())
  const times: number[] = []
  let missed = 0
  for (let trial = 0; trial < trials; trial++) {
    const publisher = nodes.servers[trial % count]!
    const owner = new TestOwner()
    await publisher.publish(owner.sign('before'), signal)
    for (const user of users) await use(user, owner.key)
    await sleep(REST)
    const after = owner.sign('after')
    const heard = users.map(async (user) => await newsAt(user, after.sequence))
    await publisher.publish(after, signal)
    const acknowledged = performance.now()
    for (const at of await Promise.all(heard)) {
      if (at === undefined) missed++
      else times.push(at - acknowledged)
    }
  }
  const before = times.filter((time) => time <= 0).length
  say(`update: ${times.length} of ${trials * USERS} had the newer zone within ${PATIENCE / 1000} s, unasked`)
  say(
    `update: ${before} before all acknowledgements were in, the last ${Math.max(...times).toFixed(0)} ms after; ` +
      `${missed} missed`,
  )
}

async function use(user: NetworkDirectory, key: PublicKey): Promise<void> {
  const { kind } = await user.find(key, { signal })
  if (kind !== 'found') throw new Error(`A name that was just published is ${kind}.`)
}

/** When a node got this zone; undefined when it did not in time. */
async function newsAt(user: NetworkDirectory, sequence: bigint): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  using _watching = user.watch((zone) => {
    if (zone.sequence === sequence) resolve(performance.now())
  })
  const late = setTimeout(() => resolve(undefined), PATIENCE)
  return await promise.finally(() => clearTimeout(late))
}
