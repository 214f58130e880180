import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeMessage } from '../../src/dns/codec.ts'
import { type Message, NO_FLAGS, RecordType } from '../../src/dns/message.ts'
import { formatName } from '../../src/dns/name.ts'
import { ZoneFault } from '../../src/zone/fault.ts'
import { publicKeyFromBytes } from '../../src/zone/key.ts'
import { publicKeyOf, signBytes, verifyBytes } from '../../src/zone/signature.ts'
import {
  checkTime,
  compareZones,
  MAX_ZONE_OCTETS,
  REVOKED,
  type SignedZone,
  signedPart,
  signRevocation,
  signZone,
  TOLERANCE,
  verifyZone,
  wholeContentOf,
} from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA, encodeZoneSoa, MAX_LIFETIME, type ZoneSoa } from '../../src/zone/soa.ts'
import { assertZoneFault } from '../support/faults.ts'
import { readFixture } from '../support/fixture.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { messageOf } from '../support/messages.ts'
import { readVector } from '../support/protocol-vectors.ts'
import { recordFrom, recordsFrom } from '../support/records.ts'
import { octets, wireRecord } from '../support/wire.ts'
import { ALICE, BOB, linesOf, SIGNED_AT, zoneOf } from '../support/zones.ts'

interface Parts {
  readonly signature: string
  readonly sequence: string
  readonly message: string
}
interface Fixture {
  readonly key: string
  readonly pkarrWithoutSoa: Parts
}

const fixture = readFixture<Fixture>('zones.json')
const KEY = publicKeyOf(ALICE)
const MESSAGE_AT = 104
const NOW = new ManualClock().now()
const SOA = `@ 60 IN SOA . . 0 300 60 604800 60`

/** Alice signs any octets, a message or not. */
function seal(message: Uint8Array, sequence = SIGNED_AT, secret = ALICE): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(sequence)
  return octets(publicKeyOf(secret).bytes, signBytes(signedPart(sequence, message), secret), head, message)
}

/** A zone's message of these records, with anything else in it that is asked for. */
function messageWith(text: string, parts: Partial<Message> = {}): Buffer {
  const answers = recordsFrom(text, KEY.apex)
  return encodeMessage(messageOf({ flags: { ...NO_FLAGS, response: true }, answers, ...parts }))
}

function faultOf(run: () => unknown): ZoneFault {
  try {
    run()
  } catch (fault) {
    assert.ok(fault instanceof ZoneFault, `${fault}`)
    return fault
  }
  assert.fail('nothing was thrown')
}

