/** Zones this node signs: on disk before anybody hears of them, ever newer, and kept alive in the network. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { RecordType } from '../../src/dns/message.ts'
import type { PublisherConfig } from '../../src/publisher/config.ts'
import { PublisherFault, type PublisherReason } from '../../src/publisher/fault.ts'
import type { Publisher } from '../../src/publisher/published.ts'
import { openPublisher } from '../../src/publisher/publisher.ts'
import type { Acknowledged } from '../../src/zone/directory.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import type { PublicKey } from '../../src/zone/key.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signRevocation, signZone, verifyZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryDirectory } from '../support/memory-directory.ts'
import { recordsFrom } from '../support/records.ts'
import { until } from '../support/until.ts'
import { linesOf, zoneOf } from '../support/zones.ts'

const CONFIG: PublisherConfig = {
  zoneLifetime: 604_800,
  zoneRefresh: 300,
  zoneMinimum: 60,
  republishInterval: 21_600,
}
const HALF_LIFE = (CONFIG.zoneLifetime / 2) * 1000
const MINUTE = 60_000
const TURNS = 50

/** A directory that writes down what it is told to publish, and can be made to wait before it says that it has. */
class WatchedDirectory extends MemoryDirectory {
  readonly published: SignedZone[] = []
  /** Called before a zone is taken. */
  before: (zone: SignedZone) => Promise<void> = async () => undefined

  /** Of how many acknowledgements is told while `before` is still under way. */
  acknowledgements: readonly number[] = []

  override async publish(
    zone: SignedZone,
    _signal?: AbortSignal,
    acknowledged?: Acknowledged,
  ): Promise<{ storedOn: number }> {
    this.published.push(zone)
    for (const storedOn of this.acknowledgements) acknowledged?.(storedOn, `peer ${storedOn}`)
    await this.before(zone)
    return super.publish(zone)
  }
}

/** A node's data, and what is opened on it. */
class Node implements AsyncDisposable {
  readonly path: string
  clock = new ManualClock()
  directory = new WatchedDirectory()
  readonly logged: string[] = []
  readonly #open: Publisher[] = []

  private constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<Node> {
    return new Node(await mkdtemp(join(tmpdir(), 'kadns-')))
  }

  async publisher(config: Partial<PublisherConfig> = {}): Promise<Publisher> {
    this.directory.clock = this.clock
    const publisher = await openPublisher({
      clock: this.clock,
      config: { ...CONFIG, ...config },
      dataDirectory: this.path,
      directory: this.directory,
      logger: pino({ level: 'warn' }, { write: (line) => void this.logged.push(line) }),
    })
    this.#open.push(publisher)
    return publisher
  }

  file({ label }: PublicKey, kind: 'key' | 'zone'): string {
    return join(this.path, 'zones', `${label}.${kind}`)
  }

  async secret(key: PublicKey): Promise<Uint8Array> {
    return Buffer.from((await readFile(this.file(key, 'key'), 'latin1')).trim(), 'hex')
  }

  async zoneOnDisk(key: PublicKey): Promise<SignedZone> {
    return verifyZone(await readFile(this.file(key, 'zone')), key)
  }

