/** What needs no node: help, usage, settings, and how they fail. */
import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SETTINGS } from '../../src/setting-names.ts'
import { Workplace } from './kadns.ts'

describe('help', () => {
  for (const words of [[], ['help'], ['--help'], ['-h'], ['help', '--json']]) {
    test(`kadns ${words.join(' ')} names every command`, async () => {
      await using place = await Workplace.open()
      const { code, stdout, stderr } = await place.run(...words)
      assert.deepEqual([code, stderr], [0, ''])
      for (const command of ['up', 'token', 'resolve NAME', 'keygen', 'sign ZONEFILE', 'testnet N']) {
        assert.match(stdout, new RegExp(`^ {2}kadns ${command}`, 'm'))
      }
    })
  }

  test('kadns up --help lists every setting with its default, and an example, whatever the environment says', async () => {
    await using place = await Workplace.open()
    const { code, stdout } = await place.run('up', '--help')
    assert.equal(code, 0)
    assert.match(stdout, /^For example: +kadns up /m)
    for (const { flag, environment } of SETTINGS) assert.ok(stdout.includes(`--${flag}  (${environment})`))
    assert.match(stdout, /Default: 127\.0\.0\.1:5300/)
  })

  for (const command of ['token', 'resolve', 'keygen', 'sign', 'testnet']) {
    test(`kadns ${command} --help has an example, and so has kadns help ${command}`, async () => {
      await using place = await Workplace.open()
      const { code, stdout } = await place.run(command, '--help')
      assert.equal(code, 0)
      assert.match(stdout, /^For example: /m)
      assert.match(stdout, /--json/)
      assert.deepEqual(await place.run('help', command), { code: 0, stdout, stderr: '' })
    })
  }

  test('kadns --version says which, and on what', async () => {
    await using place = await Workplace.open()
    const { code, stdout } = await place.run('--version')
    assert.equal(code, 0)
    assert.match(stdout, /^kadns \d+\.\d+\.\d+ on Node \d+/)
  })
})

describe('wrong usage', () => {
  for (const words of [
    ['dance'],
    ['up', 'and', 'away'],
    ['up', '--dance', 'tango'],
    ['up', '--dns-listen'],
    ['up', '--dns-listen', 'here'],
    ['up', '--config', 'missing.toml'],
    ['up', '--config', ''],
    ['up', '--data', '--json'],
    ['token', '--data', '--help'],
    ['help', 'dance'],
    ['resolve'],
    ['resolve', 'a', 'A', 'more'],
    ['token', 'please'],
    ['testnet'],
    ['testnet', '0'],
    ['testnet', '101'],
    ['testnet', '2', '--data', 'mine'],
  ]) {
    test(`kadns ${words.join(' ')} is one sentence and exit code 2`, async () => {
      await using place = await Workplace.open()
      const { code, stdout, stderr } = await place.run(...words)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, /^kadns: .+\.\n$/)
    })
  }

  test('every fault in the settings is a line', async () => {
    await using place = await Workplace.open()
    await writeFile(join(place.directory, 'bad.toml'), 'colour = 1\n[dns]\nmax_ttl = "x"\n')
    const { code, stderr } = await place.run('up', '--config', 'bad.toml', '--api-listen', 'x')
    assert.equal(code, 2)
    assert.deepEqual(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[1]),
      ['colour', 'dns.max_ttl', '--api-listen'],
    )
  })
})

describe('kadns token', () => {
  test('prints the token of the data directory, and warns of a setting that is none', async () => {
    await using place = await Workplace.open()
    await mkdir(join(place.directory, 'data'))
    await writeFile(join(place.directory, 'data', 'api-token'), `${'A'.repeat(43)}\n`, { mode: 0o600 })
    const { ended } = place.spawn(process.execPath, [mainFile, 'token'], {
      KADNS_DATA: 'data',
      KADNS_DAAT: 'x',
    })
    const { code, stdout, stderr } = await ended
    assert.deepEqual([code, stdout], [0, `${'A'.repeat(43)}\n`])
    assert.match(stderr, /^kadns: .*KADNS_DAAT .*ignored\.\n$/)
  })

  test('without a token says what makes one, with exit code 1', async () => {
    await using place = await Workplace.open()
    const { code, stdout, stderr } = await place.run('token', '--data', 'nowhere')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /nowhere.*kadns up/)
  })
})

