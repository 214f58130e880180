/** The row about what never was true: peers that forge, lie about lengths, or withhold. */

import { publicKeyFromLabel } from '../../src/zone/key.ts'
import type { Behaviour } from './commands.ts'
import { type Row, servedBy, surround, tally } from './row.ts'
import type { RealNode } from './world.ts'

const BEHAVIOURS: readonly Behaviour[] = [
  ...(['garbage', 'signature', 'absent'] as const),
  ...(['other', 'lying', 'silent'] as const),
  ...(['garbage', 'lying', 'absent'] as const),
]
const ZONES = 10
const NEWCOMERS = 3

export const forged: Row = {
  tried: `${BEHAVIOURS.length} peers of 17 answer garbage, wrong signatures, other keys' records, lying lengths; a third of them withhold`,
  nodes: 8,
  async run(world, seed) {
    const [publisher, second] = world.nodes as [RealNode, RealNode]
    const names: string[] = []
    for (let number = 0; number < ZONES; number++) {
      const { key, name } = await publisher.makeZone()
      await publisher.publish(key, 'truth')
      names.push(name)
    }
    const other = await second.makeZone()
    await second.publish(other.key, 'forged')
    const reader = world.agentOn((await world.machine('attacker')).machine)
    const key = Buffer.from(publicKeyFromLabel(other.key)!.bytes).toString('base64')
    const zone = await reader.do({ do: 'get', to: second.address, key })
    await surround(world, { behaviours: BEHAVIOURS, seed, zone })
    const newcomers: RealNode[] = []
    for (let number = 0; number < NEWCOMERS; number++) newcomers.push(await world.join())
    for (const node of newcomers) await node.knows(world.nodes.length)
    const answers: string[] = []
    for (const node of [...newcomers, ...world.nodes.slice(1, 3)])
      for (const name of names) answers.push(await node.ask(name))
    const served = await servedBy(world)
    const isHonest = answers.every((answer) => answer === 'truth' || answer === 'SERVFAIL')
    return {
      seen: `${tally(answers)}, of ${answers.length} questions; hostile peers asked ${served} times`,
      wanted: 'truth or SERVFAIL, nothing else',
      passed: served > 0 && isHonest,
    }
  },
}
