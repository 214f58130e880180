/** UPDATE with TSIG as a client sends it: what is done, what is refused with which rcode, and what is signed. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { type Name, nameToWire, parseName } from '../../src/dns/name.ts'
import { NO_PETNAMES } from '../../src/names/petname.ts'
import { openUpdates, type UpdateDoor } from '../../src/publisher/dns-update.ts'
import type { UpdateKey } from '../../src/publisher/update-records.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { MemoryPublisher } from '../api/test-api.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { linesOf, secretOf } from '../support/zones.ts'

const KEY = publicKeyOf(secretOf(1))
const ZONE = `${KEY.label}.kad.alt`
const SECRET = Buffer.alloc(32, 5)
const [IN, NONE, ANY] = [1, 254, 255] as const
const TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, ANY: 255 }

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const u48 = (value: number) => Buffer.concat([u16(Math.trunc(value / 2 ** 32)), u32(value % 2 ** 32)])

/** A record of an UPDATE. `home 60 A 192.0.2.1` is to be there; `!home A`, `!home ANY`: a set, a name; `-home A 192.0.2.1`: that one. */
function record(line: string): Buffer {
  const [, sign = '', rest = ''] = /^([!?-]?)(.*)$/.exec(line) ?? []
  const [name = '', ...words] = rest.split(' ')
  const full = name === '@' ? ZONE : name.endsWith('.') ? name.slice(0, -1) : `${name}.${ZONE}`
  const owner = nameToWire(parseName(full))
  if (sign === '!' || sign === '?')
    return Buffer.concat([
      owner,
      u16(TYPES[words[0] ?? ''] ?? 0),
      u16(sign === '!' ? ANY : NONE),
      u32(0),
      u16(0),
    ])
  const { type, ttl, data } = parseRecordLine(`${full}. ${sign === '-' ? '0 ' : ''}${words.join(' ')}`)
  return Buffer.concat([owner, u16(type), u16(sign === '-' ? NONE : IN), u32(ttl), u16(data.length), data])
}

interface Made {
  readonly prerequisites?: readonly string[]
  readonly zone?: string
  readonly secret?: Buffer
  readonly keyName?: string
  /** Seconds by which the client's clock is ahead. */
  readonly ahead?: number
  readonly unsigned?: boolean
}

const NOW = Date.UTC(2026, 10, 23)

function packet(updates: readonly string[], made: Made = {}): Buffer {
  const { prerequisites = [], zone = ZONE, secret = SECRET, keyName = 'router', ahead = 0 } = made
  const counts = [1, prerequisites.length, updates.length, 0].map(u16)
  const head = Buffer.concat([u16(0x1234), u16(0x2800), ...counts])
  const body = [
    nameToWire(parseName(zone)),
    u16(6),
    u16(1),
    ...prerequisites.map(record),
    ...updates.map(record),
  ]
  const message = Buffer.concat([head, ...body])
  if (made.unsigned) return message
  const [name, algorithm] = [keyName, 'hmac-sha256'].map((word) => nameToWire(parseName(word))) as [
    Buffer,
    Buffer,
  ]
  const time = Buffer.concat([u48(NOW / 1000 + ahead), u16(300)])
  const signed = Buffer.concat([message, name, u16(ANY), u32(0), algorithm, time, u16(0), u16(0)])
  const mac = createHmac('sha256', secret).update(signed).digest()
  const data = Buffer.concat([algorithm, time, u16(mac.length), mac, u16(0x1234), u16(0), u16(0)])
  const counted = Buffer.from(message)
  counted.writeUInt16BE(1, 10)
  return Buffer.concat([counted, name, u16(250), u16(ANY), u32(0), u16(data.length), data])
}

interface Scene {
  readonly publisher: MemoryPublisher
  readonly door: UpdateDoor
  /** What the zone holds. */
  lines(): string[]
  /** The rcode, and the error of TSIG where there is one. */
  send(updates: readonly string[], made?: Made): Promise<number | string>
}

