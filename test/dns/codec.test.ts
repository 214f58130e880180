import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeMessage, encodeMessage } from '../../src/dns/codec.ts'
import {
  ExtendedError,
  formatType,
  type Message,
  NO_FLAGS,
  Rcode,
  RecordType,
} from '../../src/dns/message.ts'
import { formatName, nameToWire, parseName } from '../../src/dns/name.ts'
import { fieldsOf } from '../../src/dns/rdata.ts'
import { formatRdata } from '../../src/dns/rdata-text.ts'
import { walkMessage } from '../../src/dns/walker.ts'
import { assertDnsFault } from '../support/faults.ts'
import { messageOf } from '../support/messages.ts'
import { recordFrom, recordsFrom } from '../support/records.ts'
import { header, octets, uint16, wireName, wireRecord } from '../support/wire.ts'

const EVERY_TYPE = `
  example.org.      300  IN A      192.0.2.1
  example.org.      300  IN AAAA   2001:db8::1
  example.org.      3600 IN NS     ns.example.org.
  www.example.org.  60   IN CNAME  Web.Example.ORG.
  example.org.      60   IN SOA    ns.example.org. admin.example.org. 1 300 60 604800 60
  4.example.org.    60   IN PTR    host.example.org.
  example.org.      60   IN MX     10 mail.example.org.
  example.org.      60   IN TXT    "plain" "" "\\000\\255 binary"
  _s._tcp.example.org. 60 IN SRV   1 2 443 www.example.org.
  example.org.      60   IN CAA    0 issue "ca.example"
  example.org.      60   IN SVCB   1 svc.example.org. alpn=h2,h3 port=8443
  example.org.      60   IN HTTPS  0 www.example.org.
  example.org.      60   IN HINFO  "cpu" "os"
  old.example.org.  60   IN DNAME  new.example.org.
  sub.example.org.  60   IN DS     60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
  example.org.      60   IN SSHFP  4 3 00FF
  _443._tcp.example.org. 60 IN TLSA 3 1 0 00FF
  example.org.      60   IN NAPTR  100 10 "u" "sip+E2U" "!^.*$!sip:info@example.com!" Next.example.ORG.
  example.org.      60   IN URI    10 1 "https://www.example.org/"
  example.org.      60   IN LOC    42 21 54 N 71 6 18 W -24m 30m
  example.org.      60   IN TYPE65280 \\# 4 C00CC00C
  a\\.b\\000.example.org. 60 IN A  192.0.2.2
  x.example.org.    60   CH TXT    "chaos"
  empty.example.org. 60  IN TYPE10 \\# 0
`

function decode(octets: Uint8Array): Message {
  return decodeMessage(octets, { trailing: 'refuse' })
}

describe('a message', () => {
  const message = messageOf({
    id: 0xbeef,
    opcode: 2,
    rcode: Rcode.NxDomain,
    flags: { ...NO_FLAGS, response: true, recursionDesired: true, checkingDisabled: true },
    questions: [{ name: parseName('Example.ORG.'), type: RecordType.HTTPS, class: 1 }],
    answers: recordsFrom(EVERY_TYPE),
    authority: recordsFrom(EVERY_TYPE),
    additional: recordsFrom(EVERY_TYPE),
    edns: {
      payloadSize: 1232,
      version: 0,
      dnssecOk: true,
      error: { code: ExtendedError.Bogus, text: 'Über' },
    },
  })

  test('with records of every type in every section comes back as it was sent', () => {
    assert.deepEqual(decode(encodeMessage(message)), message)
  })

  test('with nothing in it is its header', () => {
    assert.deepEqual(encodeMessage(messageOf({})), Buffer.alloc(12))
    assert.deepEqual(decode(Buffer.alloc(12)), messageOf({}))
  })

  const flags: [flag: keyof typeof NO_FLAGS, bits: string][] = [
    ['response', '8000'],
    ['authoritative', '0400'],
    ['truncated', '0200'],
    ['recursionDesired', '0100'],
    ['recursionAvailable', '0080'],
    ['authenticData', '0020'],
    ['checkingDisabled', '0010'],
  ]
  for (const [flag, bits] of flags) {
    test(`the flag ${flag} is 0x${bits}, and no other`, () => {
      const only = messageOf({ flags: { ...NO_FLAGS, [flag]: true } })
      assert.equal(encodeMessage(only).toString('hex', 2, 4), bits)
      assert.deepEqual(decode(encodeMessage(only)), only)
    })
  }

  test('keeps no part of the buffer it came from', () => {
    const wire = encodeMessage(message)
    const decoded = decode(wire)
    const before = decoded.answers.map(({ data }) => Buffer.from(data))
    wire.fill(0xff)
    assert.deepEqual(
      decoded.answers.map(({ data }) => Buffer.from(data)),
      before,
    )
  })

  test('cut anywhere is malformed, and nothing worse', () => {
    const wire = encodeMessage(message)
    for (let length = 0; length < wire.length; length++) {
      assertDnsFault(() => decode(wire.subarray(0, length)), 'malformed')
    }
  })

  test('octets behind the last record are refused or ignored, as asked', () => {
    const wire = octets(encodeMessage(message), '00')
    assertDnsFault(() => decodeMessage(wire, { trailing: 'refuse' }), 'malformed', /1 octets follow/)
    assert.deepEqual(decodeMessage(wire, { trailing: 'ignore' }), message)
  })
})