  async untilPublished(count: number): Promise<void> {
    await until(() => this.directory.published.length >= count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const publisher of this.#open) await publisher[Symbol.asyncDispose]()
    await rm(this.path, { recursive: true, force: true })
  }
}

/** Long enough for whatever was begun in the background and waits for no time. */
async function settle(): Promise<void> {
  for (let left = TURNS; left > 0; left--) await turn()
}

const www = (key: PublicKey, address = '192.0.2.1') => recordsFrom(`www 300 IN A ${address}`, key.apex)
const contentOf = (zone: SignedZone | undefined) =>
  linesOf((zone?.records ?? []).filter(({ type }) => type !== RecordType.SOA)).map((line) =>
    line.split(' ').slice(1).join(' '),
  )

async function assertRefused(
  work: Promise<unknown>,
  reason: PublisherReason,
  ...words: string[]
): Promise<void> {
  await assert.rejects(work, (fault: unknown) => {
    assert.ok(fault instanceof PublisherFault, `${fault}`)
    assert.equal(fault.reason, reason)
    for (const word of words) assert.ok(fault.message.includes(word), `"${word}" in: ${fault.message}`)
    return true
  })
}

describe('a new zone', () => {
  test('has its key in a file nobody else can read, and is on disk, empty and signed for now', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const zone = await publisher.create()
    assert.equal((await stat(node.file(zone.key, 'key'))).mode & 0o777, 0o600)
    assert.equal((await stat(join(node.path, 'zones'))).mode & 0o077, 0)
    assert.equal(publicKeyOf(await node.secret(zone.key)).label, zone.key.label)
    assert.deepEqual(Buffer.from((await node.zoneOnDisk(zone.key)).bytes), Buffer.from(zone.bytes))
    assert.equal(zone.sequence, BigInt(node.clock.now()) * 1000n)
    assert.equal(zone.expires, node.clock.now() + CONFIG.zoneLifetime * 1000)
    assert.deepEqual(
      [zone.soa.refresh, zone.soa.minimum, zone.records.length],
      [CONFIG.zoneRefresh, CONFIG.zoneMinimum, 1],
    )
    assert.deepEqual(publisher.list(), [zone])
    await node.untilPublished(1)
    assert.deepEqual(node.directory.published, [zone])
  })

  test('is another one each time', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const [first, second] = await Promise.all([publisher.create(), publisher.create()])
    assert.notEqual(first.key.label, second.key.label)
    assert.equal(publisher.list().length, 2)
    assert.deepEqual(
      (await readdir(join(node.path, 'zones'))).sort(),
      [first, second]
        .flatMap(({ key: { label } }) => ['key', 'revocation', 'zone'].map((kind) => `${label}.${kind}`))
        .sort(),
    )
  })
})

describe('replacing what a zone holds', () => {
  test('gives a zone with these records and a higher sequence, and says how many nodes have it', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const before = await publisher.create()
    node.directory.storedOn = 7
    const { zone, storedOn } = await publisher.replace(before.key, www(before.key))
    assert.ok(zone.sequence > before.sequence, 'though no time has passed')
    assert.equal(storedOn, 7)
    assert.deepEqual(contentOf(zone), ['300 A 192.0.2.1'])
    assert.equal(publisher.get(before.key), zone)
    const { zone: empty } = await publisher.replace(before.key, [])
    assert.deepEqual(contentOf(empty), [])
    assert.ok(empty.sequence > zone.sequence)
  })

  test('is done once it is on disk: a network that fails then is told as 0 nodes, and tried again', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await node.untilPublished(1)
    node.directory.storedOn = 3
    node.directory.before = async () => {
      throw new Error('no room in the store')
    }
    const { zone, storedOn } = await publisher.replace(key, www(key))
    assert.equal(storedOn, 0)
    assert.equal((await node.zoneOnDisk(key)).sequence, zone.sequence)
    assert.match(node.logged.join(), /no room in the store/)
    node.directory.before = async () => undefined
    node.directory.published.length = 0
    node.clock.advance(MINUTE)
    await node.untilPublished(1)
    assert.deepEqual(node.directory.published, [zone])
  })

  test('is on disk before anybody hears of it', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await node.untilPublished(1)
    let checked = 0
    node.directory.before = async (zone) => {
      assert.equal((await node.zoneOnDisk(key)).sequence, zone.sequence)
      checked++
    }
    await publisher.replace(key, www(key))
    assert.equal(checked, 1)
    assert.deepEqual(node.logged, [])
  })

  test('twice at a time is done one after the other, and the later one stays', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await node.untilPublished(1)
    let atOnce = 0
    let most = 0
    node.directory.before = async () => {
      most = Math.max(most, ++atOnce)
      await settle()
      atOnce--
    }
    const [first, second] = await Promise.all([
      publisher.replace(key, www(key, '192.0.2.1')),
      publisher.replace(key, www(key, '192.0.2.2')),
    ])
    assert.equal(most, 1)
    assert.ok(second.zone.sequence > first.zone.sequence)
    assert.deepEqual(contentOf(publisher.get(key)), ['300 A 192.0.2.2'])
    assert.equal((await node.zoneOnDisk(key)).sequence, second.zone.sequence)
  })

  test('does not wait for another zone', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const slow = await publisher.create()
    const quick = await publisher.create()
    await node.untilPublished(2)
    const gate = Promise.withResolvers<void>()
    node.directory.before = ({ key }) => (key.label === slow.key.label ? gate.promise : Promise.resolve())
    const waiting = publisher.replace(slow.key, [])
    await publisher.replace(quick.key, www(quick.key))
    gate.resolve()
    await waiting
  })

  test('goes above a sequence that the network has seen of this key', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    const floor = sequence + 5_000_000n
    node.directory.floorOf = async () => floor
    assert.equal((await publisher.replace(key, [])).zone.sequence, floor + 1n)
  })

  test('of a key this node does not hold is refused', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = zoneOf('')
    await assertRefused(publisher.replace(key, []), 'unknown-zone', key.label)
    assert.equal(publisher.get(key), undefined)
  })

  const tooMuch: [string, string, ZoneFault['reason']][] = [
    [
      'too many octets',
      Array.from({ length: 12 }, () => `@ 300 IN TXT "${'x'.repeat(100)}"`).join('\n'),
      'size',
    ],
    [
      'too many records',
      Array.from({ length: 100 }, (_, at) => `@ 1 IN TYPE65280 \\# 1 ${hex(at)}`).join('\n'),
      'content',
    ],
  ]
  for (const [word, text, reason] of tooMuch) {
    test(`by ${word} is refused, and nothing has changed`, async () => {
      await using node = await Node.make()
      const publisher = await node.publisher()
      const { key } = await publisher.create()
      await publisher.replace(key, www(key))
      await settle()
      const [before, onDisk] = [publisher.get(key), await node.zoneOnDisk(key)]
      const { length } = node.directory.published
      await assert.rejects(
        publisher.replace(key, recordsFrom(text, key.apex)),
        (fault: unknown) => fault instanceof ZoneFault && fault.reason === reason,
      )
      assert.equal(publisher.get(key), before)
      assert.equal((await node.zoneOnDisk(key)).sequence, onDisk.sequence)
      assert.equal(node.directory.published.length, length)
    })
  }
})

