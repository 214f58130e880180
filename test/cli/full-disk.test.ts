/** A disk that takes no more while a node runs: what is asked for is refused, and nothing is lost. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

/** Lets a running process write no octet more to files, or again as many as it likes: to it the same as a disk that is full. */
function limitFiles({ process }: RunningNode, octets: 0 | 'unlimited'): void {
  const { status } = spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${octets}:unlimited`])
  assert.equal(status, 0)
}

const skip = spawnSync('prlimit', ['--version']).error ? 'needs prlimit, of util-linux' : false

test('with no room on disk a zone stays as it was, the sentence says so, and later it can be written', {
  skip,
}, async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const record = (value: string) => ({ records: [{ name: 'www', type: 'A', ttl: 300, value }] })
  const { key } = await node.send<{ key: string }>('POST', '/v1/zones')
  await node.send('PUT', `/v1/zones/${key}/records`, record('192.0.2.1'))
  const before = await node.get(`/v1/zones/${key}`)

  limitFiles(node, 0)
  const refused = await node.request('PUT', `/v1/zones/${key}/records`, record('192.0.2.2'))
  const { status, detail } = (await refused.json()) as { status: number; detail: string }
  assert.equal(status, 507)
  assert.match(detail, /could not be written: .*; nothing has changed\.$/)
  assert.equal((await node.request('POST', '/v1/zones')).status, 507)
  assert.deepEqual(await node.get(`/v1/zones/${key}`), before)

  limitFiles(node, 'unlimited')
  await node.send('PUT', `/v1/zones/${key}/records`, record('192.0.2.3'))
  node.process.kill('SIGKILL')
  const again = await RunningNode.start(place, 'data')
  const { records } = await again.get<{ records: { value: string }[] }>(`/v1/zones/${key}`)
  assert.deepEqual(
    records.map(({ value }) => value),
    ['192.0.2.3'],
  )
  assert.equal((await again.get<{ zones: unknown[] }>('/v1/zones')).zones.length, 1)
})
