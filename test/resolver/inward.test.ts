/** Private addresses in zones of strangers: what a client sees in their place, and whose zones may hold them (DNS rebinding). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode, RecordType } from '../../src/dns/message.ts'
import { formatName, parseName } from '../../src/dns/name.ts'
import { Rule, RuleWriter } from '../../src/resolver/blocking/name-rules.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { ALICE, BOB, linesOf, zoneOf } from '../support/zones.ts'

const A = publicKeyOf(ALICE).label
const B = publicKeyOf(BOB).label
const WWW = `www.${A}.kad.alt`
const EDNS = { edns: {} }
const FILTERED = 17

const PRIVATE = {
  A: [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.8.8.8',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.168.178.1',
    '198.18.0.1',
    '224.0.0.251',
    '240.0.0.1',
    '255.255.255.255',
  ],
  AAAA: [
    '::',
    '::1',
    '::ffff:192.168.1.1',
    '::ffff:8.8.8.8',
    '::10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:a00:1::1',
    '2002:a00:1::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::fb',
  ],
}
const PUBLIC = {
  A: ['8.8.8.8', '100.63.255.255', '100.128.0.1', '172.15.255.255', '172.32.0.1', '192.167.1.1', '223.1.1.1'],
  AAAA: ['2001:4860:4860::8888', '2a00::1'],
}

describe('an address in a zone that is neither ours nor trusted', () => {
  for (const [type, addresses] of Object.entries(PRIVATE)) {
    for (const address of addresses) {
      test(`${address} leads inward: no data, with an SOA and a reason`, async () => {
        await using resolver = await TestResolver.open({ zones: [zoneOf(`www 300 IN ${type} ${address}`)] })
        const reply = await resolver.ask(`${WWW} ${type}`, EDNS)
        assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 0])
        assert.equal(reply.edns?.error?.code, FILTERED)
        assert.match(linesOf(reply.authority).join(), new RegExp(`^${WWW}\\. 300 SOA `))
      })
    }
  }

  for (const [type, addresses] of Object.entries(PUBLIC)) {
    for (const address of addresses) {
      test(`${address} leads outward and is answered`, async () => {
        await using resolver = await TestResolver.open({ zones: [zoneOf(`www 300 IN ${type} ${address}`)] })
        const reply = await resolver.ask(`${WWW} ${type}`, EDNS)
        assert.deepEqual([reply.answers.length, reply.edns?.error], [1, undefined])
      })
    }
  }

  test('among others: only it is left out, and the reason is told; from memory too', async () => {
    const zone = zoneOf('www 300 IN A 192.0.2.1\nwww 300 IN A 10.0.0.1\nwww 300 IN A 192.0.2.2')
    await using resolver = await TestResolver.open({ zones: [zone] })
    for (const round of ['asked', 'remembered']) {
      const reply = await resolver.ask(`${WWW} A`, EDNS)
      const lines = [`${WWW}. 300 A 192.0.2.1`, `${WWW}. 300 A 192.0.2.2`]
      assert.deepEqual(linesOf(reply.answers), lines, round)
      assert.deepEqual([reply.authority.length, reply.edns?.error?.code], [0, FILTERED], round)
    }
    assert.equal(resolver.directory.finds.length, 1)
  })

  test('as a hint of HTTPS or SVCB: the record is left out', async () => {
    const services = ['1 . ipv4hint=10.0.0.1', '1 . ipv6hint=2a00::1,fd00::1', '1 . alpn=h2 ipv4hint=8.8.8.8']
    const lines = services.flatMap((value) => [`www 300 IN HTTPS ${value}`, `www 300 IN SVCB ${value}`])
    await using resolver = await TestResolver.open({ zones: [zoneOf(lines.join('\n'))] })
    for (const type of ['HTTPS', 'SVCB']) {
      const reply = await resolver.ask(`${WWW} ${type}`)
      assert.deepEqual(linesOf(reply.answers), [`${WWW}. 300 ${type} 1 . alpn=h2 ipv4hint=8.8.8.8`])
    }
  })

  test('is no address in other types', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN TXT "10.0.0.1"')] })
    assert.equal((await resolver.ask(`${WWW} TXT`)).answers.length, 1)
  })
})

describe('an alias of a stranger that leads inward', () => {
  const ways: [string, string, string][] = [
    ['over our own zone', `nas.${B}.`, `nas.${B}.kad.alt`],
    ['over the ordinary DNS', 'inward.example.org.', 'inward.example.org'],
    ['to localhost', 'localhost.', 'localhost'],
  ]
  for (const [word, target, end] of ways) {
    test(`${word}: the alias, no data, with an SOA and a reason`, async () => {
      const zones = [
        zoneOf(`www 300 IN CNAME ${target}`),
        zoneOf('nas 300 IN A 192.168.1.2', { secret: BOB }),
      ]
      const scripts = [{ 'inward.example.org A': { answer: 'inward.example.org. 300 IN A 10.0.0.1' } }]
      const upstream = { privateNames: [parseName('example.org')] }
      await using resolver = await TestResolver.open({ zones, scripts, upstream, trusted: [B] })
      const reply = await resolver.ask(`${WWW} A`, EDNS)
      assert.deepEqual(linesOf(reply.answers), [`${WWW}. 300 CNAME ${end}.`])
      assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.NoError, FILTERED])
      assert.deepEqual(
        reply.authority.map(({ name, type }) => [formatName(name), type]),
        [[`${end}.`, RecordType.SOA]],
      )
      assert.equal((await resolver.ask(`${end} A`)).answers.length, 1, 'asked for itself it is answered')
    })
  }

  test('from the ordinary DNS: the alias and no data', async () => {
    const scripts = [{ 'www.example.org A': { answer: `www.example.org. 60 IN CNAME ${WWW}.` } }]
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN A 10.0.0.1')], scripts })
    const reply = await resolver.ask('www.example.org A', EDNS)
    assert.deepEqual([reply.answers.length, reply.edns?.error?.code], [1, FILTERED])
  })
})

const SCRIPT = {
  'nas.example.org A': { answer: 'nas.example.org. 60 IN A 192.168.1.2' },
  'nas.example.com A': { answer: 'nas.example.com. 60 IN A 192.168.1.2\nnas.example.com. 60 IN A 192.0.2.1' },
  'www.example.com A': {
    answer: 'www.example.com. 60 IN CNAME nas.example.com.\nnas.example.com. 60 IN A 192.168.1.2',
  },
  'web.example.com HTTPS': { answer: 'web.example.com. 60 IN HTTPS 1 . ipv4hint=10.0.0.1' },
  'six.example.com AAAA': { answer: 'six.example.com. 60 IN AAAA 64:ff9b::808:808' },
  'bad.example.com AAAA': { answer: 'bad.example.com. 60 IN AAAA 64:ff9b::a00:1' },
  'ours.example.com A': { answer: `ours.example.com. 60 IN CNAME nas.${B}.` },
  'self.example.com A': { answer: 'self.example.com. 60 IN CNAME localhost.' },
}

describe('a name of the ordinary DNS that leads inward', () => {
  for (const [question, left] of [
    ['nas.example.com A', 1],
    ['www.example.com A', 1],
    ['web.example.com HTTPS', 0],
    ['bad.example.com AAAA', 0],
    ['ours.example.com A', 1],
    ['self.example.com A', 1],
  ] as const) {
    test(`${question}: ${left} of its records, a reason, and one line in the log`, async () => {
      const zones = [zoneOf('nas 300 IN A 192.168.1.2', { secret: BOB })]
      await using resolver = await TestResolver.open({ zones, scripts: [SCRIPT], trusted: [B] })
      for (let time = 0; time < 2; time++) {
        const reply = await resolver.ask(question, EDNS)
        assert.deepEqual(
          [reply.rcode, reply.answers.length, reply.edns?.error?.code],
          [Rcode.NoError, left, FILTERED],
        )
        assert.ok(!linesOf(reply.answers).some((line) => /192\.168|127\.0|10\.0/.test(line)))
      }
      assert.equal(resolver.logged.length, 1)
      assert.match(resolver.logged[0] ?? '', /upstream\.private_names/)
    })
  }

  test('is counted: the log tells of the first answer, the tenth, the hundredth and so on', async () => {
    const names = Array.from({ length: 99 }, (_, at) => `n${at}.example.com`)
    const script = Object.fromEntries(
      names.map((name) => [`${name} A`, { answer: `${name}. 60 IN A 10.0.0.1` }]),
    )
    await using resolver = await TestResolver.open({ scripts: [script] })
    await Promise.all(names.map((name) => resolver.ask(`${name} A`)))
    const counts = resolver.logged.map((line) => (JSON.parse(line) as { answers: number }).answers)
    assert.deepEqual(counts, [1, 10])
  })

  test('only where IPv4 that is wrapped for NAT64 does', async () => {
    await using resolver = await TestResolver.open({ scripts: [SCRIPT] })
    const reply = await resolver.ask('six.example.com AAAA', EDNS)
    assert.deepEqual([reply.answers.length, reply.edns?.error], [1, undefined])
  })
})

describe('where private addresses are answered', () => {
  test('in a zone that is trusted', async () => {
    const zone = zoneOf('www 300 IN A 192.168.1.2\nwww 300 IN AAAA fd00::2')
    await using resolver = await TestResolver.open({ zones: [zone], trusted: [A] })
    for (const type of ['A', 'AAAA']) assert.equal((await resolver.ask(`${WWW} ${type}`)).answers.length, 1)
  })

  test('in the ordinary DNS below a name that may have them, and nowhere else', async () => {
    const upstream = { privateNames: [parseName('example.org')] }
    await using resolver = await TestResolver.open({ scripts: [SCRIPT], upstream })
    assert.equal((await resolver.ask('nas.example.org A')).answers.length, 1)
    assert.equal((await resolver.ask('bad.example.com AAAA')).answers.length, 0)
  })

  test('of names that have them by nature: Windows and NAT64 ask for those', async () => {
    const script = {
      'dns.msftncsi.com AAAA': { answer: 'dns.msftncsi.com. 60 IN AAAA fd3e:4f5a:5b81::1' },
      'ipv4only.arpa A': { answer: 'ipv4only.arpa. 60 IN A 192.0.0.170' },
    }
    await using resolver = await TestResolver.open({ scripts: [script] })
    for (const question of Object.keys(script))
      assert.equal((await resolver.ask(question)).answers.length, 1, question)
    assert.deepEqual(resolver.logged, [])
  })

  test('where a list blocks a name, and where the owner of this node has written them down', async () => {
    const writer = new RuleWriter(100)
    writer.add(parseName('ads.example'), Rule.block)
    const records = [parseRecordLine('nas.home 300 A 192.168.1.2')]
    await using resolver = await TestResolver.open({
      config: { records },
      blocking: { rules: await writer.finish(async () => undefined), answer: 'null' },
    })
    for (const question of ['ads.example A', 'nas.home A'])
      assert.equal((await resolver.ask(question)).answers.length, 1, question)
  })

  test('a failure keeps its own reason', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('www 300 IN CNAME www')] })
    assert.equal((await resolver.ask(`${WWW} A`, EDNS)).edns?.error?.code, ExtendedError.Other)
  })
})