function hex(number: number): string {
  return number.toString(16).padStart(2, '0')
}

describe('a clock that is behind', () => {
  const reopened = async (node: Node, behind: number) => {
    const first = await node.publisher()
    const { key } = await first.create()
    const { zone } = await first.replace(key, www(key))
    await first[Symbol.asyncDispose]()
    const signedAt = node.clock.now()
    node.clock = new ManualClock(signedAt - behind)
    node.directory = new WatchedDirectory()
    return { publisher: await node.publisher(), key, zone, signedAt }
  }

  test('by over ten minutes: nothing is signed, both times are said, nothing has changed', async () => {
    await using node = await Node.make()
    const { publisher, key, zone, signedAt } = await reopened(node, 11 * MINUTE)
    await settle()
    const { length } = node.directory.published
    const times = [signedAt, signedAt - 11 * MINUTE].map((time) => new Date(time).toISOString())
    await assertRefused(publisher.replace(key, []), 'clock', ...times)
    assert.equal(publisher.get(key)?.sequence, zone.sequence)
    assert.equal((await node.zoneOnDisk(key)).sequence, zone.sequence)
    assert.equal(node.directory.published.length, length)
  })

  test('by less: the sequence goes on from the last one', async () => {
    await using node = await Node.make()
    const { publisher, key, zone } = await reopened(node, 9 * MINUTE)
    assert.equal((await publisher.replace(key, [])).zone.sequence, zone.sequence + 1n)
  })
})

describe('a clock that was ahead', () => {
  test('by over ten minutes, as is known once nobody took the zone: it is signed anew by the right time', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    node.clock.jump(30 * MINUTE)
    // Other nodes refuse it, and tell their time with that.
    node.directory.before = async (zone) => {
      if (zone.sequence <= BigInt(node.clock.now() + MINUTE) * 1000n && contentOf(zone).length === 0) return
      node.directory.before = async () => undefined
      node.directory.unheard.add(zone)
      node.clock.jump(-30 * MINUTE)
      node.directory.zones.delete(key.label)
      throw new Error('nobody took it')
    }
    const { zone: fast } = await publisher.replace(key, www(key))
    assert.ok(fast.sequence > BigInt(node.clock.now() + 20 * MINUTE) * 1000n)
    node.directory.storedOn = 3
    node.clock.advance(MINUTE)
    await until(() => (node.directory.zones.get(key.label)?.sequence ?? fast.sequence) < fast.sequence)
    const zone = publisher.get(key)
    assert.deepEqual(contentOf(zone), ['300 A 192.0.2.1'])
    assert.equal((await node.zoneOnDisk(key)).sequence, zone?.sequence)
    assert.ok(node.logged.some((line) => line.includes('signed anew')))
    const { zone: next } = await publisher.replace(key, [])
    assert.ok(next.sequence > (zone?.sequence ?? 0n) && next.sequence < fast.sequence)
  })
})

