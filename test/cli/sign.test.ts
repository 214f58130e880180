import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { formatRecordText } from '../../src/zone/records.ts'
import { contentOf, verifyZone } from '../../src/zone/signed-zone.ts'
import { Workplace } from './kadns.ts'

const ZONE = '$TTL 1h\n@ IN SOA ns. admin. ( 1 2 3 4 5 )\nwww A 192.0.2.7\n@ TXT "a; b"\n'

describe('kadns keygen', () => {
  test('makes a key file only its owner can read, says which key it is, and leaves nothing else behind', async () => {
    await using place = await Workplace.open()
    const { code, stdout } = await place.run('keygen', '--out=family.key', '--json')
    const { key, file } = JSON.parse(stdout)
    assert.deepEqual([code, file, key.length], [0, 'family.key', 52])
    assert.equal((await stat(join(place.directory, file))).mode & 0o777, 0o600)
    assert.match(await readFile(join(place.directory, file), 'latin1'), /^[0-9a-f]{64}\n$/)
    assert.deepEqual(await readdir(place.directory), ['family.key'])
    assert.ok(!stdout.includes((await readFile(join(place.directory, file), 'latin1')).trim()))
  })

  test('never writes over a file', async () => {
    await using place = await Workplace.open()
    await writeFile(join(place.directory, 'family.key'), 'precious')
    const { code, stderr } = await place.run('keygen', '--out=family.key')
    assert.equal(code, 1)
    assert.match(stderr, /never written over/)
    assert.equal(await readFile(join(place.directory, 'family.key'), 'utf8'), 'precious')
  })
})

describe('kadns sign', () => {
  async function withKey(zone: string | Uint8Array = ZONE): Promise<Workplace> {
    const place = await Workplace.open()
    await place.run('keygen', '--out=family.key')
    await writeFile(join(place.directory, 'family.zone'), zone)
    return place
  }

  test('makes a packet whose signature holds and whose records are those of the file', async () => {
    await using place = await withKey()
    const words = ['sign', 'family.zone', '--key=family.key', '--out=family.packet', '--json']
    const { code, stdout } = await place.run(...words)
    const zone = verifyZone(await readFile(join(place.directory, 'family.packet')))
    assert.deepEqual(
      [code, JSON.parse(stdout).key, JSON.parse(stdout).sequence],
      [0, zone.key.label, `${zone.sequence}`],
    )
    assert.deepEqual(
      contentOf(zone).map((record) => formatRecordText(record, zone.key)),
      [
        { name: 'www', type: 'A', ttl: 3600, value: '192.0.2.7' },
        { name: '@', type: 'TXT', ttl: 3600, value: '"a; b"' },
      ],
    )
  })

  test('refuses a key file that others can read, and says the remedy', async () => {
    await using place = await withKey()
    await chmod(join(place.directory, 'family.key'), 0o644)
    const { code, stderr } = await place.run('sign', 'family.zone', '--key=family.key')
    assert.equal(code, 1)
    assert.match(stderr, /chmod 600 family\.key/)
    assert.deepEqual((await readdir(place.directory)).sort(), ['family.key', 'family.zone'])
  })

  const faulty: [what: string, zone: string | Uint8Array, sentence: RegExp][] = [
    ['a value that is none', '\n\nwww A 192.0.2.300\n', /family\.zone: Line 3, column 7: /],
    ['a type that is none', 'www A 192.0.2.1\nwww NOTYPE x\n', /family\.zone: Line 2, column 5: "NOTYPE"/],
    [
      'a CNAME beside other data',
      'www A 192.0.2.1\nwww CNAME a.example.\n',
      /family\.zone: Line 2, column 1: /,
    ],
    ['octets that are not UTF-8', Buffer.from([0xff, 0xfe]), /not UTF-8/],
    ['more than is read', ';'.repeat(65_537), /longer than 65536 octets/],
    ['more than fits into a zone', `a TXT ${`"${'x'.repeat(250)}" `.repeat(5)}\n`, /996 fit/],
  ]
  for (const [what, zone, sentence] of faulty) {
    test(`refuses ${what} in a sentence, and signs nothing`, async () => {
      await using place = await withKey(zone)
      const { code, stderr } = await place.run('sign', 'family.zone', '--key=family.key')
      assert.equal(code, 1)
      assert.match(stderr, sentence)
      assert.deepEqual((await readdir(place.directory)).sort(), ['family.key', 'family.zone'])
    })
  }
})

