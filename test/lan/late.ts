/** A node that is started without a network, and given one later: how soon it answers. Needs root. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/dht.ts'
import { Wire } from '../support/machines.ts'
import { until } from '../support/until.ts'

/** Everybody from 8.0.0.0 to 15.255.255.255 is on the wire. */
const OTHER = '9.1.0.1'
const LATE = '14.1.0.1'
const PORT = 5399
/** Milliseconds it is without a network: the pauses between two tries have grown by then. */
const WITHOUT = 45_000
/** What the owner wants, and when this gives up, in milliseconds. */
const WANTED = { ordinary: 5000, ours: 10_000 }
const PATIENCE = 60_000

await using files = await temporaryDirectory()
await using wire = await Wire.open()
const other = await wire.machine(`${OTHER}/5`)
const known = `/ip4/${OTHER}/tcp/4601`
await other.start(
  join(files.path, 'other'),
  ...['--dht-announce', known, '--dht-local', 'off', '--upstream-servers', '', '--dns-allow', 'any'],
  ...['--dns-listen', `127.0.0.1:5300,${OTHER}:${PORT}`, '--dns-records', 'www.example.org 60 A 8.8.8.8'],
)
const { key, name } = await other.rest<{ key: string; name: string }>('POST', '/v1/zones')
const records = [{ name: 'www', type: 'A', ttl: 300, value: '9.9.9.9' }]
await other.rest('PUT', `/v1/zones/${key}/records`, { records })
const [bootstrap = ''] = (await other.rest<{ addresses: string[] }>('GET', '/v1/node')).addresses

const late = await wire.machine(`${LATE}/5`)
await late.cable('down')
const started = performance.now()
await late.start(
  join(files.path, 'late'),
  ...['--dht-local', 'off', '--dht-bootstrap', bootstrap, '--upstream-servers', `udp://${OTHER}:${PORT}`],
)
say(`It is up ${seconds(started)} s after its start, without a network.`)
for (const [what, type] of [
  ['www.example.org', 'A'],
  [`www.${name}`, 'A'],
  ['localhost', 'A'],
] as const)
  say(`${what.length > 40 ? 'our name' : what} without one: ${await late.status(what, type)}`)
await new Promise((resolve) => setTimeout(resolve, WITHOUT - (performance.now() - started)))

await late.cable('up')
const given = performance.now()
const first = async (asked: string, expected: string) => {
  await until(async () => (await late.dig(asked, 'A').catch(() => '')) === expected, PATIENCE)
  return performance.now() - given
}
const [ordinary, ours] = await Promise.all([
  first('www.example.org', '8.8.8.8'),
  first(`www.${name}`, '9.9.9.9'),
])
say(
  `Given a network: ordinary names after ${(ordinary / 1000).toFixed(1)} s (5 wanted), ours after ${(ours / 1000).toFixed(1)} s (10 wanted).`,
)
assert.ok(ordinary <= WANTED.ordinary && ours <= WANTED.ours, 'MISSED')

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