describe('starting again', () => {
  test('finds the keys, the zones and their sequences, and puts them once more', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    await first.create()
    await first.replace(key, www(key))
    const sequences = (publisher: Publisher) =>
      Object.fromEntries(publisher.list().map((zone) => [zone.key.label, zone.sequence]))
    const before = sequences(first)
    await first[Symbol.asyncDispose]()
    node.directory = new WatchedDirectory()
    const second = await node.publisher()
    assert.deepEqual(sequences(second), before)
    assert.deepEqual(contentOf(second.get(key)), ['300 A 192.0.2.1'])
    await node.untilPublished(2)
    assert.ok((await second.replace(key, [])).zone.sequence > (before[key.label] ?? 0n))
  })

  test('passes over a file that a crash left half written', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    await first[Symbol.asyncDispose]()
    for (const kind of ['key', 'zone'] as const) await writeFile(`${node.file(key, kind)}.new`, 'half')
    const second = await node.publisher()
    assert.equal(second.list().length, 1)
    await second.replace(key, www(key))
    assert.deepEqual(contentOf(await node.zoneOnDisk(key)), ['300 A 192.0.2.1'])
  })

  const damages: [string, 'key' | 'zone', (node: Node, key: PublicKey) => Promise<Uint8Array | string>][] = [
    ['a key file that is empty', 'key', async () => ''],
    ['a key file that is cut short', 'key', async () => 'ab'.repeat(31)],
    ['a key file with something else in it', 'key', async () => 'x'.repeat(64)],
    ["a key file with another zone's key", 'key', async () => 'ab'.repeat(32)],
    ['a zone file that is empty', 'zone', async () => ''],
    [
      'a zone file with a wrong octet',
      'zone',
      async (node, key) => flipped(await readFile(node.file(key, 'zone'))),
    ],
    [
      'a zone file that is cut short',
      'zone',
      async (node, key) => (await readFile(node.file(key, 'zone'))).subarray(0, -1),
    ],
    ["a zone file with another key's zone", 'zone', async () => zoneOf('').bytes],
  ]
  for (const [word, kind, damage] of damages) {
    test(`with ${word} fails with a sentence that names the file`, async () => {
      await using node = await Node.make()
      const first = await node.publisher()
      const { key } = await first.create()
      await first[Symbol.asyncDispose]()
      await writeFile(node.file(key, kind), await damage(node, key))
      await assertRefused(node.publisher(), 'damaged', node.file(key, kind))
    })
  }
})

function flipped(octets: Buffer): Buffer {
  const changed = Buffer.from(octets)
  changed[octets.length - 1] = octets.readUInt8(octets.length - 1) ^ 1
  return changed
}

