/** `kadns queries`: what was asked of a running node, for who can read its data directory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../support/asking.ts'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

test('the questions of late in words and as JSON, by name, and why there are none', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data', '--dns-query-log=10')
  for (const question of ['localhost A', 'x.test A']) await ask(node.dns, question)
  const queries = (...words: string[]) =>
    place.run('queries', ...words, '--data=data', `--api-listen=${node.api}`)

  const all = await queries()
  assert.deepEqual([all.code, all.stderr], [0, ''])
  const [first = '', second = '', ...more] = all.stdout.trimEnd().split('\n')
  assert.match(
    first,
    /^\d\d:\d\d:\d\d {2}localhost\. A {2}NOERROR from local, \d+ ms {2}\([0-9a-f]{6}, udp\)$/,
  )
  assert.match(second, /x\.test\. A {2}NXDOMAIN from local/)
  assert.deepEqual(more, [])

  const json = await queries('TEST', '--rcode', 'NXDOMAIN', '--json')
  assert.equal(JSON.parse(json.stdout).name, 'x.test.')
  const none = await queries('--rcode', 'nope')
  assert.deepEqual(
    [none.code, none.stdout, none.stderr],
    [1, '', 'kadns: "nope" is no RCODE, such as NXDOMAIN.\n'],
  )
})

test('where none are kept, or no node answers, a sentence and an exit code', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const off = await place.run('queries', '--data=data', `--api-listen=${node.api}`)
  assert.deepEqual([off.code, off.stdout], [1, ''])
  assert.match(off.stderr, /dns\.query_log/)
  const away = await place.run('queries', '--data=data', '--api-listen=127.0.0.1:1')
  assert.equal(away.code, 3)
  const elsewhere = await place.run('queries', '--data=elsewhere')
  assert.equal(elsewhere.code, 1)
  assert.equal((await place.run('queries', 'a', 'b')).code, 2)
  assert.match(
    (await place.run('queries', '--help')).stdout,
    /For example: {2}kadns queries example --follow/,
  )
})
