/** Paths and files a node cannot start with: one sentence each, which the command turns into exit code 2. */
import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { startNode } from '../../src/cli/up.ts'
import { UsageFault } from '../../src/cli/usage.ts'
import { loadConfig } from '../../src/config.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { secretOf } from '../support/zones.ts'
import { Workplace } from './kadns.ts'

const FLAGS = {
  'dns-listen': '127.0.0.1:0',
  'api-listen': '127.0.0.1:0',
  'dht-listen': '/ip4/127.0.0.1/tcp/0',
  'upstream-servers': '',
  'log-level': 'silent',
}

let place: Awaited<ReturnType<typeof temporaryDirectory>>
/** Its data directory, which is not there yet. */
let data = ''
beforeEach(async () => {
  place = await temporaryDirectory()
  data = join(place.path, 'data')
})
afterEach(async () => await place[Symbol.asyncDispose]())

async function start(flags: Readonly<Record<string, string>> = {}) {
  return await startNode(loadConfig({ flags: { ...FLAGS, data, ...flags }, environment: {} }).config)
}

/** Starts a node, which ends again, so that everything it makes is there. */
async function runOnce(): Promise<void> {
  await using _node = await start()
}

/** The faults of a node that does not start, each a sentence. */
async function faultsOf(flags: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  try {
    await using _node = await start(flags)
  } catch (fault) {
    assert.ok(fault instanceof UsageFault, String(fault))
    for (const sentence of fault.faults) assert.match(sentence, /^[^\n]+\.$/)
    return fault.faults
  }
  assert.fail('It started.')
}

/** Fails unless one sentence names the path and says this of it. */
async function assertRefused(path: string, words: RegExp): Promise<void> {
  const [fault = '', ...more] = await faultsOf()
  assert.deepEqual(more, [])
  assert.ok(fault.includes(path), fault)
  assert.match(fault, words)
}

const { label } = publicKeyOf(secretOf(1))
const SECRET = `${Buffer.from(secretOf(1)).toString('hex')}\n`

/** A file of the keys directory, in a data directory that has nothing else. */
async function inKeys(file: string): Promise<string> {
  await mkdir(join(data, 'zones'), { recursive: true })
  return join(data, 'zones', file)
}

describe('a data directory', () => {
  test('that is a file is refused', async () => {
    await writeFile(data, '')
    await assertRefused(data, /not a directory/)
  })

  test('below a file is refused', async () => {
    await writeFile(data, '')
    data = join(data, 'deeper')
    await assertRefused(data, /not a directory/)
  })

  test('that is a file ends the command with exit code 2', async () => {
    await using workplace = await Workplace.open()
    await writeFile(join(workplace.directory, 'file'), '')
    const words = Object.entries(FLAGS).map(([flag, value]) => `--${flag}=${value}`)
    const { code, stdout, stderr } = await workplace.run('up', '--data=file', ...words)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^kadns: .*file.* is a file, not a directory\.\n$/)
  })

  for (const part of ['zones', 'dht']) {
    test(`whose ${part}/ is a file is refused`, async () => {
      await mkdir(data)
      await writeFile(join(data, part), '')
      await assertRefused(join(data, part), /not a directory/)
    })
  }
})

describe('a token file', () => {
  test('that is a directory is refused', async () => {
    await mkdir(join(data, 'api-token'), { recursive: true, mode: 0o700 })
    await assertRefused(join(data, 'api-token'), /is no file/)
  })

  test('that is damaged is refused', async () => {
    await mkdir(data)
    await writeFile(join(data, 'api-token'), 'A', { mode: 0o600 })
    await assertRefused(join(data, 'api-token'), /is damaged; delete it/)
  })

  test('that others can read is refused', async () => {
    await runOnce()
    await chmod(join(data, 'api-token'), 0o644)
    await assertRefused(join(data, 'api-token'), /chmod 600/)
  })

  test('that is a link is refused', async () => {
    await mkdir(data)
    await symlink('elsewhere', join(data, 'api-token'))
    await assertRefused(join(data, 'api-token'), /link/)
  })
})

describe('a file of the keys', () => {
  test('that is damaged is refused', async () => {
    const file = await inKeys(`${label}.key`)
    await writeFile(file, SECRET.slice(1))
    await assertRefused(file, /is damaged/)
  })

  test('that holds another key than its name says is refused', async () => {
    const file = await inKeys(`${publicKeyOf(secretOf(2)).label}.key`)
    await writeFile(file, SECRET)
    await assertRefused(file, /another zone/)
  })

  test('that is a directory is refused', async () => {
    const file = await inKeys(`${label}.key`)
    await mkdir(file)
    await assertRefused(file, /it is a directory, not a file/)
  })

  test('whose zone is damaged is refused', async () => {
    await writeFile(await inKeys(`${label}.key`), SECRET)
    const file = await inKeys(`${label}.zone`)
    await writeFile(file, 'x'.repeat(300))
    await assertRefused(file, /is damaged/)
  })

  test('whose zone is a directory is refused', async () => {
    await writeFile(await inKeys(`${label}.key`), SECRET)
    const file = await inKeys(`${label}.zone`)
    await mkdir(file)
    await assertRefused(file, /it is a directory, not a file/)
  })
})

