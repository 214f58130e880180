/** Names that a zone hands over: to another key's zone, one or several in a row, or to name servers of the ordinary DNS. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { type SignedZone, signRevocation } from '../../src/zone/signed-zone.ts'
import { type Script, ScriptedUpstream } from '../support/scripted-upstream.ts'
import { TestResolver, type TestResolverOptions } from '../support/test-resolver.ts'
import { linesOf, SIGNED_AT, secretOf, zoneOf } from '../support/zones.ts'

const [COLD, HOT, OTHER] = [secretOf(1), secretOf(2), secretOf(3)] as const
const [cold, hot, other] = [COLD, HOT, OTHER].map((secret) => publicKeyOf(secret).label) as [
  string,
  string,
  string,
]
const NAME = `${cold}.kad.alt`
const EDNS = { edns: {} }
const NOWHERE = {
  kind: 'unreachable',
  cause: 'No other node is known.',
  effort: { asked: 0, hops: 0, milliseconds: 0 },
} as const

const zone = (secret: Uint8Array, text: string, more = {}): SignedZone => zoneOf(text, { secret, ...more })
const failure = (reply: {
  rcode: number
  edns?: { error?: { code: number; text: string } | undefined } | undefined
}) => [reply.rcode, reply.edns?.error?.code]

describe('a zone handed over to another key', () => {
  const whole = () => zone(COLD, `@ 300 IN NS ${hot}.`)
  const live = zone(
    HOT,
    `www 60 IN A 192.0.2.1\nmail 300 IN MX 10 www\n@ 300 IN A 192.0.2.2\nto 60 IN CNAME www`,
  )
  const open = (...zones: SignedZone[]) => TestResolver.open({ zones })

  test('is answered from that key, and everything in it is called as it was asked', async () => {
    await using resolver = await open(whole(), live)
    const linesFor = async (question: string) => linesOf((await resolver.ask(question)).answers)
    assert.deepEqual(await linesFor(`www.${NAME} A`), [`www.${NAME}. 60 A 192.0.2.1`])
    assert.deepEqual(await linesFor(`${NAME} A`), [`${NAME}. 300 A 192.0.2.2`])
    assert.deepEqual(await linesFor(`mail.${NAME} MX`), [`mail.${NAME}. 300 MX 10 www.${NAME}.`])
    assert.deepEqual(await linesFor(`to.${NAME} A`), [
      `to.${NAME}. 60 CNAME www.${NAME}.`,
      `www.${NAME}. 60 A 192.0.2.1`,
    ])
    assert.deepEqual(await linesFor(`www.${cold} A`), [`www.${cold}. 60 A 192.0.2.1`])
    const none = await resolver.ask(`absent.${NAME} A`)
    assert.deepEqual([none.rcode, none.authority.length], [Rcode.NxDomain, 1])
    assert.match(linesOf(none.authority).join(), new RegExp(`^${NAME}\\. 60 SOA `))
  })

  test('when the hot key is lost, the cold one names another and the name goes on', async () => {
    await using resolver = await open(whole(), live)
    await resolver.ask(`www.${NAME} A`)
    const next = zone(OTHER, 'www 60 IN A 192.0.2.33')
    await resolver.directory.publish(next)
    await resolver.directory.publish(zone(COLD, `@ 300 IN NS ${other}.`, { sequence: SIGNED_AT + 1n }))
    const reply = await resolver.ask(`www.${NAME} A`)
    assert.deepEqual(linesOf(reply.answers), [`www.${NAME}. 60 A 192.0.2.33`])
  })

  test('a new zone of the hot key is seen at once, though the answer was remembered', async () => {
    await using resolver = await open(whole(), live)
    await resolver.ask(`www.${NAME} A`)
    await resolver.directory.publish(zone(HOT, 'www 60 IN A 192.0.2.44', { sequence: SIGNED_AT + 1n }))
    assert.deepEqual(linesOf((await resolver.ask(`www.${NAME} A`)).answers), [`www.${NAME}. 60 A 192.0.2.44`])
  })

  test('an answer lasts no longer than the cold zone says, nor past the expiry of either', async () => {
    await using short = await open(zone(COLD, `@ 20 IN NS ${hot}.`), live)
    assert.match(linesOf((await short.ask(`www.${NAME} A`)).answers).join(), / 20 A /)
    const dying = zone(HOT, 'www 86400 IN A 192.0.2.1', { soa: { expire: 3600 } })
    await using resolver = await open(zone(COLD, `@ 86400 IN NS ${hot}.`), dying)
    resolver.directory.freshFor = 1e6
    resolver.clock.advance(3_590_000 - (resolver.clock.now() - Number(SIGNED_AT / 1000n)))
    assert.match(linesOf((await resolver.ask(`www.${NAME} A`)).answers).join(), / 10 A /)
  })

  test('that nobody holds, or that cannot be reached: SERVFAIL with a reason, never "no such name"', async () => {
    await using resolver = await open(whole())
    assert.deepEqual(failure(await resolver.ask(`www.${NAME} A`, EDNS)), [
      Rcode.ServFail,
      ExtendedError.NoReachableAuthority,
    ])
    resolver.directory.otherwise = NOWHERE
    assert.deepEqual(failure(await resolver.ask(`www.${NAME} AAAA`, EDNS)), [
      Rcode.ServFail,
      ExtendedError.NoReachableAuthority,
    ])
  })

  test('whose hot key is revoked: no such name', async () => {
    await using resolver = await open(whole(), signRevocation(HOT))
    assert.equal((await resolver.ask(`www.${NAME} A`)).rcode, Rcode.NxDomain)
  })

  test('private addresses need trust in both keys', async () => {
    const inside = zone(HOT, 'www 60 IN A 192.168.1.9')
    for (const [trusted, count] of [
      [[cold, hot], 1],
      [[cold], 0],
      [[hot], 0],
    ] as const) {
      await using resolver = await TestResolver.open({ zones: [whole(), inside], trusted })
      assert.equal((await resolver.ask(`www.${NAME} A`)).answers.length, count)
    }
  })
})

describe('a part of a zone handed over to another key', () => {
  test('is answered from there; beside it the zone itself', async () => {
    const above = zone(COLD, `sub 300 IN NS ${hot}.\nwww 300 IN A 192.0.2.1`)
    const below = zone(HOT, '@ 300 IN A 192.0.2.5\na.b 300 IN PTR a.b')
    await using resolver = await TestResolver.open({ zones: [above, below] })
    const linesFor = async (question: string) => linesOf((await resolver.ask(question)).answers)
    assert.deepEqual(await linesFor(`sub.${NAME} A`), [`sub.${NAME}. 300 A 192.0.2.5`])
    assert.deepEqual(await linesFor(`a.b.sub.${NAME} PTR`), [`a.b.sub.${NAME}. 300 PTR a.b.sub.${NAME}.`])
    assert.deepEqual(await linesFor(`www.${NAME} A`), [`www.${NAME}. 300 A 192.0.2.1`])
  })

  test('may be handed on, from key to key', async () => {
    const zones = [
      zone(COLD, `a 300 IN NS ${hot}.`),
      zone(HOT, `b 200 IN NS ${other}.`),
      zone(OTHER, 'c 300 IN A 192.0.2.7'),
    ]
    await using resolver = await TestResolver.open({ zones })
    assert.deepEqual(linesOf((await resolver.ask(`c.b.a.${NAME} A`)).answers), [
      `c.b.a.${NAME}. 200 A 192.0.2.7`,
    ])
  })

  test('in a circle, over too many keys, or to what is no one: SERVFAIL with a reason', async () => {
    const circle = [zone(COLD, `@ 300 IN NS ${hot}.`), zone(HOT, `@ 300 IN NS ${cold}.`)]
    await using round = await TestResolver.open({ zones: circle })
    const reply = await round.ask(`www.${NAME} A`, EDNS)
    assert.deepEqual(failure(reply), [Rcode.ServFail, ExtendedError.Other])
    assert.match(reply.edns?.error?.text ?? '', /in a circle/)
    const secrets = Array.from({ length: 11 }, (_, at) => secretOf(at + 1))
    const labels = secrets.map((secret) => publicKeyOf(secret).label)
    const chain = secrets.map((secret, at) => zone(secret, `@ 300 IN NS ${labels[at + 1] ?? labels[0]}.`))
    await using long = await TestResolver.open({ zones: chain })
    assert.match((await long.ask(`www.${NAME} A`, EDNS)).edns?.error?.text ?? '', /more than 8 keys/)
    const two = zone(COLD, `sub 300 IN NS ${hot}.\nsub 300 IN NS ${other}.`)
    const mixed = zone(COLD, `sub 300 IN NS ${hot}.\nsub 300 IN NS ns.example.org.`)
    for (const wrong of [two, mixed]) {
      await using resolver = await TestResolver.open({ zones: [wrong] })
      assert.match(
        (await resolver.ask(`sub.${NAME} A`, EDNS)).edns?.error?.text ?? '',
        /one key, or to 4 name servers/,
      )
    }
  })
})

describe('a name handed over to name servers of the ordinary DNS', () => {
  const SERVER = '203.0.113.53'
  const ABOVE = `sub 300 IN NS ns.sub\nns.sub 300 IN A ${SERVER}\nwww 300 IN A 192.0.2.1`
  const CUT = `sub.${cold}`

  interface Scene extends AsyncDisposable {
    readonly resolver: TestResolver
    readonly servers: readonly ScriptedUpstream[]
  }

  /** @param scripts of servers, by the address they seem to have */
  async function open(
    above: string,
    scripts: Record<string, Script>,
    more: TestResolverOptions = {},
  ): Promise<Scene> {
    const opened = new AsyncDisposableStack()
    const entries = Object.entries(scripts).map(
      async ([address, script]): Promise<[string, ScriptedUpstream]> => [
        address,
        opened.use(await ScriptedUpstream.open(script)),
      ],
    )
    const nameServers = Object.fromEntries(await Promise.all(entries))
    const resolver = opened.use(await TestResolver.open({ zones: [zone(COLD, above)], nameServers, ...more }))
    return {
      resolver,
      servers: Object.values(nameServers),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    }
  }

  test('is asked of them without recursion, and answered as it was asked', async () => {
    const answer = `www.${CUT} 60 IN A 198.51.100.7`
    await using scene = await open(ABOVE, { [SERVER]: { [`www.${CUT} A`]: { answer } } })
    const reply = await scene.resolver.ask(`www.sub.${NAME} A`)
    assert.deepEqual(linesOf(reply.answers), [`www.sub.${NAME}. 60 A 198.51.100.7`])
    assert.equal(scene.servers[0]?.asked[0]?.message.flags.recursionDesired, false)
    await scene.resolver.ask(`www.sub.${NAME} A`)
    assert.equal(scene.servers[0]?.asked.length, 1)
  })

  test('lasts no longer than the cut, and its absence is told with the SOA from there', async () => {
    const authority = `${CUT} 900 IN SOA ns.${CUT}. host.${CUT}. 1 2 3 4 900`
    const answer = `www.${CUT} 9000 IN A 198.51.100.7`
    const script = { [`www.${CUT} A`]: { answer }, [`absent.${CUT} A`]: { rcode: 3, authority } }
    await using scene = await open(ABOVE, { [SERVER]: script })
    assert.match(linesOf((await scene.resolver.ask(`www.sub.${NAME} A`)).answers).join(), / 300 A /)
    const none = await scene.resolver.ask(`absent.sub.${NAME} A`)
    assert.equal(none.rcode, Rcode.NxDomain)
    assert.match(
      linesOf(none.authority).join(),
      new RegExp(`^sub\\.${NAME}\\. 300 SOA ns\\.sub\\.${NAME}\\. `),
    )
  })

  test('goes on to servers that these name for a part of it, twice at most', async () => {
    const [second, third, fourth] = ['203.0.113.54', '203.0.113.55', '203.0.113.56'] as const
    const name = `a.b.c.${CUT}`
    const refer = (cut: string, address: string) => ({
      authority: `${cut} 60 IN NS ns.${cut}.`,
      additional: `ns.${cut} 60 IN A ${address}`,
    })
    const answer = `${name} 60 IN A 198.51.100.7`
    const scripts = {
      [SERVER]: { [`${name} A`]: refer(`c.${CUT}`, second) },
      [second]: { [`${name} A`]: refer(`b.c.${CUT}`, third) },
      [third]: { [`${name} A`]: { answer } },
    }
    await using scene = await open(ABOVE, scripts)
    assert.equal((await scene.resolver.ask(`a.b.c.sub.${NAME} A`)).answers.length, 1)
    const further = {
      ...scripts,
      [third]: { [`${name} A`]: refer(name, fourth) },
      [fourth]: { [`${name} A`]: { answer } },
    }
    await using long = await open(ABOVE, further)
    assert.equal((await long.resolver.ask(`a.b.c.sub.${NAME} A`)).rcode, Rcode.ServFail)
  })

  test('hosts without addresses in the zone are looked up in the ordinary DNS', async () => {
    const answer = `www.${CUT} 60 IN A 198.51.100.7`
    await using scene = await open(
      'sub 300 IN NS ns.example.org.',
      { [SERVER]: { [`www.${CUT} A`]: { answer } } },
      {
        scripts: [{ 'ns.example.org A': { answer: `ns.example.org 60 IN A ${SERVER}` } }],
      },
    )
    assert.equal((await scene.resolver.ask(`www.sub.${NAME} A`)).answers.length, 1)
  })

  test('what is said of names elsewhere is not believed', async () => {
    const answer = `www.${CUT} 60 IN CNAME www.${cold}.\nwww.${cold} 60 IN A 198.51.100.66`
    await using scene = await open(ABOVE, { [SERVER]: { [`www.${CUT} A`]: { answer } } })
    assert.deepEqual(linesOf((await scene.resolver.ask(`www.sub.${NAME} A`)).answers), [
      `www.sub.${NAME}. 60 CNAME www.${NAME}.`,
      `www.${NAME}. 300 A 192.0.2.1`,
    ])
  })

  for (const address of ['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254', '224.0.0.1']) {
    test(`a server at ${address} is never asked`, async () => {
      const answer = `www.${CUT} 60 IN A 198.51.100.7`
      await using scene = await open(ABOVE.replace(SERVER, address), {
        [address]: { [`www.${CUT} A`]: { answer } },
      })
      assert.deepEqual(failure(await scene.resolver.ask(`www.sub.${NAME} A`, EDNS)), [
        Rcode.ServFail,
        ExtendedError.NoReachableAuthority,
      ])
      assert.deepEqual(scene.servers[0]?.asked, [])
    })
  }

  test('when one refuses or knows nothing the next is asked; one that is silent rests', async () => {
    const [second, third] = ['203.0.113.54', '203.0.113.55'] as const
    const above = [SERVER, second, third].map(
      (address, at) => `sub 300 IN NS ns${at}.sub\nns${at}.sub 300 IN A ${address}`,
    )
    const answer = `www.${CUT} 0 IN A 198.51.100.7`
    const scripts = {
      [SERVER]: {},
      [second]: { [`www.${CUT} A`]: {} },
      [third]: { [`www.${CUT} A`]: { answer } },
    }
    await using scene = await open(above.join('\n'), scripts)
    assert.equal((await scene.resolver.ask(`www.sub.${NAME} A`)).answers.length, 1)
    const silent = { ...scripts, [SERVER]: { [`www.${CUT} A`]: { silent: true as const } } }
    await using slow = await open(above.join('\n'), silent)
    const { reply, waited } = await slow.resolver.askTimed(`www.sub.${NAME} A`)
    assert.deepEqual([reply.answers.length, waited <= 1000], [1, true])
    await slow.resolver.ask(`www.sub.${NAME} A`)
    assert.equal(slow.servers[0]?.asked.length, 1)
  })

  test('eight questions are asked for one name at most, whatever the servers say', async () => {
    const hosts = Array.from({ length: 4 }, (_, at) => `ns${at}`)
    const above = hosts.map((host, at) =>
      [1, 2, 3]
        .map((last) => `${host}.sub 300 IN A 203.0.113.${at * 10 + last}`)
        .concat(`sub 300 IN NS ${host}.sub`)
        .join('\n'),
    )
    const addresses = hosts.flatMap((_, at) => [1, 2, 3].map((last) => `203.0.113.${at * 10 + last}`))
    await using scene = await open(
      above.join('\n'),
      Object.fromEntries(addresses.map((address) => [address, {}])),
    )
    assert.equal((await scene.resolver.ask(`www.sub.${NAME} A`)).rcode, Rcode.ServFail)
    assert.equal(
      scene.servers.reduce((sum, { asked }) => sum + asked.length, 0),
      8,
    )
  })

  test('without RD nobody is asked', async () => {
    await using scene = await open(ABOVE, { [SERVER]: {} })
    assert.equal((await scene.resolver.ask(`www.sub.${NAME} A`, { bits: 0 })).rcode, Rcode.Refused)
  })

  test('private addresses from there are those of a stranger', async () => {
    const answer = `www.${CUT} 60 IN A 192.168.1.1`
    await using scene = await open(ABOVE, { [SERVER]: { [`www.${CUT} A`]: { answer } } })
    assert.equal((await scene.resolver.ask(`www.sub.${NAME} A`)).answers.length, 0)
  })
})