describe('compression', () => {
  const sizeOf = (text: string) => encodeMessage(messageOf({ answers: recordsFrom(text) })).length
  const OWNER = 'target.example.'
  const RECORD = 10

  test('a name that was written before is a pointer, whole or in part', () => {
    const wire = encodeMessage(
      messageOf({ answers: recordsFrom('www.example. 60 IN A 192.0.2.1\nweb.example. 60 IN A 192.0.2.2') }),
    )
    // 12 header, 13 name, 10 fixed, 4 address: at 39 "web" and a pointer to 16.
    assert.deepEqual(wire.subarray(39, 45), octets('03 77 65 62 c0 10'))
  })

  const types: [type: string, before: string, fixed: number, compressed: boolean][] = [
    ['NS', '', 0, true],
    ['CNAME', '', 0, true],
    ['PTR', '', 0, true],
    ['MX', '10 ', 2, true],
    ['SRV', '1 2 3 ', 6, false],
    ['DNAME', '', 0, false],
    ['NAPTR', '1 2 "" "" "" ', 7, false],
    ['SVCB', '1 ', 2, false],
    ['HTTPS', '1 ', 2, false],
  ]
  for (const [type, before, fixed, compressed] of types) {
    test(`the name in the RDATA of ${type} is ${compressed ? 'a pointer' : 'written out'}`, () => {
      const name = compressed ? 2 : wireName(OWNER).length
      assert.equal(
        sizeOf(`${OWNER} 60 IN ${type} ${before}${OWNER}`),
        12 + wireName(OWNER).length + RECORD + fixed + name,
      )
    })
  }

  test('both names of an SOA are pointers', () => {
    assert.equal(
      sizeOf(`${OWNER} 60 IN SOA ${OWNER} ${OWNER} 1 2 3 4 5`),
      12 + wireName(OWNER).length + RECORD + 2 + 2 + 20,
    )
  })

  test('no name comes out in the case of another', () => {
    const answers = recordsFrom(`
      EXAMPLE.org.     60 IN A     192.0.2.1
      example.ORG.     60 IN A     192.0.2.2
      www.Example.Org. 60 IN CNAME WWW.example.org.
    `)
    assert.deepEqual(decode(encodeMessage(messageOf({ answers }))).answers, answers)
  })

  test('a label with a dot in it is no part of the name that looks like it', () => {
    const answers = recordsFrom('a.b.example. 60 IN NS a\\.b.example.\nb.example. 60 IN NS a.b.example.')
    assert.deepEqual(decode(encodeMessage(messageOf({ answers }))).answers, answers)
  })

  test('nothing points farther than a pointer reaches', () => {
    const filler = Array.from({ length: 80 }, () => recordFrom(`. 60 IN TXT "${'x'.repeat(255)}"`))
    const late = recordsFrom('late.example. 60 IN NS late.example.\nlate.example. 60 IN NS late.example.')
    const answers = [...filler, ...late]
    assert.deepEqual(decode(encodeMessage(messageOf({ answers }))).answers, answers)
  })
})

