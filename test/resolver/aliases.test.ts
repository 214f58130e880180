/** CNAMEs: within a zone, across zones, out into the ordinary DNS and back; what a client sees at the end of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode, RecordType } from '../../src/dns/message.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { ALICE, BOB, linesOf, zoneOf } from '../support/zones.ts'

const A = publicKeyOf(ALICE).label
const B = publicKeyOf(BOB).label
const EDNS = { edns: {} }
const chainOf = (length: number) =>
  [
    ...Array.from({ length }, (_, at) => `a${at} 300 IN CNAME a${at + 1}`),
    `a${length} 300 IN A 192.0.2.7`,
  ].join('\n')

describe('aliases of our names', () => {
  test('within a zone: the whole chain, in order', async () => {
    const zone = zoneOf('www 300 IN CNAME web\nweb 200 IN CNAME host\nhost 100 IN A 192.0.2.1')
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual(linesOf(reply.answers), [
      `www.${A}.kad.alt. 300 CNAME web.${A}.kad.alt.`,
      `web.${A}.kad.alt. 200 CNAME host.${A}.kad.alt.`,
      `host.${A}.kad.alt. 100 A 192.0.2.1`,
    ])
    assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.NoError, 0])
  })

  test('a question for the CNAME itself gets it alone', async () => {
    const zone = zoneOf('www 300 IN CNAME web\nweb 200 IN CNAME host')
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`www.${A}.kad.alt CNAME`)
    assert.deepEqual(linesOf(reply.answers), [`www.${A}.kad.alt. 300 CNAME web.${A}.kad.alt.`])
  })

  test("to another key's name: both zones speak, each under the suffix", async () => {
    const zones = [zoneOf(`www 300 IN CNAME blog.${B}.`), zoneOf('blog 60 IN A 192.0.2.2', { secret: BOB })]
    await using resolver = await TestResolver.open({ zones })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual(linesOf(reply.answers), [
      `www.${A}.kad.alt. 300 CNAME blog.${B}.kad.alt.`,
      `blog.${B}.kad.alt. 60 A 192.0.2.2`,
    ])
    assert.deepEqual(
      resolver.directory.finds.map(({ label }) => label),
      [A, B],
    )
  })

  test('into the ordinary DNS: the upstream is asked for the target', async () => {
    const answer = 'www.example.org. 120 IN CNAME cdn.example.net.\ncdn.example.net. 60 IN A 192.0.2.80'
    await using resolver = await TestResolver.open({
      zones: [zoneOf('www 300 IN CNAME www.example.org.')],
      scripts: [{ 'www.example.org A': { answer } }],
    })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual(linesOf(reply.answers), [
      `www.${A}.kad.alt. 300 CNAME www.example.org.`,
      'www.example.org. 120 CNAME cdn.example.net.',
      'cdn.example.net. 60 A 192.0.2.80',
    ])
    assert.deepEqual(resolver.upstream.questions, ['www.example.org A'])
  })

  test('to a name that is absent: the CNAME, NXDOMAIN and the SOA of the target', async () => {
    const zones = [zoneOf(`www 300 IN CNAME nothing.${B}.`), zoneOf('', { secret: BOB })]
    await using resolver = await TestResolver.open({ zones })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.equal(reply.rcode, Rcode.NxDomain)
    assert.deepEqual(linesOf(reply.answers), [`www.${A}.kad.alt. 300 CNAME nothing.${B}.kad.alt.`])
    assert.match(linesOf(reply.authority).join(), new RegExp(`^${B}\\.kad\\.alt\\. 60 SOA `))
  })

  test('to a name without this type: the CNAME, no error and the SOA of the target', async () => {
    const zone = zoneOf('www 300 IN CNAME host\nhost 100 IN A 192.0.2.1')
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`www.${A}.kad.alt AAAA`)
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NoError, 1, 1])
  })

  test('to a key nobody has published: the CNAME, NXDOMAIN and an SOA', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf(`www 300 IN CNAME x.${B}.`)] })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NxDomain, 1, 1])
  })

  test('to an ordinary name that is absent: the CNAME, NXDOMAIN and the SOA the upstream gave', async () => {
    const authority = 'example.org. 900 IN SOA ns.example.org. h.example.org. 1 2 3 4 120'
    await using resolver = await TestResolver.open({
      zones: [zoneOf('www 300 IN CNAME gone.example.org.')],
      scripts: [{ 'gone.example.org A': { rcode: Rcode.NxDomain, authority } }],
    })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NxDomain, 1])
    assert.match(linesOf(reply.authority).join(), /^example\.org\. 120 SOA /)
  })

  test('to a name the upstream has no answer for: SERVFAIL, with a reason, and no half answer', async () => {
    await using resolver = await TestResolver.open({
      zones: [zoneOf('www 300 IN CNAME broken.example.org.')],
      scripts: [{ 'broken.example.org A': { rcode: Rcode.ServFail } }],
    })
    const reply = await resolver.ask(`www.${A}.kad.alt A`, EDNS)
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.ServFail, 0])
    assert.equal(reply.edns?.error?.code, ExtendedError.NetworkError)
  })

  const circles: [string, string][] = [
    ['to itself', 'a0 300 IN CNAME a0'],
    ['to itself in capitals', 'a0 300 IN CNAME A0'],
    ['in a circle', 'a0 300 IN CNAME a1\na1 300 IN CNAME a2\na2 300 IN CNAME a0'],
    ['into a circle', 'a0 300 IN CNAME a1\na1 300 IN CNAME a2\na2 300 IN CNAME a1'],
    ['on and on through a wildcard', '*.w 300 IN CNAME b.w\na0 300 IN CNAME b.w'],
  ]
  for (const [word, text] of circles) {
    test(`${word}: SERVFAIL with a reason`, async () => {
      await using resolver = await TestResolver.open({ zones: [zoneOf(text)] })
      const reply = await resolver.ask(`a0.${A}.kad.alt A`, EDNS)
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.ServFail, 0])
      assert.equal(reply.edns?.error?.code, ExtendedError.Other)
      assert.match(reply.edns.error.text, /circle/)
      assert.deepEqual(resolver.logged, [])
    })
  }

  test('across two zones in a circle: SERVFAIL with a reason', async () => {
    const zones = [zoneOf(`a0 300 IN CNAME a0.${B}.`), zoneOf(`a0 300 IN CNAME a0.${A}.`, { secret: BOB })]
    await using resolver = await TestResolver.open({ zones })
    const reply = await resolver.ask(`a0.${A}.kad.alt A`, EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
  })

  test('as many as are allowed: the whole chain; one more: SERVFAIL with a reason', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf(chainOf(17))] })
    const allowed = await resolver.ask(`a1.${A}.kad.alt A`, { transport: 'tcp' })
    assert.deepEqual([allowed.rcode, allowed.answers.length], [Rcode.NoError, 17])
    const tooMany = await resolver.ask(`a0.${A}.kad.alt A`, EDNS)
    assert.deepEqual([tooMany.rcode, tooMany.answers.length], [Rcode.ServFail, 0])
    assert.match(tooMany.edns?.error?.text ?? '', /16 aliases/)
  })
})

describe('aliases of ordinary names', () => {
  for (const rcode of [Rcode.NxDomain, Rcode.NoError]) {
    test(`into a zone, where the upstream says ${rcode} of it: the zone has the last word`, async () => {
      const answer = `www.example.org. 120 IN CNAME www.${A}.kad.alt.`
      const authority = rcode === Rcode.NxDomain ? '. 86400 IN SOA a. b. 1 2 3 4 86400' : ''
      await using resolver = await TestResolver.open({
        zones: [zoneOf('www 300 IN A 192.0.2.1')],
        scripts: [{ 'www.example.org A': { rcode, answer, authority } }],
      })
      const reply = await resolver.ask('www.example.org A')
      assert.deepEqual(linesOf(reply.answers), [
        `www.example.org. 120 CNAME www.${A}.kad.alt.`,
        `www.${A}.kad.alt. 300 A 192.0.2.1`,
      ])
      assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.NoError, 0])
      assert.deepEqual(resolver.upstream.questions, ['www.example.org A'])
    })
  }

  test('into a zone: what the upstream claims is in that zone is not believed', async () => {
    const answer = `www.example.org. 120 IN CNAME www.${A}.kad.alt.\nwww.${A}.kad.alt. 9 IN A 203.0.113.66`
    await using resolver = await TestResolver.open({
      zones: [zoneOf('www 300 IN A 192.0.2.1')],
      scripts: [{ 'www.example.org A': { answer } }],
    })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual(linesOf(reply.answers).at(-1), `www.${A}.kad.alt. 300 A 192.0.2.1`)
    assert.equal(reply.answers.length, 2)
  })

  test('in a circle the upstream tells of: SERVFAIL with a reason', async () => {
    const answer = 'a.example.org. 9 IN CNAME b.example.org.\nb.example.org. 9 IN CNAME a.example.org.'
    await using resolver = await TestResolver.open({ scripts: [{ 'a.example.org A': { answer } }] })
    const reply = await resolver.ask('a.example.org A', EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
  })

  test('in a chain longer than is allowed: SERVFAIL with a reason', async () => {
    const answer = Array.from({ length: 18 }, (_, at) => `a${at}.example. 9 IN CNAME a${at + 1}.example.`)
    await using resolver = await TestResolver.open({
      scripts: [{ 'a0.example A': { answer: answer.join('\n') } }],
    })
    const reply = await resolver.ask('a0.example A', EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
  })

  test('that the upstream leaves open are followed by asking it again', async () => {
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org A': { answer: 'www.example.org. 120 IN CNAME cdn.example.net.' },
          'cdn.example.net A': { answer: 'cdn.example.net. 60 IN A 192.0.2.80' },
        },
      ],
    })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 2])
  })

  test('whose target has no such type, with an upstream that sends no SOA: the CNAME and no error', async () => {
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org AAAA': { answer: 'www.example.org. 120 IN CNAME cdn.example.net.' },
          'cdn.example.net AAAA': {},
        },
      ],
    })
    const reply = await resolver.ask('www.example.org AAAA', EDNS)
    assert.deepEqual(linesOf(reply.answers), ['www.example.org. 120 CNAME cdn.example.net.'])
    assert.equal(reply.rcode, Rcode.NoError)
  })

  test('of which the upstream gives no SOA at NXDOMAIN: the CNAME and NXDOMAIN', async () => {
    const answer = 'www.example.org. 120 IN CNAME gone.example.net.'
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { answer, rcode: Rcode.NxDomain } }],
    })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NxDomain, 1])
  })
})

describe('DNAMEs of our names', () => {
  test('within a zone: the DNAME, the CNAME made from it with its TTL, and what that leads to', async () => {
    const zone = zoneOf('old 90 IN DNAME new\nwww.new 300 IN A 192.0.2.1')
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`www.old.${A}.kad.alt A`)
    assert.deepEqual(linesOf(reply.answers), [
      `old.${A}.kad.alt. 90 DNAME new.${A}.kad.alt.`,
      `www.old.${A}.kad.alt. 90 CNAME www.new.${A}.kad.alt.`,
      `www.new.${A}.kad.alt. 300 A 192.0.2.1`,
    ])
    assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.NoError, 0])
  })

  test("to another key's zone: both zones speak, each under the suffix; asked bare, bare", async () => {
    const zones = [zoneOf(`old 90 IN DNAME ${B}.`), zoneOf('www 60 IN A 192.0.2.2', { secret: BOB })]
    await using resolver = await TestResolver.open({ zones })
    for (const suffix of ['.kad.alt', '']) {
      const reply = await resolver.ask(`www.old.${A}${suffix} A`)
      assert.deepEqual(linesOf(reply.answers), [
        `old.${A}${suffix}. 90 DNAME ${B}${suffix}.`,
        `www.old.${A}${suffix}. 90 CNAME www.${B}${suffix}.`,
        `www.${B}${suffix}. 60 A 192.0.2.2`,
      ])
    }
  })

  test('into the ordinary DNS: the upstream is asked for the name made', async () => {
    await using resolver = await TestResolver.open({
      zones: [zoneOf('@ 90 IN DNAME example.org.')],
      scripts: [{ 'a.b.example.org A': { answer: 'a.b.example.org. 60 IN A 192.0.2.80' } }],
    })
    const reply = await resolver.ask(`a.b.${A}.kad.alt A`)
    assert.deepEqual(linesOf(reply.answers), [
      `${A}.kad.alt. 90 DNAME example.org.`,
      `a.b.${A}.kad.alt. 90 CNAME a.b.example.org.`,
      'a.b.example.org. 60 A 192.0.2.80',
    ])
    assert.deepEqual(resolver.upstream.questions, ['a.b.example.org A'])
  })

  test('a question for the DNAME itself gets it alone, one for the CNAME below it both', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('old 90 IN DNAME new')] })
    const dname = `old.${A}.kad.alt. 90 DNAME new.${A}.kad.alt.`
    assert.deepEqual(linesOf((await resolver.ask(`old.${A}.kad.alt DNAME`)).answers), [dname])
    assert.deepEqual(linesOf((await resolver.ask(`www.old.${A}.kad.alt CNAME`)).answers), [
      dname,
      `www.old.${A}.kad.alt. 90 CNAME www.new.${A}.kad.alt.`,
    ])
  })

  test('to a name that is absent: the DNAME, the CNAME, NXDOMAIN and the SOA of the target', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('old 90 IN DNAME new')] })
    const reply = await resolver.ask(`www.old.${A}.kad.alt A`)
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NxDomain, 2, 1])
  })

  const half = (letter: string) => `${letter.repeat(63)}.${letter.repeat(56)}`
  test('to a name over 255 octets: the DNAME and YXDOMAIN, also where only the suffix makes it too long', async () => {
    // 64 + 57 + 53 + 1 octets of target; 80 more are 255, and with the suffix 263.
    const zone = zoneOf(`old 90 IN DNAME ${half('t')}\nout 90 IN DNAME ${half('t')}.${half('u')}.`)
    await using resolver = await TestResolver.open({ zones: [zone] })
    const tooLong = `${'x'.repeat(63)}.${'y'.repeat(15)}`
    for (const question of [`${tooLong}.old.${A}.kad.alt`, `${tooLong}.out.${A}.kad.alt`]) {
      const reply = await resolver.ask(`${question} A`)
      assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.YxDomain, 0])
      assert.deepEqual(
        reply.answers.map(({ type, ttl }) => [type, ttl]),
        [[RecordType.DNAME, 90]],
      )
    }
    assert.equal((await resolver.ask(`${tooLong}.old.${A} A`)).rcode, Rcode.NxDomain)
    assert.deepEqual(resolver.logged, [])
  })

  test('behind a CNAME, to a name that is too long: the CNAME, the DNAME and YXDOMAIN (RFC 6604 3)', async () => {
    const tooLong = `${'x'.repeat(63)}.${'y'.repeat(15)}`
    const zone = zoneOf(`www 300 IN CNAME ${tooLong}.out\nout 90 IN DNAME ${half('t')}.${half('u')}.`)
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`www.${A}.kad.alt A`)
    assert.deepEqual(
      [reply.rcode, reply.answers.map(({ type }) => type)],
      [Rcode.YxDomain, [RecordType.CNAME, RecordType.DNAME]],
    )
  })

  for (const [word, text] of [
    ['in a circle', 'a 90 IN DNAME b\nb 90 IN DNAME a'],
    ['below themselves, growing', 'a 90 IN DNAME x.a'],
  ]) {
    test(`that lead ${word}: SERVFAIL with a reason`, async () => {
      await using resolver = await TestResolver.open({ zones: [zoneOf(text ?? '')] })
      const reply = await resolver.ask(`www.a.${A}.kad.alt A`, EDNS)
      assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
    })
  }
})
