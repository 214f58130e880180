/** Zones signed elsewhere: each is published on its day, by a node that has no key of theirs. */
import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { openPackets, type Packets } from '../../src/publisher/packets.ts'
import { type SignedZone, signRevocation } from '../../src/zone/signed-zone.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryDirectory } from '../support/memory-directory.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

class Place implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly directory = new MemoryDirectory()
  readonly published: SignedZone[] = []
  readonly logged: { msg: string; left?: number }[] = []
  readonly owner = new TestOwner(() => this.clock.now())
  readonly #opened = new AsyncDisposableStack()
  #data = ''

  static async make(): Promise<Place> {
    const place = new Place()
    place.#data = place.#opened.use(await temporaryDirectory()).path
    const publish = place.directory.publish.bind(place.directory)
    place.directory.clock = place.clock
    place.directory.storedOn = 20
    place.directory.publish = async (zone) => {
      place.published.push(zone)
      return await publish(zone)
    }
    return place
  }

  async open(): Promise<Packets> {
    return this.#opened.use(
      await openPackets({
        clock: this.clock,
        directory: this.directory,
        dataDirectory: this.#data,
        config: { republishInterval: 21_600, maxPackets: 100 },
        logger: pino({ level: 'warn' }, { write: (line) => void this.logged.push(JSON.parse(line)) }),
      }),
    )
  }

  /** Signed to be published so many milliseconds from now. */
  signed(ahead: number, text = ''): SignedZone {
    return this.owner.sign(text, { behind: -ahead, soa: { expire: 30 * 86_400 } })
  }

  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= HOUR / 2) {
      this.clock.advance(HOUR / 2)
      await this.clock.settle()
    }
  }

  async files(): Promise<string[]> {
    return (await readdir(join(this.#data, 'packets'))).sort()
  }

  async damage(file: string): Promise<void> {
    await writeFile(join(this.#data, 'packets', file), 'no packet')
  }

  [Symbol.asyncDispose]() {
    return this.#opened.disposeAsync()
  }
}

test('one that is due is published at once, and again every few hours', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  const zone = place.signed(0)
  assert.deepEqual(await packets.take(zone), { storedOn: 20, due: undefined })
  assert.deepEqual(place.published, [zone])
  await place.pass(5 * HOUR)
  assert.equal(place.published.length, 1)
  await place.pass(2 * HOUR)
  assert.equal(place.published.length, 2)
})

test('each of a series is published on its day, over a restart too, and the one before it goes', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  const series = [0, 14, 28].map((days) => place.signed(days * DAY, `${days}`))
  for (const zone of series) await packets.take(zone)
  assert.deepEqual(place.published, series.slice(0, 1))
  await packets[Symbol.asyncDispose]()
  const later = await place.open()
  await place.pass(14 * DAY + HOUR)
  await until(() => place.published.some((zone) => zone.sequence === series[1]!.sequence))
  assert.deepEqual(
    later.list().map(({ current, next }) => [current?.sequence, next.map(({ sequence }) => sequence)]),
    [[series[1]!.sequence, [series[2]!.sequence]]],
  )
  assert.equal((await place.files()).length, 2)
})

test('with three left the log says so, and at each after that', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  for (const days of [0, 1, 2, 3, 4, 5]) await packets.take(place.signed(days * DAY))
  const told = () => place.logged.filter(({ msg }) => msg.includes('few packets')).map(({ left }) => left)
  await place.pass(DAY + HOUR)
  assert.deepEqual(told(), [])
  for (const [days, expected] of [
    [1, [3]],
    [3, [3, 2, 1, 0]],
  ] as const) {
    await place.pass(days * DAY)
    await until(() => told().length === expected.length)
    assert.deepEqual(told(), expected)
  }
})

test('one that is a microsecond later takes the place of the one before it', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  const [now, later] = [place.signed(0, 'a'), place.signed(DAY, 'a')]
  await packets.take(now)
  await packets.take(later)
  const changed = [place.owner.signAt(now.sequence + 1n, 'b'), place.owner.signAt(later.sequence + 1n, 'b')]
  for (const zone of changed) await packets.take(zone)
  assert.equal(place.directory.zones.get(place.owner.key.label), changed[0])
  await place.pass(DAY + HOUR)
  await until(() => place.directory.zones.get(place.owner.key.label)?.sequence === changed[1]?.sequence)
  assert.equal((await place.files()).length, 1)
})

test('what somebody has outdone is not published again, and what comes after it waits all the same', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  const zone = place.signed(0)
  await place.directory.publish(place.owner.signAt(zone.sequence + 5n, 'newer'))
  await assert.rejects(packets.take(zone), { reason: 'older' })
  assert.deepEqual(await place.files(), [])
  await packets.take(place.signed(DAY))
  assert.equal((await place.files()).length, 1)
})

test('one that nobody took is tried again when a node appears', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  place.directory.storedOn = 0
  assert.equal((await packets.take(place.signed(0))).storedOn, 0)
  place.directory.storedOn = 4
  place.directory.addPeer()
  await place.clock.settle()
  assert.deepEqual(
    packets.list().map(({ storedOn }) => storedOn),
    [4],
  )
})

test('the last one goes when it expires, with a word in the log', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  await packets.take(place.owner.sign('', { soa: { expire: 86_400 } }))
  await place.pass(DAY + HOUR)
  await until(() => packets.list().length === 0)
  assert.deepEqual(await place.files(), [])
  assert.ok(place.logged.some(({ msg }) => msg.includes('has expired')))
})

test('a damaged file is told and skipped, and a revocation is published for ever', async () => {
  await using place = await Place.make()
  const packets = await place.open()
  await packets.take(signRevocation(place.owner.secret))
  await place.damage('x.1.packet')
  await packets[Symbol.asyncDispose]()
  const later = await place.open()
  assert.ok(place.logged.some(({ msg }) => msg.includes('damaged')))
  assert.equal(later.list().length, 1)
  await place.pass(40 * DAY)
  assert.equal(later.list()[0]?.current?.revoked, true)
})