describe('a zone that was signed', () => {
  const zone = zoneOf(`
    @          300 IN A     192.0.2.1
    www        60  IN CNAME @
    a\\.b\\000 60  IN TXT   "\\000\\255"
    x          60  IN TYPE65280 \\# 2 c00c
  `)

  test('is read from its bytes as it was: key, sequence, records with the SOA first', () => {
    const again = verifyZone(zone.bytes)
    assert.deepEqual(again, { ...zone, key: again.key })
    assert.equal(again.key.label, KEY.label)
    assert.equal(again.sequence, SIGNED_AT)
    assert.equal(again.revoked, false)
    assert.deepEqual(again.soa, DEFAULT_SOA)
    assert.deepEqual(linesOf(again.records), [
      `${KEY.label}. 60 SOA . . ${SIGNED_AT / 1_000_000n} 300 60 604800 60`,
      `${KEY.label}. 300 A 192.0.2.1`,
      `www.${KEY.label}. 60 CNAME ${KEY.label}.`,
      `a\\.b\\000.${KEY.label}. 60 TXT "\\000\\255"`,
      `x.${KEY.label}. 60 TYPE65280 \\# 2 c00c`,
    ])
  })

  test('is the key, a signature, the sequence and a message with QR=1 and nothing but answers', () => {
    const { bytes } = zone
    assert.deepEqual(bytes.subarray(0, 32), Buffer.from(KEY.bytes))
    assert.equal(Buffer.from(bytes).readBigUInt64BE(96), SIGNED_AT)
    assert.deepEqual(bytes.subarray(MESSAGE_AT, MESSAGE_AT + 12), octets('0000 8000 0000 0005 0000 0000'))
    assert.ok(verifyBytes(signedPart(SIGNED_AT, bytes.subarray(MESSAGE_AT)), bytes.subarray(32, 96), KEY))
  })

  test('cannot be changed', () => {
    assert.throws(() => Object.assign(zone, { sequence: 0n }), TypeError)
  })

  test('does not change with the buffer it was read from', () => {
    const buffer = Buffer.from(zone.bytes)
    const again = verifyZone(buffer)
    buffer.fill(0)
    assert.deepEqual(again.bytes, zone.bytes)
  })

  test('is taken from the key that was asked for, and from no other', () => {
    assert.equal(verifyZone(zone.bytes, KEY).key, KEY)
    assertZoneFault(() => verifyZone(zone.bytes, publicKeyOf(BOB)), 'key', new RegExp(publicKeyOf(BOB).label))
  })

  test('is refused with any one bit of it turned', () => {
    const small = zoneOf('')
    for (let bit = 0; bit < small.bytes.length * 8; bit++) {
      const bytes = Buffer.from(small.bytes)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const { reason } = faultOf(() => verifyZone(bytes))
      assert.equal(reason, 'signature', `bit ${bit}`)
    }
  })

  test('is refused cut anywhere or with an octet more', () => {
    for (let length = 0; length < zone.bytes.length; length++) {
      const { reason } = faultOf(() => verifyZone(zone.bytes.subarray(0, length)))
      assert.equal(reason, length <= MESSAGE_AT ? 'size' : 'signature', `${length} octets`)
    }
    assertZoneFault(() => verifyZone(octets(zone.bytes, '00')), 'signature')
  })
})

describe('the size of a zone', () => {
  // SOA: 12 + 54 + 10 + 22 = 98 octets with the header; a TXT at the apex: 2 + 10 + its RDATA.
  const filler = (octets: number) => {
    const strings = [255, 255, 255, octets - 98 - 12 - 3 * 256 - 1]
    return `@ 60 IN TXT ${strings.map((length) => `"${'x'.repeat(length)}"`).join(' ')}`
  }

  test('a message of 996 octets fits, and one of 997 does not', () => {
    const zone = zoneOf(filler(996))
    assert.equal(zone.bytes.length, 1100)
    assert.equal(verifyZone(zone.bytes).records.length, 2)
    assertZoneFault(() => zoneOf(filler(997)), 'size', /997 octets; 996 fit/)
  })

  test('a signature over 997 octets changes nothing', () => {
    const message = messageWith(`${SOA}\n${filler(997)}`)
    assert.equal(message.length, 997)
    assertZoneFault(() => verifyZone(seal(message)), 'size')
  })

  test('too many octets are refused before anything else is looked at', () => {
    assertZoneFault(() => verifyZone(new Uint8Array(MAX_ZONE_OCTETS + 1)), 'size')
    assertZoneFault(() => verifyZone(new Uint8Array(MAX_ZONE_OCTETS)), 'key')
    assertZoneFault(() => verifyZone(new Uint8Array(MAX_ZONE_OCTETS + 1), KEY), 'size')
  })

  test('over 100 records, the SOA included, are refused by their number', () => {
    const records = (count: number) => Array.from({ length: count }, () => '. 0 IN TYPE10 \\# 0').join('\n')
    assertZoneFault(() => zoneOf(records(100)), 'content', /at most 100 records.*not 101/)
    // A record takes eleven octets at least, so the size says no first.
    assertZoneFault(() => zoneOf(records(99)), 'size', /1187 octets/)
    assert.equal(zoneOf(records(81)).records.length, 1)
  })
})

