/** Machines of a home, with real mDNS: they find each other with nothing set. A command of its own, `npm run lan`: it needs root. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { OwnZones } from '../../src/publisher/own-zones.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { type Machine, Wire } from '../support/machines.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const ROUTER = '192.168.77.254'

interface Node {
  peerId: string
  addresses: string[]
  peers: number
  local?: { peerId: string; addresses: string[]; peers: number }
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}

/** Signed for the local network only: what REST does not do yet. It is put as soon as a node is met. */
async function ownZone(data: string): Promise<TestOwner> {
  const owner = new TestOwner()
  const files = new OwnZones(join(data, 'zones'))
  await files.readKeys()
  await files.writeKey(owner)
  await files.writeZone(owner.sign('only at home', { soa: { scope: 'lan' } }))
  return owner
}

async function publish(machine: Machine): Promise<string> {
  const { key, name } = await machine.rest<{ key: string; name: string }>('POST', '/v1/zones')
  const records = [{ name: 'www', type: 'AAAA', ttl: 300, value: '2001:db8::1' }]
  const { storedOn } = await machine.rest<{ storedOn: number }>('PUT', `/v1/zones/${key}/records`, {
    records,
  })
  say(`A publishes ${name}: stored on ${storedOn} other.`)
  assert.equal(storedOn, 1)
  return name
}

async function memoryOf(machine: Machine): Promise<number> {
  return Math.round((await machine.memory()) / 2 ** 20)
}

async function home(): Promise<void> {
  await using files = await temporaryDirectory()
  await using wire = await Wire.open()
  const a = await wire.machine('192.168.77.1/24', ROUTER)
  const b = await wire.machine('192.168.77.2/24', ROUTER)
  const atHome = await ownZone(join(files.path, 'a'))
  await a.start(join(files.path, 'a'))
  await b.start(join(files.path, 'b'))
  const began = performance.now()
  await until(async () => ((await a.rest<Node>('GET', '/v1/node')).local?.peers ?? 0) === 1, 60_000)
  await until(async () => ((await b.rest<Node>('GET', '/v1/node')).local?.peers ?? 0) === 1, 60_000)
  say(`A and B found each other in ${((performance.now() - began) / 1000).toFixed(1)} s, with nothing set.`)

  const name = await publish(a)
  assert.equal(await b.dig(`www.${name}`, 'AAAA'), '2001:db8::1')
  say(`dig at B: www.${name} AAAA 2001:db8::1`)
  const { label } = atHome.key
  await until(async () => (await b.dig(`${label}.kad.alt`, 'TXT')) === '"only at home"', 30_000)
  say(`dig at B: ${label}.kad.alt TXT "only at home", of scope lan.`)

  const node = await a.rest<Node>('GET', '/v1/node')
  const wide = node.addresses.find((address) => address.includes('192.168.77.1')) ?? ''
  const c = await wire.machine('192.168.77.3/24', ROUTER)
  await c.start(join(files.path, 'c'), '--dht-local', 'off', '--dht-bootstrap', wide)
  await until(async () => (await c.rest<Node>('GET', '/v1/node')).peers === 1, 60_000)
  assert.equal(await c.dig(`www.${name}`, 'AAAA'), '2001:db8::1')
  assert.equal(await c.status(`${label}.kad.alt`, 'TXT'), 'SERVFAIL')
  say('C, a peer of the wide area only, is given the first by A, and the one of scope lan not.')

  assert.notEqual(node.local?.peerId, node.peerId)
  await a.stop()
  assert.equal(await b.dig(`${label}.kad.alt`, 'TXT'), '"only at home"')
  say('A is off; B still answers.')
  await a.start(join(files.path, 'a'))
  await until(async () => ((await a.rest<Node>('GET', '/v1/node')).local?.peers ?? 0) === 1, 60_000)
  const again = await a.rest<Node>('GET', '/v1/node')
  assert.deepEqual([again.peerId, again.local?.peerId], [node.peerId, node.local?.peerId])
  say('A is back, under the same two identities, and has found B again.')
  say(
    `Memory: B ${await memoryOf(b)} MB with both networks, C ${await memoryOf(c)} MB with the wide area only.`,
  )
}

await home()
