/** Whole nodes, one of them with a clock that is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestNode, TestNodes } from '../support/test-nodes.ts'
import { until } from '../support/until.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

interface Resolved {
  readonly rcode: string
  readonly answers: readonly { value: string }[]
}

/** Four nodes with the right time, which know each other. */
async function openNetwork(nodes: TestNodes): Promise<{ all: TestNode[]; bootstrap: readonly string[] }> {
  const first = await nodes.open()
  const bootstrap = first.daemon.addresses
  const all = [first]
  for (let count = 0; count < 3; count++) all.push(await nodes.open({ bootstrap }))
  for (const node of all) await untilPeers(node, 3)
  return { all, bootstrap }
}

async function untilPeers(node: TestNode, count: number): Promise<void> {
  await until(async () => (await node.get<{ peers: number }>('/v1/node')).peers >= count)
}

async function publish(node: TestNode, value = '192.0.2.1') {
  const { key, name } = await node.send<{ key: string; name: string }>('POST', '/v1/zones')
  const records = [{ name: 'www', type: 'A', value }]
  const put = await node.send<{ sequence: string; storedOn: number }>('PUT', `/v1/zones/${key}/records`, {
    records,
  })
  return { key, name: `www.${name}`, ...put }
}

async function untilResolved(node: TestNode, name: string, value: string): Promise<void> {
  await until(async () => {
    const { answers } = await node.get<Resolved>(`/v1/resolve?name=${name}`)
    return answers[0]?.value === value
  })
}

test('a publisher half an hour fast: what it signs is taken by all, and its node says what is wrong', async () => {
  await using nodes = new TestNodes()
  const { all, bootstrap } = await openNetwork(nodes)
  const fast = await nodes.open({ bootstrap, later: 30 * MINUTE })
  await untilPeers(fast, 4)
  const zone = await publish(fast)
  assert.ok(zone.storedOn >= 3, `${zone.storedOn}`)
  assert.ok(BigInt(zone.sequence) < BigInt(Date.now() + 10 * MINUTE) * 1000n)
  for (const node of all) await untilResolved(node, zone.name, '192.0.2.1')
  const { clock } = await fast.get<{ clock: { offsetSeconds: number; trusted: boolean } }>('/v1/node')
  assert.equal(clock.trusted, false)
  assert.ok(Math.abs(clock.offsetSeconds + 1800) < 60, `${clock.offsetSeconds}`)
})

test('a publisher half an hour fast that signed alone is not locked out when it meets others, nor after a restart', async () => {
  await using nodes = new TestNodes()
  const alone = await nodes.open({ later: 30 * MINUTE })
  const { key, name, storedOn } = await publish(alone)
  assert.equal(storedOn, 0)
  await alone.close()
  const { all, bootstrap } = await openNetwork(nodes)
  const again = await nodes.open({ data: alone.data, bootstrap, later: 30 * MINUTE })
  await untilPeers(again, 4)
  for (const node of all) await untilResolved(node, name, '192.0.2.1')
  const records = [{ name: 'www', type: 'A', value: '192.0.2.2' }]
  const next = await again.send<{ storedOn: number }>('PUT', `/v1/zones/${key}/records`, { records })
  assert.ok(next.storedOn >= 3, `${next.storedOn}`)
})

for (const [words, later] of [
  ['eight days fast', 8 * DAY],
  ['at 1970', -Date.now()],
] as const) {
  test(`a resolver ${words} answers from zones as others do`, async () => {
    await using nodes = new TestNodes()
    const { all, bootstrap } = await openNetwork(nodes)
    const zone = await publish(all[1]!)
    const wrong = await nodes.open({ bootstrap, later })
    await untilPeers(wrong, 4)
    await untilResolved(wrong, zone.name, '192.0.2.1')
  })
}