describe('kadns sign --series', () => {
  const DAY = 86_400_000_000n
  const SIGN = ['sign', 'family.zone', '--key=family.key', '--out=family.series', '--every=14d']

  async function withSeries(count: number): Promise<Workplace> {
    const place = await Workplace.open()
    await place.run('keygen', '--out=family.key')
    await writeFile(join(place.directory, 'family.zone'), 'www A 192.0.2.7\n')
    assert.equal((await place.run(...SIGN, `--series=${count}`)).code, 0)
    return place
  }

  async function packetsOf(place: Workplace) {
    const files = (await readdir(join(place.directory, 'family.series'))).sort()
    return Promise.all(
      files.map(async (file) => verifyZone(await readFile(join(place.directory, 'family.series', file)))),
    )
  }

  test('makes a packet for each time, each living for thirty days from its own', async () => {
    await using place = await withSeries(3)
    const zones = await packetsOf(place)
    const [first = 0n] = zones.map(({ sequence }) => sequence)
    assert.deepEqual(
      zones.map(({ sequence }) => sequence - first),
      [0n, 14n * DAY, 28n * DAY],
    )
    for (const zone of zones) assert.equal(BigInt(zone.expires) - zone.sequence / 1000n, (30n * DAY) / 1000n)
  })

  test('again, all that still count are a microsecond later with what the file says now, and more follow', async () => {
    await using place = await withSeries(2)
    const before = await packetsOf(place)
    await writeFile(join(place.directory, 'family.zone'), 'www A 192.0.2.8\n')
    await place.run(...SIGN, '--series=4')
    const after = await packetsOf(place)
    const [first = 0n] = before.map(({ sequence }) => sequence)
    assert.deepEqual(
      after.map(({ sequence }) => sequence - first),
      [1n, 14n * DAY + 1n, 28n * DAY + 1n, 42n * DAY + 1n],
    )
    for (const zone of after) assert.equal(formatRecordText(contentOf(zone)[0]!, zone.key).value, '192.0.2.8')
  })

  const faulty: [what: string, flags: string[], code: number, sentence: RegExp][] = [
    ['no time between two', ['--series=3'], 2, /--every takes/],
    ['a time longer than a packet lives', ['--series=3', '--every=29d'], 2, /--every takes .* 1h to 28d/],
    ['a time that is none', ['--series=3', '--every=soon'], 2, /--every takes/],
    ['no number', ['--every=14d'], 2, /--series takes how many/],
    ['too many', ['--series=201', '--every=14d'], 2, /1 to 200/],
  ]
  for (const [what, flags, code, sentence] of faulty) {
    test(`refuses ${what} in a sentence, and signs nothing`, async () => {
      await using place = await Workplace.open()
      const reply = await place.run('sign', 'family.zone', '--key=family.key', ...flags)
      assert.equal(reply.code, code)
      assert.match(reply.stderr, sentence)
    })
  }

  test('refuses a directory of another key’s', async () => {
    await using place = await withSeries(2)
    await place.run('keygen', '--out=other.key')
    const words = ['sign', 'family.zone', '--key=other.key', '--out=family.series']
    const { code, stderr } = await place.run(...words, '--series=2', '--every=1d')
    assert.deepEqual([code, /is of another key/.test(stderr)], [1, true])
    assert.equal((await packetsOf(place)).length, 2)
  })

  test('a zone signed again into its file is newer, whatever the clock says', async () => {
    await using place = await withSeries(1)
    const file = join(place.directory, 'family.packet')
    const words = ['sign', 'family.zone', '--key=family.key', '--out=family.packet']
    await place.run(...words)
    const first = verifyZone(await readFile(file))
    await place.run(...words)
    assert.ok(verifyZone(await readFile(file)).sequence > first.sequence)
  })
})
