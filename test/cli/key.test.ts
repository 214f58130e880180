/** `kadns key` and `kadns zone` as people use them: a zone made and changed, its key copied, lost, brought back and ended. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { formatWords, parseWords } from '../../src/cli/key-words.ts'
import { RefusedFault } from '../../src/cli/node-client.ts'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

class Home implements AsyncDisposable {
  readonly place: Workplace
  readonly node: RunningNode

  private constructor(place: Workplace, node: RunningNode) {
    this.place = place
    this.node = node
  }

  static async open(): Promise<Home> {
    const place = await Workplace.open()
    return new Home(place, await RunningNode.start(place, 'data'))
  }

  /** What a command prints; fails where it is refused. */
  async says(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.place.run(
      ...words,
      '--data=data',
      `--api-listen=${this.node.api}`,
    )
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
    return stdout
  }

  /** The sentences of one that is refused. */
  async refuses(code: number, ...words: string[]): Promise<string> {
    const told = await this.place.run(...words, '--data=data', `--api-listen=${this.node.api}`)
    assert.equal(told.code, code, `${words.join(' ')}: ${told.stdout}${told.stderr}`)
    assert.equal(told.stdout, '')
    return told.stderr
  }

  file(...parts: string[]): string {
    return join(this.place.directory, ...parts)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]()
  }
}

describe('kadns zone', () => {
  test('makes, lists, changes, shows, exports and imports', async () => {
    await using home = await Home.open()
    const key = (await home.says('zone', 'create')).trim()
    const short = key.slice(0, 8)
    await home.says('zone', 'set', short, 'www', 'A', '192.0.2.1', '192.0.2.2', '--ttl', '600')
    await home.says('zone', 'set', `${key}.kad.alt`, '@', 'MX', '10 mail')
    assert.equal(
      await home.says('zone', 'show', key),
      `www\t600\tA\t192.0.2.1\nwww\t600\tA\t192.0.2.2\n@\t300\tMX\t10 mail.${key}.\n`,
    )
    await home.says('zone', 'unset', short, '@', 'mx')
    await home.says('zone', 'export', short, '--out', 'out.zone')
    const text = await readFile(home.file('out.zone'), 'utf8')
    assert.match(text, /^www\t600\tIN\tA\t192\.0\.2\.2$/m)
    await writeFile(home.file('in.zone'), text.replaceAll('600', '60'))
    const { storedOn } = JSON.parse(await home.says('zone', 'import', short, 'in.zone', '--json'))
    assert.equal(storedOn, 0)
    assert.match(await home.says('zone', 'show', short), /^www\t60\tA\t192\.0\.2\.1\n/)
    assert.match(await home.says('zone', 'list'), new RegExp(`^${key}\\.kad\\.alt\tuntil .*\tno backup\n$`))
    assert.match(await home.says('zone', 'status', short), /^(waiting|publishing)\t0 node\(s\)/)
    await writeFile(home.file('new.zone'), '@ NS ns1.example.org.\nwww A 192.0.2.7\n')
    const made = JSON.parse(await home.says('zone', 'create', 'new.zone', '--json'))
    assert.match(made.left.join(), /^Line 1: /)
    assert.equal(await home.says('zone', 'show', made.key), 'www\t300\tA\t192.0.2.7\n')
  })

  test('refuses what cannot be, in sentences', async () => {
    await using home = await Home.open()
    const key = (await home.says('zone', 'create')).trim()
    assert.match(await home.refuses(1, 'zone', 'set', key, 'www', 'A', 'x'), /"x" is no IPv4 address/)
    assert.match(await home.refuses(1, 'zone', 'show', 'nobody'), /"nobody" is no key/)
    assert.match(await home.refuses(2, 'zone', 'set', key, 'www'), /kadns zone --help/)
    assert.match(await home.refuses(2, 'zone', 'paint'), /kadns zone takes create, list/)
    assert.match(
      await home.refuses(2, 'zone', 'set', key, 'www', 'A', '192.0.2.1', '--ttl', 'soon'),
      /--ttl takes seconds/,
    )
    assert.match(
      await home.refuses(1, 'zone', 'import', key, 'nowhere.zone'),
      /nowhere\.zone cannot be read: there is no such file/,
    )
    await writeFile(home.file('bad.zone'), 'www A 192.0.2.1\nwww B x\n')
    assert.match(
      await home.refuses(1, 'zone', 'import', key, 'bad.zone'),
      /Line 2, column 5: "B" is no record type/,
    )
  })
})

