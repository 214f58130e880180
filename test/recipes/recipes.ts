/** `npm run recipes`: the recipes of docs/operations.md on real programs: Unbound and dnsmasq in front of a node, Unbound behind it. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../src/cli/testnet-node.ts'
import { Workplace } from '../cli/kadns.ts'
import { RunningNode } from '../cli/running-node.ts'
import { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { until } from '../support/until.ts'

const PATIENCE = 10_000
const OURS = '192.0.2.77'
const ORDINARY = '198.51.100.7'
const TEXT = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')

await using place = await Workplace.open()
await using upstream = await ScriptedUpstream.open({
  'www.example.org A': { answer: `www.example.org. 60 IN A ${ORDINARY}` },
})
const { host, port } = upstream.endpoint
const node = await RunningNode.start(place, 'node', `--upstream-servers=${host}:${port}`)
const [, nodePort = ''] = node.dns.split(':')
const { name } = await node.publish([{ name: 'www', type: 'A', ttl: 300, value: OURS }])

/** The code block of a recipe, for the ports of this run. @param ports by the ones in the text */
function recipe(title: string, ports: Readonly<Record<string, string>>): string {
  const at = TEXT.indexOf(`### ${title}\n`)
  assert.ok(at >= 0, `docs/operations.md has no recipe "${title}"`)
  const [, block = ''] = /\n```\w*\n([\s\S]*?)```/.exec(TEXT.slice(at)) ?? []
  return Object.entries(ports).reduce((text, [from, to]) => text.replaceAll(from, to), block)
}

async function dig(at: number | string, question: string): Promise<string> {
  const words = ['@127.0.0.1', '-p', String(at), '+tries=1', '+time=3', '+short', question, 'A']
  const { stdout } = await promisify(execFile)('dig', words).catch(() => ({ stdout: '' }))
  return stdout.trim()
}

function isThere(program: string): boolean {
  if (spawnSync('sh', ['-c', `command -v ${program}`]).status === 0) return true
  say(`${program} is not installed (Debian: the package of that name); its recipes are left out`)
  return false
}

/** Runs unbound with the recipe and what it takes to run beside others. */
async function startUnbound(text: string): Promise<number> {
  const own = await freePort()
  const folder = join(place.directory, `unbound${own}`)
  await mkdir(folder)
  const file = join(folder, 'unbound.conf')
  const alone = [
    'server:',
    `  interface: 127.0.0.1@${own}`,
    '  do-daemonize: no',
    '  username: ""',
    '  chroot: ""',
    `  directory: "${folder}"`,
    `  pidfile: "${folder}/pid"`,
    '  use-syslog: no',
    '  do-not-query-localhost: no',
    'remote-control:',
    '  control-enable: no',
  ]
  await writeFile(file, `${alone.join('\n')}\n${text}\n`)
  place.spawn('unbound', ['-d', '-c', file])
  return own
}

async function answers(
  what: string,
  at: number | string,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [question, address] of Object.entries(expected)) {
    await until(async () => (await dig(at, question)) === address, PATIENCE)
  }
  say(`${what}: ${Object.keys(expected).length} of ${Object.keys(expected).length} answered`)
}

const www = `www.${name}`
if (isThere('unbound')) {
  const ports = { '127.0.0.1@5300': `127.0.0.1@${nodePort}` }
  for (const title of ['Unbound in front: forward-zone', 'Unbound in front: stub-zone'])
    await answers(title, await startUnbound(recipe(title, ports)), { [www]: OURS })
  const data = `server:\n  local-zone: "example.org." static\n  local-data: "www.example.org. 60 IN A ${ORDINARY}"\n`
  const behind = await startUnbound(data)
  const settings = recipe('Unbound behind', { '127.0.0.1:5335': `127.0.0.1:${behind}` })
  await writeFile(join(place.directory, 'behind.toml'), settings)
  const second = place.start(
    'up',
    '--data=second',
    '--config=behind.toml',
    '--dns-listen=127.0.0.1:0',
    '--api-listen=127.0.0.1:0',
    '--dht-listen=/ip4/127.0.0.1/tcp/0',
    `--dht-bootstrap=${node.address}`,
  )
  const [, door = ''] = await second.says(/DNS\s+127\.0\.0\.1:(\d+)/)
  await answers('Unbound behind', door, { [www]: OURS, 'www.example.org': ORDINARY })
}
if (isThere('dnsmasq')) {
  const own = await freePort()
  const text = recipe('dnsmasq and Pi-hole in front', { '127.0.0.1#5300': `127.0.0.1#${nodePort}` })
  await writeFile(join(place.directory, 'dnsmasq.conf'), text)
  const alone = [
    '--keep-in-foreground',
    `--port=${own}`,
    '--listen-address=127.0.0.1',
    '--bind-interfaces',
    '--no-resolv',
  ]
  place.spawn('dnsmasq', [
    ...alone,
    `--server=${host}#${port}`,
    '--user=root',
    '--pid-file=',
    '--conf-file=dnsmasq.conf',
  ])
  await answers('dnsmasq and Pi-hole in front', own, { [www]: OURS, 'www.example.org': ORDINARY })
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