describe('what other encoders send', () => {
  // At 12 the question's name: 07 example 03 org 00; "org" stands at 20.
  const question = octets(wireName('Example.org.'), '0001 0001')
  const answer = (type: number, data: Uint8Array | string) =>
    decode(octets(header({ qd: 1, an: 1 }), question, wireRecord('c00c', type, data))).answers[0]

  const compressed: [type: keyof typeof RecordType, data: string, text: string][] = [
    ['NS', '02 6e 73 c00c', 'ns.Example.org.'],
    ['CNAME', 'c00c', 'Example.org.'],
    ['PTR', 'c014', 'org.'],
    ['MX', '000a c00c', '10 Example.org.'],
    [
      'SOA',
      'c00c 01 61 c00c 00000001 00000002 00000003 00000004 00000005',
      'Example.org. a.Example.org. 1 2 3 4 5',
    ],
    ['SRV', '0001 0002 0003 c00c', '1 2 3 Example.org.'],
    ['DNAME', 'c014', 'org.'],
    ['NAPTR', '0001 0002 00 00 00 c00c', '1 2 "" "" "" Example.org.'],
    ['SVCB', '0001 c00c 0003 0002 0035', '1 Example.org. port=53'],
  ]
  for (const [type, data, text] of compressed) {
    test(`pointers in the RDATA of ${type} are undone`, () => {
      const record = answer(RecordType[type], data)
      assert.equal(formatName(record?.name ?? parseName('.')), 'Example.org.')
      assert.equal(formatRdata(RecordType[type], record?.data ?? new Uint8Array()), text)
    })
  }

  test('RDATA of a type with no names known here is not touched, though it looks like a pointer', () => {
    for (const type of [10, 16, 34, 46, 47, 99, 250, 257, 65280]) {
      assert.deepEqual(answer(type, '02 c00c')?.data, octets('02 c00c'), `TYPE${type}`)
    }
  })

  test('a TXT whose octets are no UTF-8 comes through as it is', () => {
    const data = octets('04 c3 28 00 ff')
    const record = answer(RecordType.TXT, data)
    assert.deepEqual(record?.data, data)
    const again = encodeMessage(messageOf({ answers: record ? [record] : [] }))
    assert.deepEqual(decode(again).answers[0]?.data, data)
  })

  const wrong: [fault: string, type: keyof typeof RecordType, data: string][] = [
    ['a name that ends too early', 'NS', '02 6e 73 c00c 00'],
    ['a name that ends too late', 'NS', '02 6e 73 c0'],
    ['no name at all', 'CNAME', ''],
    ['an MX without its name', 'MX', '000a'],
    ['an MX with half a number', 'MX', '00'],
    ['an SOA without its last number', 'SOA', 'c00c c00c 00000001 00000002 00000003 00000004'],
    ['an SOA with an octet too many', 'SOA', 'c00c c00c 00000001 00000002 00000003 00000004 00000005 00'],
    ['a pointer to its own RDATA', 'NS', 'c029'],
    ['a replacement that ends too late', 'NAPTR', '0001 0002 00 00 00 01'],
    ['SVCB parameters out of order', 'SVCB', '0001 00 0004 0004 c0000201 0003 0002 0035'],
    ['an SVCB parameter twice', 'HTTPS', '0001 00 0003 0002 0035 0003 0002 0035'],
    ['an SVCB parameter longer than the RDATA', 'SVCB', '0001 00 0003 0003 0035'],
  ]
  for (const [fault, type, data] of wrong) {
    test(`a ${type} record with ${fault} is malformed`, () =>
      assertDnsFault(() => answer(RecordType[type], data), 'malformed'))
  }

  for (const { name, type, data } of recordsFrom(EVERY_TYPE)) {
    if (!fieldsOf(type)) continue
    const wire = octets(header({ an: 1 }), wireRecord(nameToWire(name), type, data))
    const withLength = (length: number) => {
      wire.writeUInt16BE(length, wire.length - data.length - 2)
      return wire
    }
    test(`${formatName(name)} ${formatType(type)} with an RDLENGTH one too low or too high is malformed`, () => {
      assert.deepEqual(decode(withLength(data.length)).answers[0]?.data, Buffer.from(data))
      for (const length of [data.length - 1, data.length + 1])
        assertDnsFault(() => decode(withLength(length)), 'malformed')
    })
  }

  test('a TTL over 2^31 - 1 counts as 2^31 - 1', () => {
    const wire = octets(header({ an: 1 }), '00 0001 0001 ffffffff 0004 c0000201')
    assert.equal(decode(wire).answers[0]?.ttl, 0x7fff_ffff)
    const [record] = recordsFrom('. 60 IN A 192.0.2.1')
    assert.ok(record)
    const sent = encodeMessage(messageOf({ answers: [{ ...record, ttl: 0xffff_ffff }] }))
    assert.equal(walkMessage(sent).records[0]?.ttl, 0x7fff_ffff)
  })

  test('names of RDATA that expand to more than 64 KiB are malformed, though no owner does', () => {
    const name = octets(...Array.from({ length: 120 }, () => octets('01 61')), '00')
    const wire = octets(
      header({ qd: 1, an: 300 }),
      name,
      '0001 0001',
      ...Array.from({ length: 300 }, () => wireRecord('00', RecordType.NS, 'c00c')),
    )
    assert.equal(walkMessage(wire).expanded, 241 + 300)
    assertDnsFault(() => decode(wire), 'malformed', /64 KiB/)
  })
})

