/** Block lists as a client sees them: what is on them is told to nobody outside, and nothing else is touched. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { fold, parseName } from '../../src/dns/name.ts'
import { loadLists } from '../../src/resolver/blocking/load.ts'
import { ListFault } from '../../src/resolver/fault.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { TestResolver, type TestResolverOptions } from '../support/test-resolver.ts'
import { ALICE, linesOf, zoneOf } from '../support/zones.ts'

const LIST = `# a household's list
0.0.0.0 ads.example
||tracker.example^
@@||good.tracker.example^
||both.example^
shop.example##.banner
`

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kadns-block-'))
})
after(async () => await rm(directory, { recursive: true }))

let files = 0
async function listFile(text: string | Buffer): Promise<string> {
  const file = join(directory, `list-${files++}`)
  await writeFile(file, text)
  return file
}

interface Wanted extends TestResolverOptions {
  readonly list?: string
  readonly allow?: readonly string[]
  readonly answer?: 'null' | 'nxdomain'
}

async function open({
  list = LIST,
  allow = [],
  answer = 'null',
  ...options
}: Wanted = {}): Promise<TestResolver> {
  const { rules } = await loadLists({
    lists: [await listFile(list)],
    allow: allow.map((name) => fold(parseName(name))),
  })
  return await TestResolver.open({ ...options, blocking: { rules, answer } })
}

const EDNS = { edns: {} }

describe('a blocked name', () => {
  const ANSWERS: readonly [question: string, ...answers: string[]][] = [
    ['ads.example A', 'ads.example. 60 A 0.0.0.0'],
    ['ADS.example AAAA', 'ADS.example. 60 AAAA ::'],
    ['tracker.example A', 'tracker.example. 60 A 0.0.0.0'],
    ['a.b.tracker.example A', 'a.b.tracker.example. 60 A 0.0.0.0'],
    ['ads.example HTTPS'],
    ['ads.example MX'],
    ['ads.example CNAME'],
  ]
  for (const [question, ...answers] of ANSWERS) {
    test(`${question}: the null address at most, EDE 15, and nobody is asked`, async () => {
      await using resolver = await open()
      const reply = await resolver.ask(question, EDNS)
      assert.equal(reply.rcode, Rcode.NoError)
      assert.deepEqual(linesOf(reply.answers), answers)
      assert.equal(reply.authority.length, answers.length === 0 ? 1 : 0)
      assert.equal(reply.edns?.error?.code, ExtendedError.Blocked)
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  test('does not exist, whatever type is asked, where that is wanted', async () => {
    await using resolver = await open({ answer: 'nxdomain' })
    for (const type of ['A', 'HTTPS', 'TXT']) {
      const reply = await resolver.ask(`ads.example ${type}`, EDNS)
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NxDomain, 0])
      assert.match(linesOf(reply.authority).join(), /^example\. 60 SOA /)
      assert.equal(reply.edns?.error?.code, ExtendedError.Blocked)
    }
    assert.deepEqual(resolver.upstream.asked, [])
  })

  test('behind an alias in an upstream answer is found', async () => {
    const answer = 'metrics.example 300 IN CNAME x.tracker.example\nx.tracker.example 300 IN A 192.0.2.1'
    await using resolver = await open({ scripts: [{ 'metrics.example A': { answer } }] })
    const reply = await resolver.ask('metrics.example A', EDNS)
    assert.deepEqual(linesOf(reply.answers), ['metrics.example. 60 A 0.0.0.0'])
    assert.equal(reply.edns?.error?.code, ExtendedError.Blocked)
  })

  test('that the owner has written records for is answered from them', async () => {
    const records = [parseRecordLine('ads.example 300 A 192.168.1.9')]
    await using resolver = await open({ config: { records } })
    assert.deepEqual(linesOf((await resolver.ask('ads.example A')).answers), [
      'ads.example. 300 A 192.168.1.9',
    ])
  })
})

describe('what is not blocked', () => {
  const NAMES = ['example', 'x.ads.example', 'xtracker.example', 'good.tracker.example', 'shop.example']
  for (const name of [...NAMES, 'x.good.tracker.example']) {
    test(`${name} is the ordinary DNS's`, async () => {
      const answer = `${name} 300 IN A 192.0.2.1`
      await using resolver = await open({ scripts: [{ [`${name} A`]: { answer } }] })
      const reply = await resolver.ask(`${name} A`)
      assert.deepEqual(linesOf(reply.answers), [`${name}. 300 A 192.0.2.1`])
    })
  }

  test('an allowed name is answered whatever lists say, whatever it is an alias of', async () => {
    const answer = 'both.example 300 IN CNAME x.tracker.example\nx.tracker.example 300 IN A 192.0.2.1'
    await using resolver = await open({
      allow: ['both.example'],
      scripts: [{ 'both.example A': { answer } }],
    })
    assert.equal((await resolver.ask('both.example A')).answers.length, 2)
  })
})

describe('a name that belongs to a key', () => {
  const NAME = `${publicKeyOf(ALICE).label}.kad.alt`
  const zones = [zoneOf('www 300 IN A 192.0.2.2\nads 300 IN CNAME ads.example.')]

  for (const line of ['||alt^', '||kad.alt^', `||${NAME}^`, `0.0.0.0 www.${NAME}`]) {
    test(`is answered, though a list says ${line.replace(NAME, '<key>.kad.alt')}`, async () => {
      await using resolver = await open({ list: line, zones })
      assert.deepEqual(linesOf((await resolver.ask(`www.${NAME} A`)).answers), [
        `www.${NAME}. 300 A 192.0.2.2`,
      ])
    })
  }

  test('is found behind an ordinary alias, whatever lists say', async () => {
    const answer = `blog.example 300 IN CNAME www.${NAME}`
    await using resolver = await open({
      list: '||alt^',
      zones,
      scripts: [{ 'blog.example A': { answer } }],
    })
    assert.equal((await resolver.ask('blog.example A')).answers.length, 2)
  })

  test('does not bring back what is blocked, by an alias', async () => {
    await using resolver = await open({ zones })
    assert.deepEqual(linesOf((await resolver.ask(`ads.${NAME} A`)).answers), [`ads.${NAME}. 60 A 0.0.0.0`])
    assert.deepEqual(resolver.upstream.asked, [])
  })
})

describe('reading lists', () => {
  const nothing = { allow: [] }

  test('names are counted for each list, and once in all; lines not understood are counted too', async () => {
    const lists = [await listFile(LIST), await listFile('ads.example\r\nnew.example')]
    const loaded = await loadLists({ ...nothing, lists })
    assert.deepEqual(
      loaded.lists.map(({ names, skipped }) => [names, skipped]),
      [
        [4, 1],
        [2, 0],
      ],
    )
    assert.equal(loaded.rules.size, 5)
  })

  test('every one of very many names is found, and no other', async () => {
    const names = Array.from({ length: 30_000 }, (_, at) => `host${at}.example`)
    const { rules } = await loadLists({ ...nothing, lists: [await listFile(names.join('\n'))] })
    assert.equal(rules.size, names.length)
    const judge = (name: string) => rules.judge(parseName(name))
    assert.ok(names.every((name) => judge(name) === 'blocked'))
    assert.ok(names.every((name) => judge(`x${name}`) === 'unknown' && judge(`x.${name}`) === 'unknown'))
  })

  test('the shortest lines there can be have room', async () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyz']
    const names = letters.flatMap((first) => letters.map((second) => `${first}.${second}`))
    const lists = [await listFile(names.join('\n')), await listFile(`0.0.0.0 ${names.join(' ')}`)]
    assert.equal((await loadLists({ ...nothing, lists })).rules.size, names.length)
  })

  test('octets that are no list, and a line without an end, block nothing', async () => {
    const noise = Buffer.from(Array.from({ length: 200_000 }, (_, at) => 128 + (at % 100)))
    const { rules, lists } = await loadLists({
      ...nothing,
      lists: [await listFile(noise), await listFile('')],
    })
    assert.deepEqual([rules.size, lists[0]?.names, lists[1]?.skipped], [0, 0, 0])
  })

  test('all lists that cannot be read are told at once, each with its reason', async () => {
    const missing = join(directory, 'missing')
    const folder = join(directory, 'folder')
    await mkdir(folder)
    const lists = [missing, await listFile(LIST), folder]
    await assert.rejects(loadLists({ ...nothing, lists }), (fault) => {
      assert.ok(fault instanceof ListFault)
      assert.deepEqual(fault.faults, [
        `The block list ${missing} cannot be read: there is no such file.`,
        `The block list ${folder} cannot be read: it is not a file.`,
      ])
      return true
    })
  })
})