describe('keeping zones alive', () => {
  test('a zone that no node has taken is put again when one appears, and then no more', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    const { zone, storedOn } = await publisher.replace(key, www(key))
    assert.equal(storedOn, 0)
    node.directory.published.length = 0
    node.directory.storedOn = 3
    node.directory.addPeer()
    await node.untilPublished(1)
    await settle()
    node.directory.addPeer()
    await settle()
    assert.deepEqual(node.directory.published, [zone])
  })

  test('many nodes that appear while a put is under way bring about one more, not one each', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    await publisher.create()
    await settle()
    node.directory.published.length = 0
    const gate = Promise.withResolvers<void>()
    node.directory.before = () => gate.promise
    for (let left = 20; left > 0; left--) node.directory.addPeer()
    await settle()
    gate.resolve()
    await settle()
    const { length } = node.directory.published
    assert.ok(length >= 1 && length <= 2, `${length} puts`)
  })

  for (const [storedOn, puts, word] of [
    [3, 1, 'few nodes have is put again within a minute after another appeared'],
    [20, 0, 'as many nodes have as there should be is left where it is when another appears'],
  ] as const) {
    test(`a zone that ${word}`, async () => {
      await using node = await Node.make()
      node.directory.storedOn = storedOn
      const publisher = await node.publisher()
      await publisher.create()
      await node.untilPublished(1)
      await settle()
      node.directory.published.length = 0
      for (let left = 5; left > 0; left--) node.directory.addPeer()
      node.clock.advance(MINUTE)
      await settle()
      assert.equal(node.directory.published.length, puts)
      node.clock.advance(MINUTE)
      await settle()
      assert.equal(node.directory.published.length, puts, 'and then no more')
    })
  }

  test('a zone that has not changed is put again after the republish interval, and not before', async () => {
    await using node = await Node.make()
    node.directory.storedOn = 3
    const publisher = await node.publisher()
    const zone = await publisher.create()
    await node.untilPublished(1)
    await settle()
    node.clock.advance(CONFIG.republishInterval * 1000 - MINUTE)
    await settle()
    assert.equal(node.directory.published.length, 1)
    node.clock.advance(MINUTE)
    await node.untilPublished(2)
    assert.deepEqual(node.directory.published, [zone, zone])
  })

  test('a put that fails is tried again, and the log has it', async () => {
    await using node = await Node.make()
    node.directory.before = async () => {
      throw new Error('no network')
    }
    const publisher = await node.publisher()
    await publisher.create()
    await until(() => node.logged.length > 0)
    assert.match(node.logged[0] ?? '', /no network/)
    node.directory.before = async () => undefined
    const { length } = node.directory.published
    node.clock.advance(MINUTE)
    await node.untilPublished(length + 1)
  })

  test('at half its life a zone is signed anew: the same records, a higher sequence, another life', async () => {
    await using node = await Node.make()
    node.directory.storedOn = 3
    const publisher = await node.publisher({ republishInterval: CONFIG.zoneLifetime })
    const { key } = await publisher.create()
    const { zone: before } = await publisher.replace(key, www(key))
    await settle()
    node.clock.advance(HALF_LIFE - MINUTE)
    await settle()
    assert.equal(publisher.get(key), before)
    node.directory.published.length = 0
    node.clock.advance(2 * MINUTE)
    await node.untilPublished(2)
    await settle()
    const after = publisher.get(key)
    assert.ok(after)
    assert.deepEqual(node.directory.published, [before, after], 'once, though two rounds found it due')
    assert.deepEqual(contentOf(after), contentOf(before))
    assert.ok(after.sequence > before.sequence)
    assert.ok(after.expires >= node.clock.now() + CONFIG.zoneLifetime * 1000 - 2 * MINUTE)
    assert.equal((await node.zoneOnDisk(key)).sequence, after.sequence)
    assert.equal(node.directory.zones.get(key.label)?.sequence, after.sequence)
  })

  test('where no other node can say that it is the newest, a zone waits to be signed anew until a quarter of its life is left', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    const { zone } = await publisher.replace(key, www(key))
    await settle()
    for (const step of [HALF_LIFE, HALF_LIFE / 2 - MINUTE]) {
      node.clock.advance(step)
      await settle()
      assert.equal(publisher.get(key), zone)
    }
    node.directory.published.length = 0
    node.clock.advance(MINUTE)
    await node.untilPublished(2)
    assert.ok((publisher.get(key)?.sequence ?? 0n) > zone.sequence)
  })

  for (const [days, words] of [
    [6, 'has lived most of its life'],
    [8, 'has expired'],
  ] as const) {
    test(`a zone that ${words} when the node comes back, alone, is signed anew after an hour without others`, async () => {
      await using node = await Node.make()
      const first = await node.publisher()
      const { key } = await first.create()
      const { zone } = await first.replace(key, www(key))
      await first[Symbol.asyncDispose]()
      node.directory.zones.clear()
      node.clock.advance(days * 86_400_000)
      const again = await node.publisher()
      for (let minute = 0; minute < 59; minute++) {
        await settle()
        node.clock.advance(MINUTE)
      }
      assert.equal(again.get(key)?.sequence, zone.sequence)
      await until(() => {
        node.clock.advance(MINUTE)
        return (again.get(key)?.sequence ?? 0n) > zone.sequence
      })
      assert.deepEqual(contentOf(again.get(key)), ['300 A 192.0.2.1'])
    })
  }

  test('a zone that has expired is signed anew at once where other nodes were asked and hold nothing newer', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    const { zone } = await first.replace(key, www(key))
    await first[Symbol.asyncDispose]()
    node.directory.zones.clear()
    node.directory.otherwise = {
      kind: 'unreachable',
      cause: 'Nobody holds it.',
      effort: { asked: 5, hops: 1, milliseconds: 1 },
    }
    node.clock.advance(8 * 86_400_000)
    const again = await node.publisher()
    await until(() => (again.get(key)?.sequence ?? 0n) > zone.sequence)
    assert.deepEqual(contentOf(again.get(key)), ['300 A 192.0.2.1'])
    await until(() => (node.directory.zones.get(key.label)?.sequence ?? 0n) > zone.sequence)
  })

  test('a zone below a floor whose zone is gone is signed anew, above the floor', async () => {
    await using node = await Node.make()
    node.directory.storedOn = 3
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    await settle()
    const floor = sequence + BigInt(HALF_LIFE + MINUTE) * 1000n
    node.directory.floorOf = async () => floor
    node.directory.before = async (zone) => {
      if (zone.sequence < floor) throw new ZoneFault('older', 'It was seen once.')
    }
    node.clock.advance(HALF_LIFE)
    await until(() => (publisher.get(key)?.sequence ?? 0n) > floor)
  })

  test('signing anew keeps a record that this node holds for malformed', async () => {
    await using node = await Node.make()
    node.directory.storedOn = 3
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    await settle()
    const tlsa = { name: key.apex, type: 52, class: 1, ttl: 300, data: Buffer.from('03010100', 'hex') }
    const secret = await node.secret(key)
    const foreign = signZone(secret, { sequence: sequence + 1n, soa: DEFAULT_SOA, records: [tlsa] })
    await node.directory.publish(foreign)
    await until(() => publisher.get(key)?.sequence === foreign.sequence)
    assert.equal(publisher.get(key)?.records.length, 1, 'it is not served')
    await settle()
    await until(() => {
      node.clock.advance(60 * MINUTE)
      return (publisher.get(key)?.sequence ?? 0n) > foreign.sequence
    })
    const { bytes } = publisher.get(key) as SignedZone
    assert.ok(Buffer.from(bytes).includes(tlsa.data))
  })

  test('who replaces records is answered when twenty nodes have acknowledged the zone, and it goes on behind', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    node.directory.storedOn = 43
    node.directory.acknowledgements = [1, 19, 20]
    const ended = Promise.withResolvers<void>()
    node.directory.before = () => ended.promise
    const { zone, storedOn } = await publisher.replace(key, www(key))
    assert.equal(storedOn, 20)
    const acknowledgedBy = ['peer 1', 'peer 19', 'peer 20']
    const status = { storedOn: 20, acknowledgedBy, superseded: undefined, nextPut: undefined }
    assert.deepEqual(publisher.statusOf(key), status)
    ended.resolve()
    await until(() => publisher.statusOf(key)?.storedOn === 43)
    const nextPut = node.clock.now() + CONFIG.republishInterval * 1000
    assert.deepEqual(publisher.statusOf(key), { ...status, storedOn: 43, nextPut })
    assert.equal(publisher.get(key), zone)
  })

  test('who watches is told of each acknowledgement', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    node.directory.acknowledgements = [1, 2, 3]
    const seen: number[] = []
    using _watching = publisher.watch((of) => seen.push(publisher.statusOf(of)?.storedOn ?? -1))
    await publisher.replace(key, www(key))
    assert.deepEqual(seen, [0, 1, 2, 3, 0])
  })

  test('a zone that is forgotten is signed no more, and its files are put away whole', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    const secret = await readFile(node.file(key, 'key'), 'utf8')
    const away = await publisher.forget(key)
    assert.deepEqual([publisher.list(), publisher.statusOf(key)], [[], undefined])
    assert.equal(await readFile(join(away, `${key.label}.key`), 'utf8'), secret)
    const files = ['key', 'revocation', 'zone'].map((kind) => `${key.label}.${kind}`)
    assert.deepEqual((await readdir(away)).sort(), files)
    await assert.rejects(publisher.replace(key, www(key)), { reason: 'unknown-zone' })
    await assert.rejects(publisher.forget(key), { reason: 'unknown-zone' })
    assert.deepEqual((await node.publisher()).list(), [])
  })

  test('a zone keeps the scope it was made with, whenever it is signed anew', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key, soa } = await publisher.create({ scope: 'lan' })
    const { zone } = await publisher.replace(key, www(key))
    assert.deepEqual([soa.scope, zone.soa.scope], ['lan', 'lan'])
    assert.equal((await publisher.create()).soa.scope, 'any')
  })

  test('a zone is made with its first records, or not at all', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const zone = await publisher.create({ content: www })
    assert.deepEqual(linesOf(zone.records.slice(1)), linesOf(www(zone.key)))
    const refused = publisher.create({
      content: () => {
        throw new Error('no such records')
      },
    })
    await assert.rejects(refused, { message: 'no such records' })
    assert.equal(publisher.list().length, 1)
  })

  test('with fewer than twenty acknowledgements the answer waits for all places', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    node.directory.storedOn = 19
    node.directory.acknowledgements = [1, 19]
    const ended = Promise.withResolvers<void>()
    node.directory.before = () => ended.promise
    const replaced = publisher.replace(key, www(key))
    await settle()
    assert.equal(await Promise.race([replaced, turn('waiting')]), 'waiting')
    ended.resolve()
    assert.equal((await replaced).storedOn, 19)
  })

  test('signing anew does not wait for nodes to stop appearing', async () => {
    await using node = await Node.make()
    node.directory.storedOn = 3
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    node.clock.advance(HALF_LIFE - MINUTE)
    for (let minutes = (0.25 * HALF_LIFE) / MINUTE; minutes > 0; minutes--) {
      node.directory.addPeer()
      node.clock.advance(MINUTE)
      await turn()
    }
    await until(() => (publisher.get(key)?.sequence ?? 0n) > sequence)
  })

  test('a zone that was revoked is put again like any other and never signed anew', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    await node.directory.publish(signRevocation(await node.secret(key)))
    await settle()
    node.directory.published.length = 0
    node.clock.advance(HALF_LIFE * 3)
    await node.untilPublished(1)
    await settle()
    assert.ok(node.directory.published.every(({ revoked }) => revoked))
    assert.equal(publisher.get(key)?.revoked, true)
    await assert.rejects(publisher.replace(key, []), { name: 'PublisherFault', reason: 'revoked' })
  })
})