describe('EDNS', () => {
  const opt = (extra = {}) =>
    messageOf({ edns: { payloadSize: 1232, version: 0, dnssecOk: false, error: undefined, ...extra } })
  /** An OPT record: payload size 1232, this TTL, these options. */
  const wireOpt = (ttl: string, data = '') => octets('00 0029 04d0', ttl, uint16(octets(data).length), data)

  test('OPT is written with the root as owner, size, version and DO in their places', () => {
    const wire = encodeMessage(opt({ dnssecOk: true, version: 1 }))
    assert.deepEqual(wire.subarray(12), octets('00 0029 04d0 00 01 8000 0000'))
    assert.deepEqual(decode(wire), opt({ dnssecOk: true, version: 1 }))
  })

  test('a payload size of zero is sent as zero', () => {
    assert.equal(decode(encodeMessage(opt({ payloadSize: 0 }))).edns?.payloadSize, 0)
  })

  test('an extended error carries its code and text', () => {
    const message = opt({ error: { code: ExtendedError.Blocked, text: 'kadns allow ü' } })
    const wire = encodeMessage(message)
    assert.deepEqual(wire.subarray(23), octets('000f 0010 000f', Buffer.from('kadns allow ü')))
    assert.deepEqual(decode(wire), message)
  })

  test('other options are passed over', () => {
    const wire = octets(
      header({ ar: 1 }),
      wireOpt('00000000', '000a 0008 0102030405060708 000f 0002 0006 000c 0000'),
    )
    assert.deepEqual(decode(wire).edns, {
      payloadSize: 1232,
      version: 0,
      dnssecOk: false,
      error: { code: ExtendedError.Bogus, text: '' },
    })
  })

  test('response code 16 is split: its low bits in the header, its high ones in OPT', () => {
    const message = { ...opt(), rcode: Rcode.BadVers }
    const wire = encodeMessage(message)
    assert.equal((wire[3] ?? 0xff) & 0xf, 0)
    assert.equal(walkMessage(wire).records[0]?.ttl, 0x0100_0000)
    assert.deepEqual(decode(wire), message)
  })

  test('the highest extended response code does not change the version', () => {
    const { rcode, edns } = decode(octets('0000 800f 0000 0000 0000 0001', wireOpt('ff000000')))
    assert.equal(rcode, 0xfff)
    assert.equal(edns?.version, 0)
    assert.equal(edns?.dnssecOk, false)
    const message = { ...opt(), rcode: 0xfff }
    assert.deepEqual(decode(encodeMessage(message)), message)
  })

  const broken: [fault: string, wire: Uint8Array][] = [
    ['two OPT records', octets(header({ ar: 2 }), wireOpt('00000000'), wireOpt('00000000'))],
    ['an OPT record among the answers', octets(header({ an: 1 }), wireOpt('00000000'))],
    ['an OPT record in the authority section', octets(header({ ns: 1 }), wireOpt('00000000'))],
    ['an OPT record that has a name', octets(header({ ar: 1 }), '01 61', wireOpt('00000000'))],
    ['an option longer than OPT', octets(header({ ar: 1 }), wireOpt('00000000', '000a 0009 00'))],
    ['half an option header', octets(header({ ar: 1 }), wireOpt('00000000', '000a 00'))],
    ['an extended error of one octet', octets(header({ ar: 1 }), wireOpt('00000000', '000f 0001 00'))],
  ]
  for (const [fault, wire] of broken) {
    test(`a message with ${fault} is malformed`, () => assertDnsFault(() => decode(wire), 'malformed'))
  }
})

describe('size', () => {
  const texts = (count: number) =>
    Array.from({ length: count }, () => recordFrom(`. 60 IN TXT "${'x'.repeat(255)}"`))

  test('a message may have 65535 octets, and none more', () => {
    // 12 octets of header, 11 + 256 of each record: 245 of them leave 108.
    const fill = (octets: number) => recordFrom(`. 60 IN TXT "${'x'.repeat(octets - 12)}"`)
    const of = (last: number) => messageOf({ answers: [...texts(245), fill(last)] })
    assert.equal(encodeMessage(of(108)).length, 65_535)
    assertDnsFault(() => encodeMessage(of(109)), 'too-large', /65536 octets/)
  })

  test('a thousand records are moved in memory a few times each, not a thousand times', (context) => {
    const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array
    for (const count of [100, 1000]) {
      const answers = Array.from({ length: count }, (_, at) =>
        recordFrom(`r${at}.example. 60 IN NS n${at}.example.`),
      )
      let moved = 0
      const set = typedArray.set
      const spy = context.mock.method(
        typedArray,
        'set',
        function (this: Uint8Array, from: Uint8Array, at?: number) {
          moved += from.length
          set.call(this, from, at)
        },
      )
      const wire = encodeMessage(messageOf({ answers }))
      spy.mock.restore()
      assert.ok(moved > wire.length / 2, `${moved} octets counted for ${wire.length}`)
      assert.ok(moved < wire.length * 6, `${moved} octets moved for ${wire.length}`)
    }
  })
})