describe('the store of the DHT', () => {
  /** Writes rubbish over the files of a store that was in use. */
  async function damage(pattern: RegExp): Promise<void> {
    const files = (await readdir(join(data, 'dht'))).filter((file) => pattern.test(file))
    assert.ok(files.length > 0)
    for (const file of files) await writeFile(join(data, 'dht', file), 'rubbish '.repeat(100))
  }

  for (const [what, files] of [
    ['list of files', /^MANIFEST/],
    ['pointer', /^CURRENT$/],
  ] as const) {
    test(`whose ${what} is damaged is said to be so, and not that another node uses it`, async () => {
      await runOnce()
      await damage(files)
      const [fault = '', ...more] = await faultsOf()
      assert.deepEqual(more, [])
      assert.ok(fault.includes(join(data, 'dht')), fault)
      assert.match(fault, /damaged/)
      assert.doesNotMatch(fault, /another node/)
    })
  }

  test('whose tables are damaged is said to be so', async () => {
    await runOnce()
    await runOnce() // what the first wrote is in a table now
    await damage(/\.ldb$/)
    await assertRefused(join(data, 'dht'), /damaged/)
  })

  test('that lost its pointer to the list of files is said to be damaged', async () => {
    await runOnce()
    for (const file of await readdir(join(data, 'dht')))
      if (file.startsWith('MANIFEST')) await rm(join(data, 'dht', file))
    await assertRefused(join(data, 'dht'), /damaged/)
  })

  test('of another node is said to be in use', async () => {
    await using _other = await start()
    await assertRefused(join(data, 'dht'), /another node/)
  })
})

describe('a port that the settings name twice', () => {
  /** One that nobody has: taken, and given back. */
  async function freePort(): Promise<number> {
    await using node = await start()
    return Number(node.api.split(':').at(-1))
  }

  for (const [what, flags, words] of [
    ['in dns.listen', (port) => ({ 'dns-listen': `127.0.0.1:${port},127.0.0.1:${port}` }), /for DNS\./],
    [
      'for REST and libp2p',
      (port) => ({ 'api-listen': `127.0.0.1:${port}`, 'dht-listen': `/ip4/127.0.0.1/tcp/${port}` }),
      /for REST and libp2p\./,
    ],
    [
      'for DNS everywhere and REST somewhere',
      (port) => ({ 'dns-listen': `0.0.0.0:${port}`, 'api-listen': `127.0.0.1:${port}` }),
      /for DNS and REST\./,
    ],
  ] satisfies [string, (port: number) => Record<string, string>, RegExp][]) {
    test(`${what} is said to be so, once, and no other program is blamed`, async () => {
      const port = await freePort()
      const [fault = '', ...more] = await faultsOf(flags(port))
      assert.deepEqual(more, [])
      assert.match(fault, new RegExp(`127\\.0\\.0\\.1:${port} is named twice`))
      assert.match(fault, words)
    })
  }
})

test('free ports may be asked for more than once', async () => {
  await using node = await start({ 'dns-listen': '127.0.0.1:0,127.0.0.1:0' })
  assert.equal(new Set(node.dns).size, 2)
})

describe('records for names of the house', () => {
  test('cannot be for a name of a key, nor under the suffix', async () => {
    for (const name of [`www.${label}.kad.alt.`, 'www.kad.alt.', `${label}.`]) {
      const [fault = '', ...more] = await faultsOf({ 'dns-records': `${name} 300 A 192.0.2.1` })
      assert.deepEqual(more, [])
      assert.ok(fault.startsWith(`dns.records cannot have ${name}`), fault)
    }
  })
})

test('names of keys, and those under the suffix, have no upstream servers of their own', async () => {
  const domains = `/${label}/192.0.2.1,/home.example/192.0.2.1,/deep.home.example/192.0.2.1`
  const ending = ': such names are answered from signed zones alone.'
  assert.deepEqual(await faultsOf({ 'upstream-domains': domains, 'names-suffix': 'home.example' }), [
    `upstream.domains cannot have ${label}.${ending}`,
    `upstream.domains cannot have home.example.${ending}`,
    `upstream.domains cannot have deep.home.example.${ending}`,
  ])
})

test('block lists that cannot be read are told by their names', async () => {
  const faults = await faultsOf({ 'block-lists': '/nowhere/ads.txt,/nowhere/more.txt' })
  assert.deepEqual(faults, [
    'The block list /nowhere/ads.txt cannot be read: there is no such file.',
    'The block list /nowhere/more.txt cannot be read: there is no such file.',
  ])
})
