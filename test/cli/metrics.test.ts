/** What a live node counts: it rises by what was asked, is what Prometheus reads, and tells nobody's name. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

async function metricsOf(node: RunningNode, accept = '*/*'): Promise<string> {
  const reply = await fetch(`http://${node.api}/metrics`, { headers: { accept } })
  assert.equal(reply.status, 200)
  return await reply.text()
}

/** The value of one line; 0 where there is none. */
function numberOf(metrics: string, line: string): number {
  const found = metrics.split('\n').find((each) => each.startsWith(`${line} `))
  return Number(found?.split(' ')[1] ?? 0)
}

const promtool = spawnSync('promtool', ['--version']).status === 0

test('questions are counted by door, type, origin and rcode, and nothing tells whose or for what', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const { name } = await node.publish([{ name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }])
  const before = await metricsOf(node)
  const resolver = new Resolver({ tries: 1 })
  resolver.setServers([node.dns])
  for (const _again of [1, 2, 3]) await resolver.resolve4(`www.${name}`)
  await assert.rejects(resolver.resolve6(`absent.${name}`))
  const after = await metricsOf(node)
  const rise = (line: string) => numberOf(after, line) - numberOf(before, line)
  assert.equal(rise('kadns_questions_total{door="udp",type="A"}'), 3)
  assert.equal(rise('kadns_questions_total{door="udp",type="AAAA"}'), 1)
  assert.equal(rise('kadns_answers_total{origin="zone",rcode="NOERROR"}'), 1)
  assert.equal(rise('kadns_answers_total{origin="cache",rcode="NOERROR"}'), 2)
  assert.equal(rise('kadns_answers_total{origin="zone",rcode="NXDOMAIN"}'), 1)
  assert.equal(rise('kadns_answer_seconds_count'), 2)
  assert.equal(numberOf(after, 'kadns_own_zones'), 1)
  assert.ok(numberOf(after, 'process_resident_memory_bytes') > 1e7)
  assert.ok(!after.includes(name) && !after.includes('127.0.0.1'))
  for (const [, family] of after.matchAll(/^# TYPE (\S+) /gm))
    assert.match(after, new RegExp(`^# HELP ${family} \\S`, 'm'))
})

test('OpenMetrics is given to who asks for it', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const told = await metricsOf(node, 'application/openmetrics-text; version=1.0.0')
  assert.match(told, /\n# EOF\n$/)
  assert.match(told, /^# TYPE kadns_lookups counter$/m)
})

test('promtool finds no fault in them', {
  skip: !promtool && 'promtool (Debian: prometheus) is not here',
}, async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  await node.publish([{ name: 'www', type: 'A', ttl: 300, value: '192.0.2.1' }])
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await metricsOf(node),
    encoding: 'utf8',
  })
  assert.deepEqual([status, stdout + stderr], [0, ''])
})

test('the dashboard names only what a node counts', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const families = new Set(
    Array.from((await metricsOf(node)).matchAll(/^# TYPE (\S+) /gm), ([, family]) => family),
  )
  const text = await readFile(new URL('../../packaging/grafana.json', import.meta.url), 'utf8')
  const named = Array.from(text.matchAll(/\b((?:kadns|process)_[a-z_]+)/g), ([, name = '']) =>
    name.replace(/_(bucket|sum|count)$/, ''),
  )
  assert.ok(named.length > 8)
  assert.deepEqual(
    named.filter((name) => !families.has(name)),
    [],
  )
  assert.ok(JSON.parse(text).panels.length >= 8)
})
