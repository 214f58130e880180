/** Names that are nobody's business but this machine's: what a client is told, and that no upstream hears of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode, RecordType } from '../../src/dns/message.ts'
import { formatName, labelsOf, parseName } from '../../src/dns/name.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { BOB, linesOf, zoneOf } from '../support/zones.ts'

const KEY = publicKeyOf(BOB).label
/** The same octets, a spare bit set: another spelling, which is no name. */
const MISSPELLED = KEY.slice(0, -1) + (KEY.endsWith('b') ? 'n' : 'b')

describe('localhost', () => {
  for (const name of ['localhost', 'LocalHost', 'x.localhost', 'a.b.localhost']) {
    test(`${name} is this machine; other types have no data`, async () => {
      await using resolver = await TestResolver.open()
      const a = await resolver.ask(`${name} A`)
      const aaaa = await resolver.ask(`${name} AAAA`)
      assert.match(linesOf(a.answers).join(), /^\S+ \d+ A 127\.0\.0\.1$/)
      assert.match(linesOf(aaaa.answers).join(), /^\S+ \d+ AAAA ::1$/)
      for (const type of ['MX', 'HTTPS', 'TXT']) {
        const other = await resolver.ask(`${name} ${type}`)
        assert.deepEqual([other.rcode, other.answers.length, other.authority.length], [Rcode.NoError, 0, 1])
      }
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }
})

const ABSENT = {
  'reverse names of private addresses': [
    '1.0.0.10.in-addr.arpa PTR',
    '1.0.16.172.in-addr.arpa PTR',
    '1.0.31.172.in-addr.arpa PTR',
    '1.1.168.192.in-addr.arpa PTR',
    '5.0.0.127.in-addr.arpa PTR',
    '1.1.254.169.in-addr.arpa PTR',
    '1.0.64.100.in-addr.arpa PTR',
    '1.0.127.100.in-addr.arpa PTR',
    '1.2.0.192.in-addr.arpa PTR',
    '1.0.0.0.in-addr.arpa PTR',
    `1.${'0.'.repeat(29)}d.f.ip6.arpa PTR`,
    `1.${'0.'.repeat(28)}8.e.f.ip6.arpa PTR`,
    `1.${'0.'.repeat(28)}b.e.f.ip6.arpa PTR`,
  ],
  'special-use names': [
    'test A',
    'www.test A',
    'invalid A',
    'x.invalid AAAA',
    'onion A',
    'duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion A',
    'printer.local A',
    'local A',
    'router.home.arpa A',
    'x.resolver.arpa SVCB',
    'x.service.arpa A',
  ],
  "Firefox's question whether another resolver is wanted": ['use-application-dns.net A'],
  'names under .alt that are nobody\u2019s': ['www.alt A', 'gns.alt A', 'x.gnu.alt AAAA', 'nobody.kad.alt A'],
  'names that look like a key and are none': [`www.${MISSPELLED}.kad.alt A`, `www.${MISSPELLED} A`],
  'top-level labels of more than 30 characters': [`www.${'a'.repeat(31)} A`, `${'x'.repeat(63)} A`],
}

for (const [what, questions] of Object.entries(ABSENT)) {
  describe(what, () => {
    for (const question of questions) {
      test(`${question}: NXDOMAIN with an SOA above the name, and no upstream is asked`, async () => {
        await using resolver = await TestResolver.open()
        const reply = await resolver.ask(question)
        assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NxDomain, 0])
        const [soa] = linesOf(reply.authority)
        assert.match(soa ?? '', /^\S+ \d+ SOA /)
        const [owner = '', asked = ''] = [soa, question].map((text) => text?.split(' ')[0])
        assert.ok(owner === '.' || `${asked}.`.endsWith(owner), `${owner} is above ${asked}`)
        assert.deepEqual(resolver.upstream.asked, [])
        assert.deepEqual(resolver.directory.finds, [])
      })
    }
  })
}

