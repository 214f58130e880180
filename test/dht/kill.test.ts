import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import { openDirectory } from '../../src/dht/directory.ts'
import { publicKeyOf, SECRET_OCTETS } from '../../src/zone/signature.ts'
import { silentLogger, TEST_DHT_CONFIG, temporaryDirectory } from '../support/dht.ts'

test('a node killed in the middle of its work has, when opened again, every zone it acknowledged', async () => {
  await using directory = await temporaryDirectory()
  const script = fileURLToPath(new URL('publish-until-killed.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory.path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.split('\n').length > 50) break
  }
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  const [peerId, ...sequences] = said.split('\n').slice(0, -1)
  const needs = { path: directory.path, clock: systemClock, logger: silentLogger, config: TEST_DHT_CONFIG }
  await using opened = await openDirectory(needs)
  const key = publicKeyOf(Buffer.alloc(SECRET_OCTETS, 7))
  assert.equal(opened.peerId, peerId)
  const acknowledged = BigInt(sequences.at(-1)!)
  assert.ok((await opened.floorOf(key)) >= acknowledged)
  const lookup = await opened.find(key, { signal: new AbortController().signal })
  assert.ok(lookup.kind === 'found')
  assert.ok(lookup.zone.sequence >= acknowledged)
})
