/** Hosts files: what is read of them, and what a client is told of the names in them. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { formatName, type Name } from '../../src/dns/name.ts'
import { ListFault } from '../../src/resolver/fault.ts'
import { loadHosts } from '../../src/resolver/hosts.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

const TEXT = `# the house
127.0.0.1\tlocalhost localhost.localdomain
::1 localhost ip6-localhost
192.168.1.20 nas nas.home   # the loud one
192.168.1.20 music.home
fd00::20\tNAS.home
fe80::1%eth0 router.home\r
192.168.1.30\tprinter.home

`
const isOurs = (name: Name) => formatName(name).endsWith('.alt.')

async function load(text: string) {
  await using place = await temporaryDirectory()
  const file = join(place.path, 'hosts')
  await writeFile(file, text)
  const { records, skipped } = await loadHosts([file], isOurs)
  return { records, skipped: skipped.map((line) => line.slice(file.length + 1)) }
}

test('each name has its addresses, each address its first name; localhost is left to each machine', async () => {
  const { records, skipped } = await load(TEXT)
  assert.deepEqual(linesOf(records), [
    'localhost.localdomain. 60 A 127.0.0.1',
    'ip6-localhost. 60 AAAA ::1',
    'nas. 60 A 192.168.1.20',
    'nas.home. 60 A 192.168.1.20',
    '20.1.168.192.in-addr.arpa. 60 PTR nas.',
    'music.home. 60 A 192.168.1.20',
    '20.1.168.192.in-addr.arpa. 60 PTR music.home.',
    'nas.home. 60 AAAA fd00::20',
    `0.2.0.0.${'0.'.repeat(24)}0.0.d.f.ip6.arpa. 60 PTR nas.home.`,
    'router.home. 60 AAAA fe80::1',
    `1.0.0.0.${'0.'.repeat(24)}0.8.e.f.ip6.arpa. 60 PTR router.home.`,
    'printer.home. 60 A 192.168.1.30',
    '30.1.168.192.in-addr.arpa. 60 PTR printer.home.',
  ])
  assert.deepEqual(skipped, [])
})

test('lines that are none are left out, and told with their numbers; so are names of keys', async () => {
  const bad = [
    '192.168.1.1',
    'nas 192.168.1.1',
    '192.168.1 nas',
    '192.168.1.1 a..b',
    '10.0.0.1 x.alt',
    'x'.repeat(5000),
  ]
  const { records, skipped } = await load(`${bad.join('\n')}\n10.0.0.9 good\n`)
  assert.deepEqual(
    skipped,
    bad.map((_, at) => String(at + 1)),
  )
  assert.deepEqual(linesOf(records), ['good. 60 A 10.0.0.9', '9.0.0.10.in-addr.arpa. 60 PTR good.'])
})

test('files that cannot be read are told all at once, each in a sentence', async () => {
  await using place = await temporaryDirectory()
  const [directory, large] = [join(place.path, 'directory'), join(place.path, 'large')]
  await mkdir(directory)
  await writeFile(large, Buffer.alloc(4 * 2 ** 20 + 1, '#'))
  await assert.rejects(loadHosts([directory, large, join(place.path, 'none')], isOurs), (fault) => {
    assert.ok(fault instanceof ListFault)
    assert.deepEqual(
      fault.faults.map((sentence) => sentence.replace(place.path, '')),
      [
        'The hosts file /directory cannot be read: it is a directory, not a file.',
        'The hosts file /large cannot be read: it has 4194305 octets; 4194304 are allowed.',
        'The hosts file /none cannot be read: there is no such file.',
      ],
    )
    return true
  })
})

describe('a name in a hosts file', () => {
  const open = async (records: readonly string[] = []) =>
    await TestResolver.open({
      hosts: (await load(TEXT)).records,
      config: { records: records.map((line) => parseRecordLine(line)) },
      scripts: [{ 'other.home A': { answer: 'other.home. 60 IN A 192.0.2.1' } }],
    })

  test('is answered, by name and by address, and nobody is asked', async () => {
    await using resolver = await open()
    for (const [question, ...lines] of [
      ['nas.home A', 'nas.home. 60 A 192.168.1.20'],
      ['NAS AAAA'],
      ['nas.home AAAA', 'nas.home. 60 AAAA fd00::20'],
      ['nas.home MX'],
      ['30.1.168.192.in-addr.arpa PTR', '30.1.168.192.in-addr.arpa. 60 PTR printer.home.'],
    ] as const)
      assert.deepEqual(linesOf((await resolver.ask(question)).answers), lines, question)
    assert.deepEqual(resolver.upstream.asked, [])
  })

  test('beside others that are not: those are the ordinary DNS’s', async () => {
    await using resolver = await open()
    assert.equal((await resolver.ask('other.home A')).answers.length, 1)
    assert.deepEqual(resolver.upstream.questions, ['other.home A'])
  })

  test('that has records too is answered from those', async () => {
    await using resolver = await open(['nas.home 300 A 192.168.1.99'])
    assert.deepEqual(linesOf((await resolver.ask('nas.home A')).answers), ['nas.home. 300 A 192.168.1.99'])
    assert.deepEqual(linesOf((await resolver.ask('nas.home AAAA')).answers), [])
  })

  test('localhost is what it always is', async () => {
    await using resolver = await open()
    assert.deepEqual(linesOf((await resolver.ask('localhost A')).answers), ['localhost. 10800 A 127.0.0.1'])
  })
})