describe('signed octets that are no zone', () => {
  const question = { name: KEY.apex, type: 1, class: 1 }
  const apexA = recordFrom('@ 60 IN A 192.0.2.1', KEY.apex)
  const good = messageWith(SOA)
  const table: [fault: string, message: Uint8Array, sentence: RegExp][] = [
    ['text', Buffer.from('Hello World!'), /no DNS message/],
    ['one octet', octets('00'), /no DNS message/],
    ['a message with an octet behind it', octets(good, '00'), /1 octets follow/],
    ['a message that ends too early', good.subarray(0, -1), /no DNS message/],
    [
      'a message with two SOAs',
      messageWith(`${SOA}\n@ 60 IN SOA . . 1 1 1 1 1`),
      /one SOA at its apex, not 2/,
    ],
    ['an SOA below the apex', messageWith('www 60 IN SOA . . 0 300 60 604800 60'), /not 0/],
    ['an SOA above the apex', messageWith('. 60 IN SOA . . 0 300 60 604800 60'), /not 0/],
    [
      'an SOA of another key',
      messageWith(`${publicKeyOf(BOB).label}. 60 IN SOA . . 0 300 60 604800 60`),
      /not 0/,
    ],
    ['an SOA of class CH', messageWith('@ 60 CH SOA . . 0 300 60 604800 60'), /not 0/],
    ['an SOA with another MNAME', messageWith('@ 60 IN SOA ns. . 0 300 60 604800 60'), /its scope/],
    ['a query (QR=0)', messageWith(SOA, { flags: NO_FLAGS }), /QR=1/],
    ['a message with a question', messageWith(SOA, { questions: [question] }), /answers and nothing else/],
    [
      'a message with an authority section',
      messageWith(SOA, { authority: [apexA] }),
      /answers and nothing else/,
    ],
    [
      'a message with an additional section',
      messageWith(SOA, { additional: [apexA] }),
      /answers and nothing else/,
    ],
    [
      'a message with OPT',
      messageWith(SOA, { edns: { payloadSize: 1232, version: 0, dnssecOk: false } }),
      /answers and nothing else/,
    ],
    [
      'OPT among the answers',
      octets('0000 8000 0000 0001 0000 0000', '00 0029 04d0 00000000 0000'),
      /OPT record stands where none may be/,
    ],
    [
      'a name that points to itself',
      octets('0000 8000 0000 0001 0000 0000', 'c00c 0001 0001 00000000 0004 c0000201'),
      /does not point backward/,
    ],
  ]
  for (const [fault, message, sentence] of table) {
    test(`${fault}: refused for its content`, () =>
      assertZoneFault(() => verifyZone(seal(message)), 'content', sentence))
  }

  test('a malformed SOA does not make it one without', () => {
    const good = messageWith('www 60 IN A 192.0.2.1')
    const soa = wireRecord('c00c', 6, '00 00 0000')
    assertZoneFault(() => verifyZone(seal(octets(good.with(7, 2), soa))), 'content', /RDATA ends/)
  })

  test('a pkarr packet without SOA is a zone of which nobody has signed when it ends', () => {
    const { key, pkarrWithoutSoa } = fixture
    const bytes = octets(key, pkarrWithoutSoa.signature, pkarrWithoutSoa.sequence, pkarrWithoutSoa.message)
    const signed = signedPart(1_700_000_000_000_000n, octets(pkarrWithoutSoa.message))
    assert.ok(verifyBytes(signed, octets(pkarrWithoutSoa.signature), publicKeyFromBytes(octets(key))))
    const zone = verifyZone(bytes)
    assert.deepEqual([zone.bare, zone.revoked, zone.expires], [true, false, Infinity])
    assert.deepEqual(
      zone.records.map(({ type }) => type),
      [RecordType.SOA, RecordType.A, RecordType.A],
    )
    assert.deepEqual(
      wholeContentOf(zone).map(({ type }) => type),
      [RecordType.A, RecordType.A],
    )
    assert.equal(verifyZone(seal(messageWith(''))).bare, true)
    assert.equal(verifyZone(seal(messageWith(SOA))).bare, false)
  })
})