async function scene(mayWrite: UpdateKey['mayWrite'] = () => true): Promise<Scene> {
  const publisher = new MemoryPublisher()
  await publisher.create()
  const clock = new ManualClock()
  clock.advance(NOW - clock.now())
  const name = parseName('router')
  const keyNamed = (asked: Name) => (asked === name ? { name, secret: SECRET, mayWrite } : undefined)
  const door = openUpdates({
    publisher,
    suffix: parseName('kad.alt'),
    petnames: NO_PETNAMES,
    clock,
    keyNamed,
  })
  return {
    publisher,
    door,
    lines: () =>
      linesOf(publisher.list()[0]?.records.slice(1) ?? [])
        .map((line) => line.replaceAll(`.${KEY.label}.`, ''))
        .sort(),
    send: async (updates, made) => {
      const reply = await door(packet(updates, made))
      const error =
        reply.length > 100 && reply.readUInt16BE(10) === 1 ? reply.readUInt16BE(reply.length - 4) : 0
      const rcode = reply.readUInt16BE(2) & 15
      return error === 0 ? rcode : `${rcode}/${error}`
    },
  }
}

describe('an update', () => {
  test('adds, replaces and deletes, all at once and by one signing', async () => {
    const { send, lines, publisher } = await scene()
    assert.equal(
      await send([
        'home 60 A 192.0.2.1',
        'home 60 A 192.0.2.2',
        'www 300 TXT "a b"',
        '@ 60 MX 10 mail.example.',
      ]),
      0,
    )
    const before = publisher.list()[0]?.sequence ?? 0n
    assert.equal(
      await send(['!home A', 'home 90 A 192.0.2.3', '-www TXT "a b"', '!@ ANY', 'x 60 A 192.0.2.4']),
      0,
    )
    assert.deepEqual(lines(), ['home 90 A 192.0.2.3', 'x 60 A 192.0.2.4'])
    assert.equal((publisher.list()[0]?.sequence ?? 0n) - before, 1_000_000n)
  })

  test('that changes nothing signs nothing', async () => {
    const { send, publisher } = await scene()
    await send(['home 60 A 192.0.2.1'])
    const before = publisher.list()[0]?.sequence
    assert.equal(await send(['home 60 A 192.0.2.1', '!absent ANY', '-home A 192.0.2.9']), 0)
    assert.equal(publisher.list()[0]?.sequence, before)
  })

  test('gives a set one TTL, and leaves out what does not go beside an alias', async () => {
    const { send, lines } = await scene()
    await send([
      'home 60 A 192.0.2.1',
      'home 90 A 192.0.2.2',
      'home 60 CNAME www.example.',
      'to 60 CNAME a.example.',
    ])
    await send(['to 60 CNAME b.example.', 'to 60 A 192.0.2.1'])
    assert.deepEqual(lines(), ['home 90 A 192.0.2.1', 'home 90 A 192.0.2.2', 'to 60 CNAME b.example.'])
  })

  const CONDITIONS: readonly [condition: string, rcode: number][] = [
    ['!home ANY', 0],
    ['!absent ANY', 3],
    ['!home A', 0],
    ['!home TXT', 8],
    ['?absent ANY', 0],
    ['?home ANY', 6],
    ['?home TXT', 0],
    ['?home A', 7],
    ['home 0 A 192.0.2.1', 0],
    ['home 0 A 192.0.2.2', 8],
    ['!@ ANY', 0],
  ]
  for (const [condition, rcode] of CONDITIONS) {
    test(`under the condition ${condition}: rcode ${rcode}, and only done where that is 0`, async () => {
      const { send, lines } = await scene()
      await send(['home 60 A 192.0.2.1'])
      assert.equal(await send(['new 60 A 192.0.2.9'], { prerequisites: [condition] }), rcode)
      assert.equal(lines().includes('new 60 A 192.0.2.9'), rcode === 0)
    })
  }

  const REFUSED: readonly [what: string, updates: readonly string[], made: Made, rcode: number | string][] = [
    ['without a signature', ['home 60 A 192.0.2.1'], { unsigned: true }, 5],
    ['with another secret', ['home 60 A 192.0.2.1'], { secret: Buffer.alloc(32, 6) }, '9/16'],
    ['with a key nobody has given', ['home 60 A 192.0.2.1'], { keyName: 'nobody' }, '9/17'],
    [
      "of another zone's key",
      ['home 60 A 192.0.2.1'],
      { zone: `${publicKeyOf(secretOf(2)).label}.kad.alt` },
      9,
    ],
    ['of a zone that is a name below one', ['home 60 A 192.0.2.1'], { zone: `x.${ZONE}` }, 9],
    ['of a name elsewhere', ['example.org. 60 A 192.0.2.1'], {}, 10],
    ['that makes no zone', ['home 60 DNAME a.example.', 'x.home 60 A 192.0.2.1'], {}, 5],
  ]
  for (const [what, updates, made, rcode] of REFUSED) {
    test(`${what} is refused with ${rcode}, and nothing has changed`, async () => {
      const { send, lines } = await scene()
      assert.equal(await send(updates, made), rcode)
      assert.deepEqual(lines(), [])
    })
  }

  test('from a clock that is off by over five minutes is told so', async () => {
    const { door, lines } = await scene()
    for (const ahead of [-301, 301]) {
      const reply = await door(packet(['home 60 A 192.0.2.1'], { ahead }))
      assert.equal(reply.readUInt16BE(2) & 15, 9)
      assert.equal(reply.readUInt16BE(reply.length - 10), 18)
      assert.equal(reply.readUIntBE(reply.length - 6, 6), NOW / 1000)
    }
    assert.deepEqual(lines(), [])
  })

  test('that is sent again is answered again and not done again', async () => {
    const { door, send, lines } = await scene()
    const once = packet(['home 60 A 192.0.2.1'])
    await door(once)
    await send(['!home ANY'])
    assert.equal((await door(once)).readUInt16BE(2) & 15, 0)
    assert.deepEqual(lines(), [])
  })

  test('by a key that may write one set writes that alone', async () => {
    const home = parseName(`home.${KEY.label}`)
    const { send, lines } = await scene(
      (_zone, name, types) => name === home && types !== undefined && types.every((type) => type === 1),
    )
    assert.equal(await send(['home 60 A 192.0.2.1']), 0)
    for (const update of ['www 60 A 192.0.2.1', 'home 60 TXT "x"', '!home ANY'])
      assert.equal(await send([update]), 5)
    assert.deepEqual(lines(), ['home 60 A 192.0.2.1'])
  })

  test('cut short anywhere, or with an octet changed, never does what was not signed, and is answered', async () => {
    const { door, lines } = await scene()
    const whole = packet(['home 60 A 192.0.2.1'])
    for (let length = 12; length < whole.length; length++) await door(whole.subarray(0, length))
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed.writeUInt8((changed.readUInt8(at) + 1) & 0xff, at)
      assert.ok((await door(changed)).length >= 12)
      // What the signature does not cover, such as the TTL of TSIG itself, is of no matter.
      assert.deepEqual(
        lines().filter((line) => line !== 'home 60 A 192.0.2.1'),
        [],
        `octet ${at}`,
      )
    }
  })

  const has = spawnSync('nsupdate', ['-V']).status === 0
  test('of nsupdate is done, and its reply believed', {
    skip: !has && 'nsupdate (bind9-dnsutils) is not here',
  }, async () => {
    const { publisher, lines } = await scene()
    const name = parseName('router')
    const clock = {
      ...new ManualClock(),
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after: () => ({ [Symbol.dispose]: () => undefined }),
    }
    const door = openUpdates({
      ...{ publisher, suffix: parseName('kad.alt'), petnames: NO_PETNAMES, clock },
      keyNamed: () => ({ name, secret: SECRET, mayWrite: () => true }),
    })
    const socket = createSocket('udp4')
    socket.on('message', async (octets, { port, address }) => socket.send(await door(octets), port, address))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const child = spawn('nsupdate', ['-y', `hmac-sha256:router:${SECRET.toString('base64')}`])
    child.stdin.end(
      `server 127.0.0.1 ${socket.address().port}\nzone ${ZONE}\nupdate add home.${ZONE} 60 MX 10 mail.${ZONE}\nsend\n`,
    )
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    socket.close()
    assert.deepEqual([code, said], [0, ''])
    assert.deepEqual(lines(), ['home 60 MX 10 mail'])
  })
})
