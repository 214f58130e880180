import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import { Key } from 'interface-datastore'
import { type Clock, systemClock } from '../../src/clock.ts'
import { openDirectory } from '../../src/dht/directory.ts'
import { loadEntryPoints } from '../../src/dht/entry-points.ts'
import { silentLogger, TEST_DHT_CONFIG, temporaryDirectory } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function setUp(max = 4) {
  const clock = new ManualClock()
  const datastore = new MemoryDatastore()
  const load = async () => await loadEntryPoints({ datastore, clock, max })
  return { clock, datastore, load }
}

const at = (host: string) => multiaddr(`/ip4/${host}/tcp/4001`)

test('who was up longest is remembered across restarts, a night and a week, and forgotten after a month', async () => {
  const { clock, load } = setUp()
  const before = await load()
  await before.heard('old', at('20.1.0.1'))
  clock.advance(HOUR)
  await before.heard('young', at('20.2.0.1'))
  await before.heard('old', at('20.1.0.1'))
  for (const off of [8 * HOUR, 7 * DAY, 22 * DAY]) {
    clock.advance(off)
    const after = await load()
    assert.deepEqual(after.addresses().map(String), [String(at('20.1.0.1')), String(at('20.2.0.1'))])
  }
  clock.advance(DAY)
  assert.deepEqual((await load()).addresses(), [])
})

test('so many are kept, of one IP group two, as long as there are others', async () => {
  const { clock, load } = setUp(4)
  const points = await load()
  for (const host of ['20.1.0.1', '20.1.0.2', '20.1.0.3', '20.1.0.4', '20.2.0.1', '20.3.0.1', '20.4.0.1']) {
    await points.heard(host, at(host))
    clock.advance(1000)
  }
  const hosts = (await load()).addresses().map((address) => String(address).split('/')[2])
  assert.deepEqual(hosts, ['20.1.0.1', '20.1.0.2', '20.2.0.1', '20.3.0.1'])
})

test('who was lost begins anew', async () => {
  const { clock, load } = setUp()
  const points = await load()
  await points.heard('first', at('20.1.0.1'))
  clock.advance(1000)
  await points.heard('second', at('20.2.0.1'))
  await points.lost('first')
  await points.heard('first', at('20.1.0.1'))
  assert.deepEqual((await load()).addresses().map(String), [String(at('20.2.0.1')), String(at('20.1.0.1'))])
})

test('what cannot be read on disk is as good as none', async () => {
  for (const text of [
    '',
    '{',
    '7',
    '[{"peer":"a","address":"nowhere","since":1,"heard":1}]',
    ' '.repeat(1e6),
  ]) {
    const { datastore, load } = setUp()
    await datastore.put(new Key('/entry-points'), Buffer.from(text))
    assert.deepEqual((await load()).addresses(), [])
  }
})

test('a node that was off comes back by the peers it remembers, when who it joined by and nine of ten are gone', async () => {
  await using opened = new AsyncDisposableStack()
  const place = async () => opened.use(await temporaryDirectory()).path
  const open = async (path: string, bootstrap: readonly string[], clock: Clock = systemClock) => {
    const checkInterval = clock === systemClock ? TEST_DHT_CONFIG.checkInterval : CHECK
    const config = { ...TEST_DHT_CONFIG, checkInterval, bootstrap }
    const node = await openDirectory({ path, config, clock, logger: silentLogger })
    const close = async () => await node[Symbol.asyncDispose]()
    opened.defer(close)
    return { node, close }
  }
  const first = await open(await place(), [])
  const bootstrap = first.node.addresses()
  const nine = [] as (typeof first)[]
  while (nine.length < 9) nine.push(await open(await place(), bootstrap))
  const last = await open(await place(), bootstrap)
  const home = await place()
  const { clock, checks } = countChecks()
  const sleeper = await open(home, bootstrap, clock)
  await until(() => sleeper.node.peerCount() === 11)
  const before = checks()
  await until(() => checks() > before + 30)
  await sleeper.close()
  for (const { close } of [first, ...nine]) await close()
  assert.equal(await forgetAllButEntryPoints(home), 11)
  const back = await open(home, bootstrap)
  await until(() => back.node.peerCount() > 0 && last.node.peerCount() > 0)
})

/** Milliseconds; nothing else waits for so long. */
const CHECK = 23

/** The system's clock, and how many checks of a peer were awaited by it. */
function countChecks() {
  let count = 0
  const after = (milliseconds: number, run: () => void) => {
    if (milliseconds === CHECK) count++
    return systemClock.after(milliseconds, run)
  }
  return { clock: { ...systemClock, after }, checks: () => count }
}

/** Takes away what libp2p knows of peers, by which kad-dht might find them too. @returns how many entry points there are */
async function forgetAllButEntryPoints(path: string): Promise<number> {
  const datastore = new LevelDatastore(path)
  await datastore.open()
  for await (const key of datastore.queryKeys({ prefix: '/peers' })) await datastore.delete(key)
  const points = await loadEntryPoints({ datastore, clock: systemClock, max: TEST_DHT_CONFIG.maxEntryPoints })
  await datastore.close()
  return points.addresses().length
}