test('the addresses of this machine have its name', async () => {
  await using resolver = await TestResolver.open()
  for (const name of ['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]) {
    assert.deepEqual(linesOf((await resolver.ask(`${name} PTR`)).answers), [`${name}. 10800 PTR localhost.`])
    const other = await resolver.ask(`${name} TXT`)
    assert.deepEqual([other.rcode, other.answers.length, other.authority.length], [Rcode.NoError, 0, 1])
  }
  assert.equal((await resolver.ask('2.0.0.127.in-addr.arpa PTR')).rcode, Rcode.NxDomain)
})

test('a zone that is here and empty has its SOA', async () => {
  await using resolver = await TestResolver.open()
  for (const name of ['home.arpa', '10.in-addr.arpa', 'alt', 'kad.alt']) {
    const reply = await resolver.ask(`${name} SOA`)
    assert.deepEqual(
      reply.answers.map((record) => [formatName(record.name), record.type]),
      [[`${name}.`, RecordType.SOA]],
    )
    assert.equal(reply.authority.length, 0)
  }
})

describe('names that are there and empty', () => {
  for (const question of [
    'alt A',
    'kad.alt A',
    'kad.alt AAAA',
    'KAD.Alt MX',
    'peer.kad.alt A',
    'home.arpa A',
    'home.arpa DS',
    'resolver.arpa A',
    '_dns.resolver.arpa SVCB',
    '10.in-addr.arpa PTR',
  ]) {
    test(`${question}: no data, or no name, with an SOA; no upstream is asked`, async () => {
      await using resolver = await TestResolver.open()
      const reply = await resolver.ask(question)
      const allowed: number[] = question.startsWith('_dns')
        ? [Rcode.NxDomain, Rcode.NoError]
        : [Rcode.NoError]
      assert.ok(allowed.includes(reply.rcode))
      assert.deepEqual([reply.answers.length, reply.authority.length], [0, 1])
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }
})

describe('what is not special', () => {
  for (const question of [
    '1.0.32.172.in-addr.arpa PTR',
    '1.0.63.100.in-addr.arpa PTR',
    '8.8.8.8.in-addr.arpa PTR',
    'mytest A',
    'localhost.example A',
    'alt.example A',
    'kadalt A',
    `${'a'.repeat(30)} A`,
    'x1234-dnsotls-ds.metric.gstatic.com A',
    'dns.msftncsi.com A',
    'www.msftconnecttest.com AAAA',
  ]) {
    test(`${question} is asked of the upstream, as it is and once`, async () => {
      await using resolver = await TestResolver.open()
      await resolver.ask(question)
      assert.deepEqual(resolver.upstream.questions, [question])
    })
  }

  for (const name of ['wpad', 'kqzvfhjt']) {
    test(`${name}, a single label, is NXDOMAIN when the upstream says so, and nothing else is tried`, async () => {
      const authority = '. 86400 IN SOA a.root-servers.net. nstld.example. 1 1800 900 604800 86400'
      await using resolver = await TestResolver.open({
        scripts: [{ [`${name} A`]: { rcode: Rcode.NxDomain, authority } }],
      })
      const reply = await resolver.ask(`${name} A`)
      assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.NxDomain, 1])
      assert.deepEqual(resolver.upstream.questions, [`${name} A`])
    })
  }
})

describe('an alias in a zone to a name that is nobody else\u2019s business', () => {
  for (const target of [
    'x.onion',
    'printer.local',
    'x.test',
    '1.0.0.10.in-addr.arpa',
    'www.gns.alt',
    'nobody.kad.alt',
    `www.${MISSPELLED}`,
    `www.${'a'.repeat(31)}`,
  ]) {
    test(`${target}: the alias and NXDOMAIN, and no upstream is asked`, async () => {
      const zone = zoneOf(`www 300 IN CNAME ${target}.`)
      await using resolver = await TestResolver.open({ zones: [zone] })
      const reply = await resolver.ask(`www.${zone.key.label}.kad.alt A`)
      assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NxDomain, 1, 1])
      assert.deepEqual(resolver.upstream.asked, [])
    })
  }

  test('localhost, where the zone is trusted: the alias and this machine', async () => {
    const zone = zoneOf('www 300 IN CNAME localhost.')
    await using resolver = await TestResolver.open({ zones: [zone], trusted: [zone.key.label] })
    const reply = await resolver.ask(`www.${zone.key.label}.kad.alt A`)
    assert.deepEqual(
      reply.answers.map(({ name }) => labelsOf(name)[0]),
      ['www', 'localhost'],
    )
    assert.equal(formatName(reply.answers[1]!.name), 'localhost.')
    assert.deepEqual(resolver.upstream.asked, [])
  })

  test('an upstream is not believed when it says where localhost is', async () => {
    const script = {
      'www.example.org A': {
        answer: 'www.example.org. 60 IN CNAME localhost.\nlocalhost. 60 IN A 203.0.113.66',
      },
    }
    const upstream = { privateNames: [parseName('www.example.org')] }
    await using resolver = await TestResolver.open({ scripts: [script], upstream })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual([...(reply.answers[1]?.data ?? [])], [127, 0, 0, 1])
  })
})
