import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

async function signed(place: Workplace, address: string): Promise<string> {
  await writeFile(join(place.directory, 'family.zone'), `www A ${address}\n`)
  const { stdout } = await place.run(
    'sign',
    'family.zone',
    '--key=family.key',
    '--out=family.packet',
    '--json',
  )
  return JSON.parse(stdout).key
}

describe('kadns publish', () => {
  test('a zone signed without a node is answered by one that has no key, and an older one never takes its place', async () => {
    await using place = await Workplace.open()
    const node = await RunningNode.start(place, 'data')
    const to = ['--data=data', `--api-listen=${node.api}`]
    await place.run('keygen', '--out=family.key')
    const key = await signed(place, '192.0.2.7')
    const old = await readFile(join(place.directory, 'family.packet'))
    await writeFile(join(place.directory, 'old.packet'), old)
    const first = await place.run('publish', 'family.packet', '--json', ...to)
    assert.deepEqual([first.code, JSON.parse(first.stdout).key], [0, key])
    await signed(place, '192.0.2.8')
    assert.equal((await place.run('publish', 'family.packet', ...to)).code, 0)
    const late = await place.run('publish', 'old.packet', ...to)
    assert.deepEqual([late.code, /newer zone/.test(late.stderr)], [1, true])
    const { answers } = await node.get<{ answers: { value: string }[] }>(
      `/v1/resolve?name=www.${key}.kad.alt`,
    )
    assert.deepEqual(
      answers.map(({ value }) => value),
      ['192.0.2.8'],
    )
    assert.deepEqual(await node.get('/v1/zones'), { zones: [] })
  })

  test('a series waits at the node for its days, is listed, and forgotten at a word', async () => {
    await using place = await Workplace.open()
    const node = await RunningNode.start(place, 'data')
    const to = ['--data=data', `--api-listen=${node.api}`]
    await place.run('keygen', '--out=family.key')
    await writeFile(join(place.directory, 'family.zone'), 'www A 192.0.2.7\n')
    await place.run('sign', 'family.zone', '--key=family.key', '--series=3', '--every=7d', '--out=series')
    const { code, stdout } = await place.run('publish', 'series', ...to)
    assert.equal(code, 0)
    assert.match(stdout, /^\S{52}\t0 node\(s\)\n\S{52}\twaits until \S+\n\S{52}\twaits until \S+\n$/)
    const [label = ''] = stdout.split('\t')
    const listed = await place.run('publish', '--list', '--json', ...to)
    const [series] = JSON.parse(listed.stdout).packets
    assert.deepEqual([series.key, series.left], [label, 2])
    const { answers } = await node.get<{ answers: { value: string }[] }>(`/v1/resolve?name=www.${label}`)
    assert.equal(answers[0]?.value, '192.0.2.7')
    assert.match((await place.run('publish', `--forget=${label.slice(0, 6)}`, ...to)).stdout, /^3 packet/)
    assert.deepEqual(await node.get('/v1/packets'), { packets: [] })
  })

  test('a damaged packet, or none, is refused before anything is asked of a node', async () => {
    await using place = await Workplace.open()
    await place.run('keygen', '--out=family.key')
    await signed(place, '192.0.2.7')
    const octets = await readFile(join(place.directory, 'family.packet'))
    octets[40] = (octets[40] ?? 0) ^ 1
    await writeFile(join(place.directory, 'family.packet'), octets)
    for (const file of ['family.packet', 'family.zone', 'missing.packet']) {
      const { code, stderr } = await place.run('publish', file)
      assert.equal(code, 1)
      assert.ok(stderr.startsWith(`kadns: ${file} `), stderr)
    }
    assert.equal((await place.run('publish')).code, 2)
  })
})
