/** Names of ours: what a client sees of a signed zone, and of one that cannot be had. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import type { Lookup } from '../../src/zone/directory.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { signRevocation } from '../../src/zone/signed-zone.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { ALICE, BOB, linesOf, zoneOf } from '../support/zones.ts'

const A = publicKeyOf(ALICE).label
const B = publicKeyOf(BOB).label
const NAME = `${A}.kad.alt`
const EDNS = { edns: {} }
const EFFORT = { asked: 3, hops: 2, milliseconds: 5 }
const TEXT = [
  '@ 300 IN A 192.0.2.1',
  '@ 300 IN NS ns1.example.org.',
  'www 300 IN A 192.0.2.2',
  'www 300 IN A 192.0.2.3',
  'deep.er 300 IN TXT "x"',
  '*.wild 300 IN A 192.0.2.4',
].join('\n')

describe('a zone that is there', () => {
  const open = () => TestResolver.open({ zones: [zoneOf(TEXT)] })

  test('its records: under the name that was asked, all of the set', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`www.${NAME} A`)
    assert.deepEqual(linesOf(reply.answers), [`www.${NAME}. 300 A 192.0.2.2`, `www.${NAME}. 300 A 192.0.2.3`])
    assert.deepEqual([reply.rcode, reply.authority.length, reply.additional.length], [Rcode.NoError, 0, 0])
    assert.deepEqual(resolver.upstream.asked, [])
  })

  test('in capitals too: owner and question are the same name', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`WWW.${NAME.toUpperCase()} A`)
    assert.equal(reply.answers.length, 2)
    for (const line of linesOf(reply.answers)) assert.ok(line.toLowerCase().startsWith(`www.${NAME}. `))
  })

  test('the apex, and its NS to hosts, which are data', async () => {
    await using resolver = await open()
    assert.deepEqual(linesOf((await resolver.ask(`${NAME} A`)).answers), [`${NAME}. 300 A 192.0.2.1`])
    assert.deepEqual(linesOf((await resolver.ask(`${NAME} NS`)).answers), [
      `${NAME}. 300 NS ns1.example.org.`,
    ])
    assert.match(
      linesOf((await resolver.ask(`${NAME} SOA`)).answers).join(),
      new RegExp(`^${A}\\.kad\\.alt\\. 60 SOA `),
    )
  })

  for (const type of ['AAAA', 'HTTPS', 'TYPE65280']) {
    test(`a name without ${type}: no error, no answer, the SOA of the apex`, async () => {
      await using resolver = await open()
      for (const name of [`www.${NAME}`, `er.${NAME}`, NAME]) {
        const reply = await resolver.ask(`${name} ${type}`)
        assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 0])
        assert.match(linesOf(reply.authority).join(), new RegExp(`^${A}\\.kad\\.alt\\. 60 SOA `))
      }
    })
  }

  test('a name that is absent: NXDOMAIN with the SOA of the apex, whatever type is asked', async () => {
    await using resolver = await open()
    for (const type of ['A', 'AAAA', 'TXT', 'TYPE65280']) {
      const reply = await resolver.ask(`absent.${NAME} ${type}`)
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NxDomain, 0])
      assert.match(linesOf(reply.authority).join(), new RegExp(`^${A}\\.kad\\.alt\\. 60 SOA `))
    }
  })

  test('a wildcard: the record under the name that was asked', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`any.thing.wild.${NAME} A`)
    assert.deepEqual(linesOf(reply.answers), [`any.thing.wild.${NAME}. 300 A 192.0.2.4`])
    const other = await resolver.ask(`any.wild.${NAME} AAAA`)
    assert.deepEqual([other.rcode, other.answers.length, other.authority.length], [Rcode.NoError, 0, 1])
  })

  test('the bare key as a top-level label: answers without the suffix', async () => {
    await using resolver = await open()
    assert.deepEqual(linesOf((await resolver.ask(`www.${A} A`)).answers), [
      `www.${A}. 300 A 192.0.2.2`,
      `www.${A}. 300 A 192.0.2.3`,
    ])
    const reply = await resolver.ask(`absent.${A} A`)
    assert.equal(reply.rcode, Rcode.NxDomain)
    assert.match(linesOf(reply.authority).join(), new RegExp(`^${A}\\. 60 SOA `))
  })

  test('another suffix: names stand under it, and kad.alt is nobody\u2019s', async () => {
    const zones = [zoneOf(`www 300 IN CNAME x.${B}.`), zoneOf('x 60 IN A 192.0.2.7', { secret: BOB })]
    await using resolver = await TestResolver.open({ zones, suffix: 'names.example' })
    assert.deepEqual(linesOf((await resolver.ask(`www.${A}.names.example A`)).answers), [
      `www.${A}.names.example. 300 CNAME x.${B}.names.example.`,
      `x.${B}.names.example. 60 A 192.0.2.7`,
    ])
    assert.equal((await resolver.ask(`www.${NAME} A`)).rcode, Rcode.NxDomain)
    assert.deepEqual(resolver.upstream.asked, [])
  })
})

describe('names inside records', () => {
  const text = [
    `c 300 IN CNAME x.${B}.`,
    `m 300 IN MX 10 mail.${B}.`,
    'm 300 IN MX 20 mx',
    'm 300 IN MX 30 mail.example.org.',
    `_x._tcp 300 IN SRV 1 2 3 host.${B}.`,
    `p 300 IN PTR ${B}.`,
    `t 300 IN TXT "www.${B}."`,
  ].join('\n')

  for (const [word, suffix] of [
    ['under the suffix', '.kad.alt'],
    ['bare', ''],
  ] as const) {
    test(`asked for ${word}: keys' names are given ${word}, others as they are`, async () => {
      await using resolver = await TestResolver.open({ zones: [zoneOf(text)] })
      const values = async (name: string, type: string) =>
        linesOf((await resolver.ask(`${name}.${A}${suffix} ${type}`)).answers).map((line) =>
          line.split(' ').slice(3).join(' '),
        )
      assert.deepEqual(await values('c', 'CNAME'), [`x.${B}${suffix}.`])
      assert.deepEqual(await values('m', 'MX'), [
        `10 mail.${B}${suffix}.`,
        `20 mx.${A}${suffix}.`,
        '30 mail.example.org.',
      ])
      assert.deepEqual(await values('_x._tcp', 'SRV'), [`1 2 3 host.${B}${suffix}.`])
      assert.deepEqual(await values('p', 'PTR'), [`${B}${suffix}.`])
      assert.deepEqual(await values('t', 'TXT'), [`"www.${B}."`])
    })
  }

  test('that the suffix makes longer than 255 octets: SERVFAIL with a reason', async () => {
    const long = ['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('.')
    const zone = zoneOf(`x 300 IN CNAME ${long}.d.${B}.\nfits 300 IN CNAME ${long}.${B}.example.`)
    await using resolver = await TestResolver.open({ zones: [zone] })
    const reply = await resolver.ask(`x.${NAME} CNAME`, EDNS)
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.ServFail, 0])
    assert.equal(reply.edns?.error?.code, ExtendedError.InvalidData)
    assert.equal((await resolver.ask(`x.${A} CNAME`)).answers.length, 1)
    assert.equal((await resolver.ask(`fits.${NAME} CNAME`)).answers.length, 1)
    assert.deepEqual(resolver.logged, [])
  })
})

describe('a zone that cannot be had', () => {
  const open = async (otherwise: Lookup) => {
    const resolver = await TestResolver.open()
    resolver.directory.otherwise = otherwise
    return resolver
  }

  test('nobody holds it: NXDOMAIN with an SOA above the name, for 30 s', async () => {
    await using resolver = await open({ kind: 'absent', effort: EFFORT })
    const reply = await resolver.ask(`www.${NAME} A`)
    assert.equal(reply.rcode, Rcode.NxDomain)
    assert.match(linesOf(reply.authority).join(), /^kad\.alt\. 30 SOA /)
    const bare = await resolver.ask(`www.${A} A`)
    assert.equal(bare.rcode, Rcode.NxDomain)
    assert.match(linesOf(bare.authority).join(), /^\. 30 SOA /)
    resolver.clock.advance(29_999)
    await resolver.ask(`www.${NAME} A`)
    assert.equal(resolver.directory.finds.length, 2)
    resolver.clock.advance(1)
    await resolver.ask(`www.${NAME} A`)
    assert.equal(resolver.directory.finds.length, 3)
  })

  test('all copies are forged: SERVFAIL, EDE 6', async () => {
    await using resolver = await open({ kind: 'bogus', rejected: 3, effort: EFFORT })
    const reply = await resolver.ask(`www.${NAME} A`, EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Bogus])
  })

  test('nobody can be reached: SERVFAIL, EDE 22 with the cause', async () => {
    await using resolver = await open({ kind: 'unreachable', cause: 'no peer answered', effort: EFFORT })
    const reply = await resolver.ask(`www.${NAME} A`, EDNS)
    assert.equal(reply.rcode, Rcode.ServFail)
    assert.deepEqual(reply.edns?.error, {
      code: ExtendedError.NoReachableAuthority,
      text: 'no peer answered',
    })
    assert.equal(resolver.directory.finds.length, 1)
    await resolver.ask(`www.${NAME} A`)
    assert.equal(resolver.directory.finds.length, 2, 'it is not remembered')
  })

  test('a long cause is cut to a hundred octets, and the reply stays within its limit', async () => {
    await using resolver = await open({ kind: 'unreachable', cause: 'x'.repeat(2000), effort: EFFORT })
    const reply = await resolver.ask(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${A} A`, {
      edns: { payload: 512 },
    })
    assert.equal(reply.edns?.error?.text, 'x'.repeat(100))
    assert.ok(reply.octets.length <= 512)
  })

  test('the look-up never ends: SERVFAIL, EDE 22, at the deadline, and the look-up is told to stop', async () => {
    await using resolver = await TestResolver.open()
    let signal: AbortSignal | undefined
    resolver.directory.find = (_key, options) => {
      signal = options.signal
      return new Promise(() => {})
    }
    const asking = resolver.ask(`www.${NAME} A`, EDNS)
    resolver.clock.advance(resolver.config.answerTimeout)
    const reply = await asking
    assert.deepEqual(
      [reply.rcode, reply.edns?.error?.code],
      [Rcode.ServFail, ExtendedError.NoReachableAuthority],
    )
    assert.equal(signal?.aborted, true)
  })

  test('the look-up fails for a reason nobody foresaw: SERVFAIL, and the log has it', async () => {
    await using resolver = await TestResolver.open()
    resolver.directory.find = async () => {
      throw new TypeError('a bug')
    }
    const reply = await resolver.ask(`www.${NAME} A`, EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.Other])
    assert.match(resolver.logged.join(), /a bug/)
  })

  test('it was revoked: NXDOMAIN for the apex and all below', async () => {
    await using resolver = await TestResolver.open({ zones: [signRevocation(ALICE)] })
    for (const question of [`www.${NAME} A`, `${NAME} SOA`, `www.${A} A`]) {
      const reply = await resolver.ask(question)
      assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NxDomain, 0, 1])
    }
  })
})

describe('the TTL a client is given', () => {
  const zone = zoneOf('www 300 IN A 192.0.2.1\nquick 20 IN A 192.0.2.2', { soa: { minimum: 50 } })
  const open = async (state: { age?: number; freshFor?: number }) => {
    const resolver = await TestResolver.open({ zones: [zone], config: { maxNegativeTtl: 40 } })
    Object.assign(resolver.directory, state)
    return resolver
  }
  const ttlOf = async (resolver: TestResolver, name: string) => {
    const { answers, authority } = await resolver.ask(`${name}.${NAME} A`)
    return [...answers, ...authority][0]?.ttl
  }

  test('is less what has passed since the zone was confirmed', async () => {
    await using resolver = await open({ age: 100 })
    assert.equal(await ttlOf(resolver, 'www'), 200)
  })

  test('is no longer than until the zone is confirmed again', async () => {
    await using resolver = await open({ freshFor: 60 })
    assert.equal(await ttlOf(resolver, 'www'), 60)
  })

  test('is that of the record again after the zone was confirmed because it was over', async () => {
    await using resolver = await open({ age: 100 })
    assert.equal(await ttlOf(resolver, 'quick'), 20)
    assert.deepEqual(
      resolver.directory.finds.map(({ maxAge }) => maxAge),
      [undefined, 20],
    )
  })

  for (const age of [1000, Number.POSITIVE_INFINITY]) {
    test(`is at most 10 s for a copy ${age} s old that cannot be confirmed`, async () => {
      await using resolver = await open({ age, freshFor: 0 })
      assert.equal(await ttlOf(resolver, 'www'), 10)
      assert.equal(await ttlOf(resolver, 'absent'), 10)
      assert.equal(resolver.directory.finds.length, 2)
    })
  }

  test('is at most 10 s, too, when confirming on demand reaches nobody', async () => {
    await using resolver = await open({ age: 100 })
    const { directory } = resolver
    const find = directory.find.bind(directory)
    directory.find = async (key, options) =>
      options.maxAge === undefined
        ? find(key, options)
        : { kind: 'unreachable', cause: 'nobody', effort: EFFORT }
    assert.equal(await ttlOf(resolver, 'quick'), 10)
  })

  test('of "there is none" is the least of the SOA, its MINIMUM and what is allowed', async () => {
    await using resolver = await open({})
    assert.equal(await ttlOf(resolver, 'absent'), 40)
    await using wider = await TestResolver.open({ zones: [zone] })
    assert.equal(await ttlOf(wider, 'absent'), 50)
  })

  test('of a record is 0 when the zone says 0', async () => {
    await using resolver = await TestResolver.open({ zones: [zoneOf('now 0 IN A 192.0.2.1')] })
    assert.equal(await ttlOf(resolver, 'now'), 0)
    assert.equal(await ttlOf(resolver, 'now'), 0)
    assert.ok(resolver.directory.finds.length >= 2)
  })
})

describe('a copy that cannot be confirmed', () => {
  const zone = zoneOf('www 300 IN A 192.0.2.1\nnow 0 IN A 192.0.2.2')
  for (const [word, { name, age, freshFor }, code] of [
    ['whose TTL is over: EDE 3', { name: 'www', age: 300, freshFor: 0 }, ExtendedError.StaleAnswer],
    [
      'where there is no such name: EDE 19',
      { name: 'no', age: 300, freshFor: 0 },
      ExtendedError.StaleNxDomain,
    ],
    ['whose TTL is not over: nothing is said', { name: 'www', age: 299, freshFor: 0 }, undefined],
    ['that never was: nothing is said', { name: 'www', age: Infinity, freshFor: 0 }, undefined],
    ['or need not be, with TTL 0: nothing is said', { name: 'now', age: 0, freshFor: 300 }, undefined],
  ] as const) {
    test(word, async () => {
      await using resolver = await TestResolver.open({ zones: [zone] })
      Object.assign(resolver.directory, { age, freshFor })
      for (const _ of ['asked', 'remembered']) {
        const { edns } = await resolver.ask(`${name}.${NAME} A`, { edns: {} })
        assert.equal(edns?.error?.code, code)
      }
    })
  }
})

test('the API is told where an answer came from, and how hard it was to find', async () => {
  await using resolver = await TestResolver.open({ zones: [zoneOf(TEXT)] })
  const name = publicKeyOf(ALICE).apex
  const first = await resolver.lookUp(name, 1)
  assert.equal(first.origin, 'zone')
  assert.deepEqual(first.effort, { asked: 0, hops: 0, milliseconds: 0 })
  assert.equal((await resolver.lookUp(name, 1)).origin, 'cache')
})