describe('a key whose zone file is not what it signed last', () => {
  test('without a zone file takes what the network holds, and signs nothing empty over it', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    const { zone } = await first.replace(key, www(key))
    await first[Symbol.asyncDispose]()
    await rm(node.file(key, 'zone'))
    const again = await node.publisher()
    assert.deepEqual(again.get(key)?.bytes, zone.bytes)
    assert.equal(node.directory.zones.get(key.label)?.sequence, zone.sequence)
    assert.equal((await node.zoneOnDisk(key)).sequence, zone.sequence)
  })

  test('with an older zone file, from a backup, takes the newer one', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    const backup = await readFile(node.file(key, 'zone'))
    const { zone } = await first.replace(key, www(key))
    await first[Symbol.asyncDispose]()
    await writeFile(node.file(key, 'zone'), backup)
    const again = await node.publisher()
    assert.equal(again.get(key)?.sequence, zone.sequence)
    assert.equal((await node.zoneOnDisk(key)).sequence, zone.sequence)
  })

  test('is left alone when no node holds its zone, and the log says so', async () => {
    await using node = await Node.make()
    const first = await node.publisher()
    const { key } = await first.create()
    await settle()
    await first[Symbol.asyncDispose]()
    await rm(node.file(key, 'zone'))
    node.directory.zones.clear()
    node.directory.published.length = 0
    const again = await node.publisher()
    await settle()
    assert.deepEqual([again.list(), node.directory.published], [[], []])
    assert.match(node.logged.join(), /no zone file/)
  })
})