describe('records outside the zone', () => {
  const bob = publicKeyOf(BOB).label
  const outside = `
    example.org.        60 IN A   192.0.2.9
    .                   60 IN NS  a.example.
    ${bob}.             60 IN A   192.0.2.9
    www                 60 CH TXT "chaos"
    www                 60 IN SOA . . 1 1 1 1 1
  `

  test('are left out of a zone that somebody signed with them, and what is inside stays', () => {
    const zone = verifyZone(seal(messageWith(`WWW 60 IN A 192.0.2.1\n${outside}\n${SOA}`)))
    assert.deepEqual(
      zone.records.map(({ name, type }) => [formatName(name), type]),
      [
        [`${KEY.label}.`, RecordType.SOA],
        [`WWW.${KEY.label}.`, RecordType.A],
      ],
    )
  })

  test('RDATA malformed for its type is left out too, whatever a node of another version thinks of that type', () => {
    const good = messageWith(`${SOA}\nwww 60 IN TYPE65280 \\# 1 00`)
    const malformed = [wireRecord('c00c', 1, 'c000020100'), wireRecord('c00c', 257, '00 02 2d2d')]
    const zone = verifyZone(seal(octets(good.with(7, 4), ...malformed)))
    assert.deepEqual(
      zone.records.map(({ type }) => type),
      [RecordType.SOA, 65280],
    )
  })

  test('an apex written in upper case is the apex', () => {
    const upper = KEY.label.toUpperCase()
    const zone = verifyZone(
      seal(messageWith(`${upper}. 60 IN SOA . . 0 300 60 604800 60\nwww.${upper}. 60 IN A 192.0.2.1`)),
    )
    assert.equal(zone.records.length, 2)
  })

  test('other header bits than QR do not matter: pkarr software sets AA', () => {
    const flags = { ...NO_FLAGS, response: true, authoritative: true }
    assert.equal(verifyZone(seal(messageWith(SOA, { flags }))).records.length, 1)
  })
})

describe('the SOA', () => {
  const round = (soa: Partial<ZoneSoa>) => verifyZone(zoneOf('', { soa }).bytes)

  for (const scope of ['any', 'lan', 'wan'] as const) {
    test(`carries the scope ${scope} in MNAME`, () => assert.equal(round({ scope }).soa.scope, scope))
  }

  test('carries the scope in any case', () => {
    assert.equal(verifyZone(seal(messageWith('@ 60 IN SOA LaN. . 0 1 2 3 4'))).soa.scope, 'lan')
  })

  test('carries every time, and MINIMUM is its TTL', () => {
    const soa: ZoneSoa = { scope: 'any', refresh: 1, retry: 2, expire: 3, minimum: 4 }
    const zone = round(soa)
    assert.deepEqual(zone.soa, soa)
    assert.equal(zone.records[0]?.ttl, 4)
  })

  test('its SERIAL is the low 32 bits of the seconds of the sequence', () => {
    const serialOf = (sequence: bigint) => Buffer.from(encodeZoneSoa(DEFAULT_SOA, sequence)).readUInt32BE(2)
    assert.equal(serialOf(1_999_999n), 1)
    assert.equal(serialOf((2n ** 32n + 5n) * 1_000_000n), 5)
  })
})

describe('a zone in time', () => {
  const DAY = 86_400

  test('expires EXPIRE seconds after its sequence', () => {
    assert.equal(zoneOf('', { soa: { expire: 604_800 } }).expires, NOW + 604_800_000)
    assert.equal(zoneOf('', { soa: { expire: 0 } }).expires, NOW)
  })

  test('expires after 30 days where EXPIRE says more', () => {
    assert.equal(zoneOf('', { soa: { expire: 30 * DAY } }).expires, NOW + 30 * DAY * 1000)
    assert.equal(zoneOf('', { soa: { expire: 30 * DAY + 1 } }).expires, NOW + 30 * DAY * 1000)
    assert.equal(zoneOf('', { soa: { expire: 0xffff_ffff } }).expires, NOW + MAX_LIFETIME * 1000)
  })

  test('is served until the millisecond before it expires', () => {
    const zone = zoneOf('')
    checkTime(zone, NOW)
    checkTime(zone, zone.expires - 1)
    assertZoneFault(() => checkTime(zone, zone.expires), 'expired', /2026-11-30T00:00:00/)
  })

  test('is taken ten minutes ahead of the clock, and not a microsecond more', () => {
    assert.equal(TOLERANCE, 600_000)
    const ahead = SIGNED_AT + 600_000_000n
    checkTime(zoneOf('', { sequence: ahead }), NOW)
    assertZoneFault(() => checkTime(zoneOf('', { sequence: ahead + 1n }), NOW), 'future', /ten minutes/)
    checkTime(zoneOf('', { sequence: ahead + 1n }), NOW + 1)
  })

  test('a sequence above the highest of BEP 44 is no zone', () => {
    for (const sequence of [2n ** 63n, 2n ** 64n - 1n]) {
      assertZoneFault(() => verifyZone(seal(messageWith(SOA), sequence)), 'content', /sequence/)
    }
    assert.equal(verifyZone(seal(messageWith(SOA), REVOKED - 1n)).revoked, false)
  })
})

