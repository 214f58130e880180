/** What README and /docs show, run as it stands there: every line of curl, by a shell, against a live node. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { EXAMPLES } from '../../src/api/examples.ts'
import { MAIN, Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

const README = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
const hasTools = ['curl', 'sed'].every((tool) => spawnSync(tool, ['--version']).status === 0)
const OPTIONS = { skip: !hasTools && 'curl or sed is not here' }

/** A directory with a node running, where `kadns` is a command as after installing it. */
async function open(place: Workplace): Promise<{ node: RunningNode; env: NodeJS.ProcessEnv }> {
  const node = await RunningNode.start(place, 'data', '--dns-query-log=100')
  const bin = join(place.directory, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'kadns'), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`)
  await chmod(join(bin, 'kadns'), 0o755)
  await writeFile(join(bin, 'npx'), '#!/bin/sh\nexec "$@"\n')
  await chmod(join(bin, 'npx'), 0o755)
  const settings = { KADNS_DATA: join(place.directory, 'data'), KADNS_API_LISTEN: node.api }
  return { node, env: { PATH: `${bin}:${process.env['PATH']}`, ...settings } }
}

/** Runs lines in one shell. Fails where one fails, and where a reply is an error. */
async function shell(script: string, place: Workplace, env: NodeJS.ProcessEnv): Promise<string> {
  const failing = `set -eu\ncurl() { command curl --silent --show-error --fail-with-body --max-time 20 "$@"; }\n${script}`
  const child = spawn('sh', ['-c', failing], { cwd: place.directory, env })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  assert.equal(code, 0, `${script}\n${stdout}\n${stderr}`)
  return stdout
}

test('every route has an example, and each does what it says', OPTIONS, async () => {
  await using place = await Workplace.open()
  const { node, env } = await open(place)
  const { paths } = await node.get<{ paths: Record<string, Record<string, object>> }>('/openapi.json')
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual([...EXAMPLES.keys()].sort(), routes.sort())
  const page = await (await fetch(`http://${node.api}/docs`)).text()
  const shown = page.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code))
  for (const [route, example] of EXAMPLES) {
    assert.ok(shown.includes(`<h2>${route}`) && shown.includes(`<pre>${example}</pre>`), route)
  }
  const lines = [
    'TOKEN=$(kadns token)',
    ...[...EXAMPLES].map(([route, line]) => `echo '## ${route}'\n${line}\necho`),
  ]
  const told = await shell(lines.join('\n').replaceAll('127.0.0.1:8053', node.api), place, env)
  const after = (route: string) => told.split(`## ${route}\n`)[1]?.split('\n## ')[0] ?? ''
  assert.match(after('GET /v1/zones/{key}'), /^www\t300\tIN\tA\t192\.0\.2\.9$/m)
  assert.match(after('GET /v1/resolve'), /"value":"192\.0\.2\.9"/)
  assert.match(after('GET /v1/lookups/{name}'), /"step":"done"/)
  assert.match(after('GET /v1/queries'), /"queries":\[/)
})

test('the lines of the README do what it says', OPTIONS, async () => {
  await using place = await Workplace.open()
  const { node, env } = await open(place)
  const blocks = Array.from(README.matchAll(/```sh\n([\s\S]*?)```/g), ([, block = '']) => block)
  const lines = blocks
    .filter((block) => /curl.*(?:localhost|127\.0\.0\.1):8053/.test(block))
    .map((block) => block.replace(/^(?:dig|npm|docker) .*$/gm, '').replaceAll(/localhost:8053/g, node.api))
  assert.ok(lines.length >= 3)
  const told = await shell(`${lines.join('\n')}\ncurl http://${node.api}/v1/zones/$KEY`, place, env)
  assert.match(told, /"name":"www","type":"A","value":"192\.0\.2\.1"/)
})