describe('the same key on another device', () => {
  const elsewhere = async (node: Node, key: PublicKey, sequence: bigint) =>
    zoneOf('www 300 IN A 192.0.2.99', { secret: await node.secret(key), sequence })

  test('signs later: that zone is this node\u2019s too, now and after a restart, and the log says so', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    await settle()
    const newer = await elsewhere(node, key, sequence + 1000n)
    await node.directory.publish(newer)
    assert.equal(publisher.get(key), newer)
    assert.match(node.logged.join(), /another device/)
    await publisher[Symbol.asyncDispose]()
    const again = await node.publisher()
    assert.equal(again.get(key)?.sequence, newer.sequence)
    assert.ok((await again.replace(key, [])).zone.sequence > newer.sequence)
  })

  test('signed earlier: that zone is passed over', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key, sequence } = await publisher.create()
    await settle()
    const mine = publisher.get(key)
    node.directory.zones.clear()
    await node.directory.publish(await elsewhere(node, key, sequence - 1000n))
    await settle()
    assert.equal(publisher.get(key), mine)
    assert.equal((await node.zoneOnDisk(key)).sequence, sequence)
  })

  test('a zone that another device supersedes after its acknowledgement is told of, until the next is signed', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    node.directory.acknowledgements = [20]
    const ended = Promise.withResolvers<void>()
    node.directory.before = () => ended.promise
    const { zone: mine } = await publisher.replace(key, www(key))
    const newer = await elsewhere(node, key, mine.sequence + 1000n)
    node.directory.before = async () => undefined
    await node.directory.publish(newer)
    ended.resolve()
    await settle()
    assert.equal(publisher.get(key), newer)
    assert.equal(publisher.statusOf(key)?.superseded, mine.sequence)
    await publisher.replace(key, www(key))
    assert.equal(publisher.statusOf(key)?.superseded, undefined)
  })

  test('is found when the zone is to be signed anew: its records are kept, not this node\u2019s older ones', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher({ republishInterval: CONFIG.zoneLifetime })
    const { key } = await publisher.create()
    const { zone: mine } = await publisher.replace(key, www(key))
    await settle()
    const newer = await elsewhere(node, key, mine.sequence + 1000n)
    node.directory.storedOn = 3
    node.directory.before = async (zone) => {
      if (zone === mine) await node.directory.publish(newer)
    }
    node.directory.published.length = 0
    node.clock.advance(HALF_LIFE)
    await until(() => publisher.get(key) === newer)
    await settle()
    node.directory.published.length = 0
    node.clock.advance(MINUTE)
    await node.untilPublished(2)
    await publisher[Symbol.asyncDispose]()
    const [, renewed] = node.directory.published
    assert.deepEqual(contentOf(renewed), ['300 A 192.0.2.99'])
    assert.ok(renewed && renewed.sequence > newer.sequence)
    assert.equal((await node.zoneOnDisk(key)).sequence, renewed.sequence)
    assert.ok(!node.logged.some((line) => /could not/.test(line)), node.logged.join())
  })
})