describe('a revocation', () => {
  const revocation = signRevocation(ALICE)

  test('is the same octets every time, those of the vector', () => {
    const { key = '', seed = '', signature = '', sequence = '', message = '' } = readVector('revocation')
    const bytes = octets(key, signature, sequence, message)
    assert.deepEqual(signRevocation(octets(seed)).bytes, bytes)
    assert.deepEqual(signRevocation(octets(seed)).bytes, bytes)
    assert.equal(verifyZone(bytes).revoked, true)
  })

  test('is an SOA with nothing in it, under the highest sequence, for ever', () => {
    assert.equal(revocation.sequence, 2n ** 63n - 1n)
    assert.deepEqual(linesOf(revocation.records), [`${KEY.label}. 0 SOA . . 0 0 0 0 0`])
    checkTime(revocation, 0)
    checkTime(revocation, Number.MAX_SAFE_INTEGER)
  })

  test('beats every other zone of its key', () => {
    const latest = verifyZone(seal(messageWith(`${SOA}\n@ 60 IN TXT "${'x'.repeat(255)}"`), REVOKED - 1n))
    assert.ok(compareZones(revocation, latest) > 0)
    assert.ok(compareZones(latest, revocation) < 0)
    assert.equal(compareZones(revocation, verifyZone(revocation.bytes)), 0)
  })

  const others: [fault: string, message: Uint8Array][] = [
    ['an ordinary zone', messageWith(SOA)],
    ['a revocation with a record more', messageWith('@ 0 IN SOA . . 0 0 0 0 0\n@ 0 IN A 192.0.2.1')],
    ['a revocation with a TTL', messageWith('@ 1 IN SOA . . 0 0 0 0 0')],
    ['a revocation with a SERIAL', messageWith('@ 0 IN SOA . . 1 0 0 0 0')],
    ['no message', Buffer.from('x')],
    ['the revocation of another key', Buffer.from(signRevocation(BOB).bytes.subarray(MESSAGE_AT))],
  ]
  for (const [fault, message] of others) {
    test(`under the highest sequence ${fault} is refused`, () =>
      assertZoneFault(() => verifyZone(seal(message, REVOKED)), 'content', /highest sequence/))
  }

  test('cannot be signed by signing a zone', () => {
    assertZoneFault(() => signZone(ALICE, { sequence: REVOKED, soa: DEFAULT_SOA, records: [] }), 'content')
  })
})

describe('the order of the zones of a key', () => {
  // From the oldest to the newest: by sequence, then by the octets of the message.
  const ordered: SignedZone[] = [
    zoneOf('@ 60 IN A 192.0.2.9', { sequence: SIGNED_AT - 1n }),
    zoneOf('', { sequence: SIGNED_AT }),
    zoneOf('@ 60 IN A 192.0.2.1', { sequence: SIGNED_AT }),
    zoneOf('@ 60 IN A 192.0.2.2', { sequence: SIGNED_AT }),
    zoneOf('', { sequence: SIGNED_AT + 1n }),
    zoneOf('', { sequence: SIGNED_AT + 2n ** 40n }),
    signRevocation(ALICE),
  ]

  test('is by sequence, among equals by octets, and total', () => {
    ordered.forEach((a, i) => {
      ordered.forEach((b, j) => {
        assert.equal(Math.sign(compareZones(a, b)), Math.sign(i - j), `${i} and ${j}`)
      })
    })
  })

  test('is the same whatever order they come in', () => {
    assert.deepEqual([...ordered].reverse().sort(compareZones), ordered)
  })

  test('finds the same bytes equal, though read twice', () => {
    for (const zone of ordered) assert.equal(compareZones(zone, verifyZone(zone.bytes)), 0)
  })
})