describe('kadns key', () => {
  test('a lost key is brought back from its backup into a running node, zone and all', async () => {
    await using home = await Home.open()
    const key = (await home.says('zone', 'create')).trim()
    await home.says('zone', 'set', key, 'www', 'A', '192.0.2.1')
    assert.match(await home.says('key', 'list'), /\tno backup\n$/)
    await home.says('key', 'backup', key.slice(0, 6), '--out', 'family.backup')
    assert.match(await home.says('key', 'list'), /\tbacked up \d{4}-\d\d-\d\d\n$/)
    assert.match(await home.says('zone', 'list'), /\tbacked up\n$/)
    await home.says('zone', 'forget', key)
    await rm(home.file('data', 'zones', 'forgotten'), { recursive: true })
    assert.equal(await home.says('zone', 'list'), '')
    assert.equal(await home.says('key', 'restore', 'family.backup'), `${key}\n`)
    assert.equal(await home.says('zone', 'show', key), 'www\t300\tA\t192.0.2.1\n')
    await home.says('zone', 'set', key, 'www', 'A', '192.0.2.9')
    assert.match(await home.refuses(1, 'key', 'restore', 'family.backup'), /has the key .* already/)
    assert.match(await home.refuses(1, 'key', 'backup', key, '--out', 'family.backup'), /never written over/)
  })

  test('a name is ended with its backup alone, though that is sealed and the passphrase forgotten', async () => {
    await using home = await Home.open()
    const key = (await home.says('zone', 'create')).trim()
    await writeFile(home.file('pass'), 'correct horse\n', { mode: 0o600 })
    await home.says('key', 'backup', key, '--out', './sealed.backup', '--passphrase-file', 'pass')
    assert.match(await home.refuses(2, 'key', 'revoke', './sealed.backup'), /nothing undoes it; say --yes/)
    assert.match(await home.says('key', 'revoke', './sealed.backup', '--yes'), /is revoked/)
    assert.match(await home.says('zone', 'list'), /\trevoked\t/)
    assert.match(await home.refuses(1, 'zone', 'set', key, 'www', 'A', '192.0.2.1'), /was revoked/)
  })

  test('what others can read is no place for a key', async () => {
    await using home = await Home.open()
    const key = (await home.says('zone', 'create')).trim()
    await writeFile(home.file('pass'), 'x\n', { mode: 0o644 })
    const told = await home.refuses(1, 'key', 'backup', key, '--passphrase-file', 'pass')
    assert.match(told, /open to others/)
  })
})

describe('24 words', () => {
  // The BIP 39 reference vectors (trezor/python-mnemonic, vectors.json).
  const VECTORS = [
    ['00', `${'abandon '.repeat(23)}art`],
    [
      '7f',
      `${'legal winner thank year wave sausage worth useful '
        .repeat(3)
        .trim()
        .replace(/useful$/, 'title')}`,
    ],
    ['ff', `${'zoo '.repeat(23)}vote`],
  ] as const
  for (const [octet, words] of VECTORS) {
    test(`of 32 octets 0x${octet} are those of the standard, and read back`, () => {
      const secret = Buffer.from(octet.repeat(32), 'hex')
      assert.equal(
        formatWords(secret)
          .match(/[a-z]+/g)
          ?.join(' '),
        words,
      )
      assert.deepEqual(Buffer.from(parseWords(formatWords(secret)).secret), secret)
      assert.deepEqual(Buffer.from(parseWords(words.toUpperCase()).secret), secret)
    })
  }

  const WRONG: readonly [what: string, words: string, sentence: RegExp][] = [
    ['a word of no list', `kadns ${'abandon '.repeat(22)}art`, /^Word 1, "kadns", is none/],
    ['one word too few', `${'abandon '.repeat(22)}art`, /has 24 words, and these are 23/],
    ['two words changed', `art ${'abandon '.repeat(23)}`, /do not fit each other/],
    ['nothing', '', /these are 0/],
  ]
  for (const [what, words, sentence] of WRONG) {
    test(`with ${what} are refused`, () =>
      assert.throws(
        () => parseWords(words),
        (fault) => fault instanceof RefusedFault && sentence.test(fault.message),
      ))
  }
})