describe('closing', () => {
  test('waits for the work that was begun, and begins no more', async () => {
    await using node = await Node.make()
    const publisher = await node.publisher()
    const { key } = await publisher.create()
    await settle()
    const gate = Promise.withResolvers<void>()
    node.directory.before = () => gate.promise
    const replacing = publisher.replace(key, www(key))
    await node.untilPublished(2)
    let isClosed = false
    const closing = publisher[Symbol.asyncDispose]().then(() => {
      isClosed = true
    })
    await settle()
    assert.equal(isClosed, false)
    gate.resolve()
    await closing
    await replacing
    const { length } = node.directory.published
    node.clock.advance(HALF_LIFE)
    node.directory.addPeer()
    await settle()
    assert.equal(node.directory.published.length, length)
  })

  test('tells a put that is under way to stop', async () => {
    await using node = await Node.make()
    let signal: AbortSignal | undefined
    node.directory.publish = (_zone: SignedZone, given?: AbortSignal) => {
      signal = given
      return new Promise((_, reject) => given?.addEventListener('abort', () => reject(given.reason)))
    }
    const publisher = await node.publisher()
    await publisher.create()
    await until(() => signal !== undefined)
    await publisher[Symbol.asyncDispose]()
    assert.equal(signal?.aborted, true)
    assert.deepEqual(node.logged, [], 'being told to stop is no failure')
  })
})
