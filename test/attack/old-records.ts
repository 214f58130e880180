/** Rows about what was true once: an old zone put again, and peers that go on serving one. */
import { setTimeout } from 'node:timers/promises'
import { encodeRecordKey, kademliaId, type Replica } from '../../src/dht/record-key.ts'
import { publicKeyFromLabel } from '../../src/zone/key.ts'
import type { Agent, Way } from './commands.ts'
import { type Row, servedBy, surround, tally } from './row.ts'
import type { RealNode, World } from './world.ts'

const REPLICAS: readonly Replica[] = [0, 1, 2]
const WAYS: readonly Way[] = ['zone', 'kad']
/** Protocol 5, "Get": seconds an answer lives at most that fewer than three hands agree on; and milliseconds until it is over. */
const ONE_HAND_TTL = 10
const ONE_HAND = 11_000
const STUBBORN = 6

/** A zone that says "old", as it was signed; its publisher is the first node. */
async function oldZone(world: World, reader: Agent) {
  const [publisher] = world.nodes as [RealNode]
  const { key: label, name } = await publisher.makeZone()
  await publisher.publish(label, 'old')
  const key = publicKeyFromLabel(label)!
  const wanted = Buffer.from(key.bytes).toString('base64')
  const zone = await reader.do({ do: 'get', to: publisher.address, key: wanted })
  if (zone === '') throw new Error('The publisher does not hold its own zone.')
  return { publisher, label, name, key, wanted, zone }
}

/** The answers of all, asked one after the other. */
async function askAll(nodes: readonly RealNode[], name: string): Promise<string[]> {
  const answers: string[] = []
  for (const node of nodes) answers.push(await node.ask(name))
  return answers
}

async function replay(agent: Agent, nodes: readonly RealNode[], zone: string): Promise<string[]> {
  const outcomes: string[] = []
  for (const { address } of nodes)
    for (const by of WAYS) outcomes.push(`${by} ${await agent.do({ do: 'put', to: address, zone, by })}`)
  return outcomes
}

export const replayed: Row = {
  tried: 'an old record is put to every holder again, over both protocols, before and after a restart',
  nodes: 8,
  async run(world) {
    const { agent } = await world.attacker()
    const { publisher, label, name, wanted, zone } = await oldZone(world, agent)
    const storedOn = await publisher.publish(label, 'new')
    const told = await replay(agent, world.nodes, zone)
    const restarted = world.nodes.at(-1) as RealNode
    await restarted.machine.stop()
    await restarted.start(publisher.address)
    told.push(...(await replay(agent, [restarted], zone)))
    const held = await Promise.all(
      world.nodes.map(({ address }) => agent.do({ do: 'get', to: address, key: wanted })),
    )
    const back = held.filter((bytes) => bytes === '' || bytes === zone).length
    const newcomer = await world.join()
    const misled = await world.join()
    await replay(agent, [misled], zone)
    const old = await askAll(world.nodes, name)
    const fresh = await askAll([newcomer, misled], name)
    return {
      seen:
        `new stored on ${storedOn}; replays told ${tally(told)}; ${back} of ${held.length} holders gone back; ` +
        `nodes that saw the new one answer ${tally(old)}; two newcomers, one given the old one first, ${tally(fresh)}`,
      wanted: '0 gone back, all answer new',
      passed: back === 0 && [...old, ...fresh].every((answer) => answer === 'new'),
    }
  },
}

export const stubborn: Row = {
  tried: `${STUBBORN} peers next to the key serve an old record and refuse the newer one`,
  nodes: 8,
  async run(world, seed) {
    const reader = world.agentOn((await world.machine('attacker')).machine)
    const { publisher, label, name, key, zone } = await oldZone(world, reader)
    const places = REPLICAS.map((replica) =>
      Buffer.from(kademliaId(encodeRecordKey(key, replica))).toString('hex'),
    )
    const behaviours = Array.from({ length: STUBBORN }, () => 'old' as const)
    await surround(world, { behaviours, seed, places, zone })
    for (const node of world.nodes) await node.knows(world.nodes.length - 1 + STUBBORN)
    const storedOn = await publisher.publish(label, 'new')
    const newcomers = [await world.join(), await world.join(), await world.join()]
    for (const node of newcomers) await node.knows(world.nodes.length)
    const all = [...world.nodes, ...newcomers]
    const first: { text: string; ttl: number }[] = []
    for (const node of all) first.push(await node.askForTtl(name))
    const longest = Math.max(0, ...first.filter(({ text }) => text === 'old').map(({ ttl }) => ttl))
    await setTimeout(ONE_HAND)
    const later = await askAll(all, name)
    const served = await servedBy(world)
    const isBounded = first.every(
      ({ text, ttl }) => text === 'new' || (text === 'old' && ttl <= ONE_HAND_TTL),
    )
    return {
      seen:
        `new stored on ${storedOn}; first answers ${tally(first.map(({ text }) => text))}, an old one with TTL ` +
        `${longest} at most; ${ONE_HAND / 1000} s later ${tally(later)}; hostile peers asked ${served} times`,
      wanted: `all new, but for first answers of one hand with TTL ${ONE_HAND_TTL} at most`,
      passed: served > 0 && isBounded && later.every((answer) => answer === 'new'),
    }
  },
}
