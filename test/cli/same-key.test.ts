/** One key on two devices: who wrote first is told, and a device that slept does not bring back what it had. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { until } from '../support/until.ts'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

interface Shown {
  readonly sequence: string
  readonly superseded?: string
  readonly records: readonly { readonly value: string }[]
}

describe('the same key on two nodes', () => {
  const write = async (node: RunningNode, key: string, value: string) =>
    await node.send<{ sequence: string }>('PUT', `/v1/zones/${key}/records`, {
      records: [{ name: 'www', type: 'A', ttl: 30, value }],
    })
  const show = async (node: RunningNode, key: string) => await node.get<Shown>(`/v1/zones/${key}`)
  const valueAt = async (node: RunningNode, key: string) => (await show(node, key)).records[0]?.value

  test('the loser is told that it is superseded, and one that slept takes up what it missed', async () => {
    await using place = await Workplace.open()
    const third = await RunningNode.start(place, 'third')
    const joins = `--dht-bootstrap=${third.address}`
    let first = await RunningNode.start(place, 'first', joins)
    const { key } = await first.send<{ key: string }>('POST', '/v1/zones')
    const mine = await write(first, key, '192.0.2.1')

    // The other device has the key alone, and finds the zone in the network.
    await mkdir(join(place.directory, 'second/zones'), { recursive: true, mode: 0o700 })
    await cp(
      join(place.directory, `first/zones/${key}.key`),
      join(place.directory, `second/zones/${key}.key`),
    )
    const second = await RunningNode.start(place, 'second', joins)
    await until(async () => (await valueAt(second, key)) === '192.0.2.1')
    await write(second, key, '192.0.2.2')
    await until(async () => (await valueAt(first, key)) === '192.0.2.2')
    assert.equal((await show(first, key)).superseded, mine.sequence)

    // Asleep while the other writes; what it has on disk is older than what it comes back to.
    first.process.kill('SIGKILL')
    await once(first.process, 'exit')
    const last = await write(second, key, '192.0.2.3')
    first = await RunningNode.start(place, 'first', joins)
    await until(async () => (await valueAt(first, key)) === '192.0.2.3')
    for (const node of [first, second, third]) assert.equal((await show(node, key)).sequence, last.sequence)
    // And what it writes next is above that.
    await write(first, key, '192.0.2.4')
    await until(async () => (await valueAt(second, key)) === '192.0.2.4')
  })
})