for (const [what, text, mode, words] of [
  ['is damaged', 'A', 0o600, /is damaged/],
  ['others can read', `${'A'.repeat(43)}\n`, 0o644, /chmod 600/],
] as const) {
  test(`kadns token does not print a token that ${what}: the node would not take it either`, async () => {
    await using place = await Workplace.open()
    await writeFile(join(place.directory, 'api-token'), text)
    await chmod(join(place.directory, 'api-token'), mode)
    const { code, stdout, stderr } = await place.run('token', '--data', '.')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^kadns: .+\.\n$/)
    assert.match(stderr, words)
  })
}

const mainFile = join(import.meta.dirname, '../../src/cli/main.ts')

describe('kadns resolve without a node of ours', () => {
  const NO_RECORDS = '{"rcode":"NOERROR","from":"zone","answers":[null]}'
  const NO_TEXT = '{"detail":5}'

  /** A server on a free port, and where it is. */
  async function serve(
    body: string,
    status = 200,
  ): Promise<AsyncDisposable & { host: string; server: Server }> {
    const server = createServer((_, response) => response.writeHead(status).end(body))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { server, host: `127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => void server.close() }
  }

  test('says that none is reached, with exit code 3', async () => {
    await using place = await Workplace.open()
    const { host, server } = await serve('')
    await new Promise((resolve) => server.close(resolve))
    const { code, stdout, stderr } = await place.run('resolve', 'a.example', '--api-listen', host)
    assert.deepEqual([code, stdout], [3, ''])
    assert.match(stderr, new RegExp(`^kadns: .*${host}.*kadns up.*\\n$`))
  })

  test('says that something else is there, with exit code 3', async () => {
    await using place = await Workplace.open()
    await using other = await serve('<html>')
    const { code, stderr } = await place.run('resolve', 'a.example', '--api-listen', other.host)
    assert.equal(code, 3)
    assert.match(stderr, /something else/)
  })

  for (const body of [
    'null',
    '[]',
    '"text"',
    '{}',
    '{"rcode":"NOERROR","from":"zone"}',
    NO_RECORDS,
    NO_TEXT,
  ]) {
    for (const status of [200, 400, 500]) {
      test(`says so of a server that answers ${status} with ${body}, with exit code 3`, async () => {
        await using place = await Workplace.open()
        await using other = await serve(body, status)
        const { code, stdout, stderr } = await place.run('resolve', 'a.example', '--api-listen', other.host)
        assert.deepEqual([code, stdout], [3, ''])
        assert.match(stderr, /^kadns: .*something else.*\n$/)
      })
    }
  }
})

describe('bin/kadns.js', () => {
  const bin = join(import.meta.dirname, '../../bin/kadns.js')

  test('is the same command', async () => {
    await using place = await Workplace.open()
    const { code, stdout } = await place.spawn(process.execPath, [bin, '--version']).ended
    assert.equal(code, 0)
    assert.match(stdout, /^kadns /)
    const wrong = await place.spawn(process.execPath, [bin, 'dance']).ended
    assert.equal(wrong.code, 2)
  })

  test('keeps what it compiled: in the package, or where NODE_COMPILE_CACHE says', async () => {
    await using place = await Workplace.open()
    const own = join(import.meta.dirname, '../../node_modules/.cache/kadns')
    for (const [directory, environment] of [
      [own, {}],
      [join(place.directory, 'compiled'), { NODE_COMPILE_CACHE: join(place.directory, 'compiled') }],
    ] as const) {
      assert.equal((await place.spawn(process.execPath, [bin, '--version'], environment).ended).code, 0)
      assert.ok((await readdir(directory)).length > 0)
    }
  })

  test('has nothing in it that an old Node could not read', async () => {
    await using place = await Workplace.open()
    const { code, stderr } = await place.spawn(process.execPath, ['--check', bin]).ended
    assert.equal(code, 0, stderr)
  })
})
