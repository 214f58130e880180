/** What a client sees of a packet's own form: header, question, OPT, and packets that are no proper question. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { fold, formatName, parseName } from '../../src/dns/name.ts'
import { Bit, DNSSEC_OK, opt, queryPacket, questionOctets } from '../support/queries.ts'

import { TestResolver } from '../support/test-resolver.ts'
import { octets, wireName } from '../support/wire.ts'
import { linesOf, zoneOf } from '../support/zones.ts'

const ALICE_ZONE = zoneOf('www 300 IN A 192.0.2.1\n@ 300 IN DS 1 8 9 00')
const WWW = `www.${ALICE_ZONE.key.label}.kad.alt`
const APEX = `${ALICE_ZONE.key.label}.kad.alt`

const SCRIPT = {
  'example.org A': { answer: 'example.org. 300 IN A 192.0.2.80' },
  'signed.example.org A': {
    answer: [
      'signed.example.org. 300 IN A 192.0.2.81',
      'signed.example.org. 300 IN TYPE46 \\# 5 00010d0300',
      'signed.example.org. 300 IN TYPE47 \\# 3 010203',
    ].join('\n'),
  },
}

const open = () => TestResolver.open({ zones: [ALICE_ZONE], scripts: [SCRIPT] })

describe('the header of a reply', () => {
  for (const [whose, name] of [
    ['our zones', WWW],
    ['the ordinary DNS', 'example.org'],
  ] as const) {
    test(`names of ${whose}: QR, RA and the asked RD are set; AA, TC, AD and Z are not; the id is the question's`, async () => {
      await using resolver = await open()
      const first = await resolver.ask(`${name} A`, { id: 0xbeef })
      const again = await resolver.ask(`${name} A`, { id: 0x1234 })
      for (const reply of [first, again]) assert.equal(reply.bits, Bit.QR | Bit.RD | Bit.RA)
      assert.deepEqual([first.id, again.id], [0xbeef, 0x1234])
      assert.equal(first.answers.length, 1)
    })
  }

  test('without RD a name of ours is answered, and RD stays clear', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { bits: 0 })
    assert.equal(reply.bits, Bit.QR | Bit.RA)
    assert.equal(reply.answers.length, 1)
  })

  test('without RD a name of ours that leads into the ordinary DNS: the alias, and nobody is asked', async () => {
    const zones = [zoneOf('www 300 IN CNAME web\nweb 200 IN CNAME example.org.')]
    await using resolver = await TestResolver.open({ zones, scripts: [SCRIPT] })
    const alone = await resolver.ask(`${WWW} A`, { bits: 0 })
    assert.equal(alone.bits, Bit.QR | Bit.RA)
    assert.deepEqual(linesOf(alone.answers), [
      `${WWW}. 300 CNAME web.${APEX}.`,
      `web.${APEX}. 200 CNAME example.org.`,
    ])
    assert.deepEqual(resolver.upstream.asked, [])
    const followed = await resolver.ask(`${WWW} A`)
    assert.deepEqual([followed.rcode, followed.answers.length], [Rcode.NoError, 3])
    assert.equal((await resolver.ask(`${WWW} A`, { bits: 0 })).answers.length, 3, 'what is known is told')
  })

  test('without RD an ordinary name is refused and nobody is asked; once it is known, it is answered', async () => {
    await using resolver = await open()
    assert.equal((await resolver.ask('example.org A', { bits: 0 })).rcode, Rcode.Refused)
    assert.deepEqual(resolver.upstream.asked, [])
    await resolver.ask('example.org A')
    const known = await resolver.ask('example.org A', { bits: 0 })
    assert.deepEqual([known.rcode, known.answers.length], [Rcode.NoError, 1])
    assert.equal(resolver.upstream.asked.length, 1)
  })

  test('AA, RA, AD and an RCODE in a question change nothing', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { bits: Bit.RD | Bit.AA | Bit.RA | Bit.AD | 5 })
    assert.equal(reply.bits, Bit.QR | Bit.RD | Bit.RA)
    assert.equal(reply.answers.length, 1)
  })

  test('Z in a question is answered with Z clear', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { bits: Bit.RD | Bit.Z })
    assert.equal(reply.bits & Bit.Z, 0)
    assert.equal(reply.answers.length, 1)
  })

  test('TC in a question is a malformed question or none at all', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { bits: Bit.RD | Bit.TC })
    assert.equal(reply.bits & Bit.TC, 0)
    assert.ok(reply.rcode === Rcode.FormErr || reply.answers.length === 1)
  })

  test('CD comes back, and goes to the upstream', async () => {
    await using resolver = await open()
    const checked = await resolver.ask('example.org A')
    const unchecked = await resolver.ask('example.org A', { bits: Bit.RD | Bit.CD })
    assert.deepEqual([checked.bits & Bit.CD, unchecked.bits & Bit.CD], [0, Bit.CD])
    const asked = resolver.upstream.asked.map(({ message }) => message.flags.checkingDisabled)
    assert.deepEqual(asked, [false, true])
  })

  test('AD is never set: nothing is validated here, and the upstream is not trusted to have done it', async () => {
    const change = (reply: Buffer) => {
      reply[3] = reply.readUInt8(3) | Bit.AD
      return reply
    }
    const answer = 'example.org. 300 IN A 192.0.2.80'
    await using resolver = await TestResolver.open({ scripts: [{ 'example.org A': { answer, change } }] })
    const reply = await resolver.ask('example.org A', { bits: Bit.RD | Bit.AD, edns: DNSSEC_OK })
    assert.equal(reply.answers.length, 1)
    assert.equal(reply.bits & Bit.AD, 0)
  })
})

describe('the question in a reply', () => {
  test('comes back octet by octet as it was spelled, whoever spelled it otherwise before', async () => {
    await using resolver = await open()
    for (const name of ['example.org', 'eXaMPLe.oRG', 'EXAMPLE.ORG', WWW, WWW.toUpperCase()]) {
      const reply = await resolver.ask(`${name} A`)
      assert.deepEqual(reply.question, questionOctets(`${name} A`), name)
      assert.equal(reply.answers.length, 1, name)
      assert.equal(formatName(reply.answers[0]!.name).toLowerCase(), `${name}.`.toLowerCase())
    }
    assert.equal(resolver.upstream.asked.length, 1)
  })

  test('keeps dots, NULs, blanks and octets above 127 inside its labels, and each such name is a name of its own', async () => {
    const names = ['a\\.b', 'a.b', 'a\\000b', 'a\\032b', 'a\\128b', 'a\\255b', 'a\\195\\169']
    const answers = names.map((name, at) => [
      `${name}.example A`,
      { answer: `${name}.example. 300 IN A 192.0.2.${at}` },
    ])
    await using resolver = await TestResolver.open({ scripts: [Object.fromEntries(answers)] })
    for (const round of ['asked', 'remembered']) {
      for (const [at, name] of names.entries()) {
        const reply = await resolver.ask(`${name}.example A`)
        assert.deepEqual(reply.question, questionOctets(`${name}.example A`), `${round} ${name}`)
        assert.deepEqual(linesOf(reply.answers), [`${name}.example. 300 A 192.0.2.${at}`], round)
      }
    }
    assert.equal(resolver.upstream.asked.length, names.length)
    assert.equal(fold(resolver.upstream.asked[0]!.name), parseName('a\\.b.example.'))
  })
})

describe('EDNS', () => {
  test('a question with OPT gets exactly one: version 0, 1232 octets; one without gets none', async () => {
    await using resolver = await open()
    for (const name of [WWW, `absent.${APEX}`, 'example.org', 'x.invalid']) {
      const reply = await resolver.ask(`${name} A`, { edns: { payload: 4096 } })
      assert.deepEqual(
        [reply.edns?.version, reply.edns?.payloadSize, reply.edns?.dnssecOk],
        [0, 1232, false],
        name,
      )
      assert.equal(reply.octets.readUInt16BE(10), 1, name)
      const plain = await resolver.ask(`${name} A`)
      assert.equal(plain.edns, undefined, name)
      assert.equal(plain.octets.readUInt16BE(10), 0, name)
    }
  })

  test('DO comes back, with the signatures the upstream gave; without DO there are none', async () => {
    await using resolver = await open()
    const plain = await resolver.ask('signed.example.org A', { edns: {} })
    assert.equal(plain.edns?.dnssecOk, false)
    assert.deepEqual(linesOf(plain.answers), ['signed.example.org. 300 A 192.0.2.81'])
    const signed = await resolver.ask('signed.example.org A', { edns: DNSSEC_OK })
    assert.equal(signed.edns?.dnssecOk, true)
    assert.deepEqual(
      signed.answers.map(({ type }) => type),
      [1, 46],
    )
    assert.deepEqual(
      resolver.upstream.asked.map(({ message }) => message.edns?.dnssecOk),
      [false, true],
    )
  })

  test('a version above 0 is BADVERS, with an OPT of version 0 and no answer', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { edns: { version: 1 } })
    assert.deepEqual([reply.rcode, reply.edns?.version, reply.answers.length], [Rcode.BadVers, 0, 0])
  })

  test('an option nobody knows is ignored and not sent back', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { edns: { options: 'fde9 0002 6869' } })
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 1])
    assert.equal(reply.octets.includes(Buffer.from('fde9', 'hex')), false)
    assert.equal(reply.octets.length, (await resolver.ask(`${WWW} A`)).octets.length + 11)
  })

  test('EDNS flags nobody knows are ignored and clear in the reply', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, { edns: { flags: 0x7fff } })
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 1])
    assert.equal(reply.octets.readUInt16BE(reply.octets.length - 4), 0)
  })

  const broken: [string, Buffer[]][] = [
    ['two OPTs', [opt({}), opt({})]],
    ['an OPT that is not owned by the root', [opt({}, wireName('x.').toString('hex'))]],
    ['an OPT with an option that runs past its end', [opt({ options: 'fde9 0010 00' })]],
    ['an OPT that runs past the end of the packet', [opt({ options: 'fde9 0002 6869' }).subarray(0, -1)]],
  ]
  for (const [word, records] of broken) {
    test(`${word}: FORMERR, with an OPT, since one came (RFC 6891 6.1.1)`, async () => {
      await using resolver = await open()
      const packet = octets(queryPacket(`${WWW} A`), ...records)
      packet.writeUInt16BE(records.length, 10)
      const reply = await resolver.send(packet)
      assert.deepEqual([reply?.rcode, reply?.edns?.version, reply?.questions.length], [Rcode.FormErr, 0, 1])
    })
  }

  test('a record beside the OPT (TSIG, say) is ignored', async () => {
    await using resolver = await open()
    const packet = octets(queryPacket(`${WWW} A`, { edns: {} }), wireName('k.'), '00fa 00ff 00000000 0000')
    packet.writeUInt16BE(2, 10)
    const reply = await resolver.send(packet)
    assert.deepEqual([reply?.rcode, reply?.answers.length], [Rcode.NoError, 1])
  })
})

describe('questions that are not answered with data', () => {
  for (const [word, opcode] of [
    ['STATUS', 2],
    ['NOTIFY', 4],
    ['UPDATE', 5],
    ['opcode 15', 15],
  ] as const) {
    test(`${word} is NOTIMP, opcode copied, AA and AD clear`, async () => {
      await using resolver = await open()
      const bits = (opcode << 11) | Bit.RD | Bit.AD
      const reply = await resolver.ask(`${WWW} A`, { bits })
      assert.deepEqual([reply.rcode, reply.opcode, reply.answers.length], [Rcode.NotImp, opcode, 0])
      assert.equal(reply.bits & (Bit.AA | Bit.AD), 0)
    })
  }

  const counts: [string, (packet: Buffer) => void][] = [
    ['no question', (packet) => packet.writeUInt16BE(0, 4)],
    ['two questions', (packet) => packet.writeUInt16BE(2, 4)],
    ['an answer in the question', (packet) => packet.writeUInt16BE(1, 6)],
    ['an authority in the question', (packet) => packet.writeUInt16BE(1, 8)],
    ['additional records that are not there', (packet) => packet.writeUInt16BE(1, 10)],
    ['65535 additional records', (packet) => packet.writeUInt16BE(65_535, 10)],
  ]
  for (const [word, change] of counts) {
    test(`${word}: FORMERR`, async () => {
      await using resolver = await open()
      const packet = octets(queryPacket(`${WWW} A`), questionOctets(`${WWW} AAAA`).subarray(0, 8))
      change(packet)
      const reply = await resolver.send(packet)
      assert.deepEqual([reply?.rcode, reply?.answers.length], [Rcode.FormErr, 0])
    })
  }

  test('a reply is never answered', async () => {
    await using resolver = await open()
    assert.equal(await resolver.send(queryPacket(`${WWW} A`, { bits: Bit.QR | Bit.RD })), undefined)
  })

  test('fewer octets than a header has are never answered', async () => {
    await using resolver = await open()
    const packet = queryPacket(`${WWW} A`)
    for (let length = 0; length < 12; length++)
      assert.equal(await resolver.send(packet.subarray(0, length)), undefined, `${length} octets`)
  })

  test('a header that promises a question and ends is FORMERR without a question', async () => {
    await using resolver = await open()
    const reply = await resolver.send(queryPacket(`${WWW} A`).subarray(0, 12))
    assert.deepEqual([reply?.rcode, reply?.questions.length, reply?.id], [Rcode.FormErr, 0, 0x4b4e])
  })

  const names: [string, string][] = [
    ['a pointer to itself', 'c00c'],
    ['a pointer forward', 'c012 00'],
    ['a pointer into the header', 'c000'],
    ['label type 0x40', `41 ${'61'.repeat(1)} 00`],
    ['label type 0x80', '81 61 00'],
    ['a label of 64 octets', `40 ${'61'.repeat(64)} 00`],
    ['a name of 256 octets', `${`3f${'61'.repeat(63)}`.repeat(3)} 3e${'61'.repeat(62)} 00`],
    ['a name without an end', '03777777'],
  ]
  for (const [word, name] of names) {
    test(`${word} is FORMERR`, async () => {
      await using resolver = await open()
      const reply = await resolver.send(octets('4b4e 0100 0001 0000 0000 0000', name, '0001 0001'))
      assert.deepEqual([reply?.rcode, reply?.answers.length], [Rcode.FormErr, 0])
    })
  }

  test('a name of 255 octets is still a name', async () => {
    await using resolver = await TestResolver.open()
    const name = `${`3f${'61'.repeat(63)}`.repeat(3)} 3d${'61'.repeat(61)} 00`
    const reply = await resolver.send(octets('4b4e 0100 0001 0000 0000 0000', name, '0001 0001'))
    assert.equal(reply?.rcode, Rcode.NxDomain) // its top label is longer than any top-level domain
    assert.equal(reply.questions.length, 1)
  })

  test('octets behind the message are ignored', async () => {
    await using resolver = await open()
    const reply = await resolver.send(octets(queryPacket(`${WWW} A`), 'deadbeef'))
    assert.deepEqual([reply?.rcode, reply?.answers.length], [Rcode.NoError, 1])
  })

  for (const name of ['version.bind', 'version.server', 'id.server', 'hostname.bind']) {
    test(`${name} in class CH is refused or answered here, never forwarded`, async () => {
      await using resolver = await open()
      const reply = await resolver.ask(`${name} TXT`, { class: 3 })
      assert.ok(reply.rcode === Rcode.Refused || reply.answers.length === 1)
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  for (const dnsClass of [0, 2, 4, 254, 255, 65_280]) {
    test(`class ${dnsClass} is refused, never forwarded as IN`, async () => {
      await using resolver = await open()
      for (const name of ['example.org', WWW])
        assert.equal((await resolver.ask(`${name} A`, { class: dnsClass })).rcode, Rcode.Refused)
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  for (const type of ['TYPE0', 'OPT']) {
    test(`a question for ${type} is FORMERR or has no data, and is not forwarded`, async () => {
      await using resolver = await open()
      const reply = await resolver.ask(`example.org ${type}`)
      assert.ok(reply.rcode === Rcode.FormErr || reply.rcode === Rcode.NoError)
      assert.equal(reply.answers.length, 0)
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  for (const type of ['AXFR', 'IXFR', 'TSIG', 'TYPE249']) {
    test(`${type} is refused over UDP and TCP`, async () => {
      await using resolver = await open()
      for (const name of [APEX, 'example.org'])
        for (const transport of ['udp', 'tcp'] as const)
          assert.equal((await resolver.ask(`${name} ${type}`, { transport })).rcode, Rcode.Refused)
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  test('ANY is one small HINFO "RFC8482" with a TTL, and asks nobody', async () => {
    await using resolver = await open()
    for (const name of [WWW, 'example.org']) {
      const reply = await resolver.ask(`${name} ANY`)
      assert.equal(reply.rcode, Rcode.NoError)
      assert.deepEqual(linesOf(reply.answers), [`${name}. 3600 HINFO "RFC8482" ""`])
    }
    assert.deepEqual(resolver.upstream.asked, [])
  })

  for (const type of ['RRSIG', 'NSEC', 'DNSKEY']) {
    test(`${type} of a name of ours has no data, with the zone's SOA`, async () => {
      await using resolver = await open()
      for (const name of [WWW, APEX]) {
        const reply = await resolver.ask(`${name} ${type}`)
        assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 0])
        assert.deepEqual(
          reply.authority.map(({ name: owner }) => formatName(owner)),
          [`${APEX}.`],
        )
      }
    })
  }

  test('DS at the apex of a zone of ours is no error and asks nobody', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN A 192.0.2.1')] })
    const reply = await resolver.ask(`${APEX} DS`)
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NoError, 0, 1])
    assert.deepEqual(resolver.upstream.asked, [])
  })
})

describe('replies that do not fit', () => {
  const long = Array.from({ length: 8 }, (_, at) => `long 300 IN TXT "${String(at).repeat(90)}"`).join('\n')
  const zone = zoneOf(long)
  const name = `long.${zone.key.label}.kad.alt`
  const huge = Array.from({ length: 60 }, (_, at) => `huge.example. 300 IN TXT "${at} ${'x'.repeat(50)}"`)
  const scripts = [{ 'huge.example TXT': { answer: huge.join('\n') } }]

  for (const payload of [0, 511, 512, 600]) {
    test(`a client that takes ${payload} octets gets at most ${Math.max(payload, 512)}: TC, its question, OPT, no half set`, async () => {
      await using resolver = await TestResolver.open({ zones: [zone] })
      const reply = await resolver.ask(`${name} TXT`, { edns: { payload } })
      assert.equal(reply.bits & Bit.TC, Bit.TC)
      assert.ok(reply.octets.length <= Math.max(payload, 512))
      assert.deepEqual([reply.questions.length, reply.answers.length, reply.edns?.version], [1, 0, 0])
    })
  }

  test('a client without EDNS gets at most 512 octets', async () => {
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`${name} TXT`)
    assert.equal(reply.bits & Bit.TC, Bit.TC)
    assert.deepEqual([reply.questions.length, reply.answers.length, reply.edns], [1, 0, undefined])
  })

  test('a client that takes 1232 octets gets all of it, and so does one on TCP', async () => {
    await using resolver = await TestResolver.open({ zones: [zone] })
    for (const reply of [
      await resolver.ask(`${name} TXT`, { edns: {} }),
      await resolver.ask(`${name} TXT`, { transport: 'tcp' }),
    ]) {
      assert.equal(reply.bits & Bit.TC, 0)
      assert.equal(reply.answers.length, 8)
    }
  })

  test('a client that would take 65535 octets of UDP gets no more than 1232', async () => {
    await using resolver = await TestResolver.open({ scripts })
    const reply = await resolver.ask('huge.example TXT', { edns: { payload: 65_535 } })
    assert.equal(reply.bits & Bit.TC, Bit.TC)
    assert.ok(reply.octets.length <= 1232)
    const overTcp = await resolver.ask('huge.example TXT', { transport: 'tcp', edns: { payload: 512 } })
    assert.deepEqual([overTcp.bits & Bit.TC, overTcp.answers.length], [0, 60])
  })

  test('a reply of exactly as many octets as the client takes is whole', async () => {
    await using resolver = await TestResolver.open({ zones: [zone] })
    const { length } = (await resolver.ask(`${name} TXT`, { transport: 'tcp', edns: {} })).octets
    const fits = await resolver.ask(`${name} TXT`, { edns: { payload: length } })
    const oneLess = await resolver.ask(`${name} TXT`, { edns: { payload: length - 1 } })
    assert.deepEqual([fits.octets.length, fits.bits & Bit.TC, oneLess.bits & Bit.TC], [length, 0, Bit.TC])
  })
})
