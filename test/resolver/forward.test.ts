/** Ordinary names: what is asked of the upstream, what of its replies is believed, and what a client sees when it fails. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeMessage } from '../../src/dns/codec.ts'
import { ExtendedError, Rcode } from '../../src/dns/message.ts'
import { formatName, parseName } from '../../src/dns/name.ts'
import { Bit, DNSSEC_OK, opt, queryPacket, readReply } from '../support/queries.ts'
import { FORGED_ADDRESS, type Forgery } from '../support/scripted-upstream.ts'
import { TEST_DNS_CONFIG, TestResolver, UPSTREAM_TIMEOUT } from '../support/test-resolver.ts'
import { until } from '../support/until.ts'
import { octets } from '../support/wire.ts'
import { linesOf } from '../support/zones.ts'

const SOA = 'example.org. 900 IN SOA ns.example.org. hostmaster.example.org. 1 7200 3600 1209600 120'
const WWW = { answer: 'www.example.org. 300 IN A 192.0.2.80' }
const EDNS = { edns: {} }

describe('what the upstream says', () => {
  test('a record set: the client sees it, the authority and additional sections beside it not', async () => {
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org A': {
            answer: 'www.example.org. 300 IN A 192.0.2.80\nwww.example.org. 300 IN A 192.0.2.81',
            authority: 'example.org. 3600 IN NS ns.example.org.',
            additional: 'ns.example.org. 3600 IN A 192.0.2.53',
          },
        },
      ],
    })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual(linesOf(reply.answers), [
      'www.example.org. 300 A 192.0.2.80',
      'www.example.org. 300 A 192.0.2.81',
    ])
    assert.deepEqual([reply.rcode, reply.authority, reply.additional], [Rcode.NoError, [], []])
  })

  for (const type of ['AAAA', 'HTTPS', 'TYPE65280']) {
    test(`a name without ${type}: no error, no answer, the SOA of its zone`, async () => {
      await using resolver = await TestResolver.open({
        scripts: [{ [`www.example.org ${type}`]: { authority: SOA } }],
      })
      const reply = await resolver.ask(`www.example.org ${type}`)
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 0])
      assert.match(linesOf(reply.authority).join(), /^example\.org\. 120 SOA /)
    })
  }

  test('a name that is absent: NXDOMAIN with the SOA of its zone, whatever type is asked', async () => {
    const gone = { rcode: Rcode.NxDomain, authority: SOA }
    await using resolver = await TestResolver.open({
      scripts: [{ 'gone.example.org A': gone, 'gone.example.org AAAA': gone }],
    })
    for (const type of ['A', 'AAAA']) {
      const reply = await resolver.ask(`gone.example.org ${type}`)
      assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NxDomain, 0, 1])
    }
  })

  test('an alias to an absent name: the CNAME, NXDOMAIN, the SOA of the target', async () => {
    const answer = 'www.example.net. 300 IN CNAME gone.example.org.'
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.net A': { rcode: Rcode.NxDomain, answer, authority: SOA } }],
    })
    const reply = await resolver.ask('www.example.net A')
    assert.equal(reply.rcode, Rcode.NxDomain)
    assert.deepEqual(linesOf(reply.answers), ['www.example.net. 300 CNAME gone.example.org.'])
    assert.deepEqual(
      reply.authority.map(({ name }) => formatName(name)),
      ['example.org.'],
    )
  })

  test('a chain of aliases out of order: the client sees it in order', async () => {
    const answer = [
      'c.example. 30 IN A 192.0.2.3',
      'b.example. 20 IN CNAME c.example.',
      'a.example. 10 IN CNAME b.example.',
    ].join('\n')
    await using resolver = await TestResolver.open({ scripts: [{ 'a.example A': { answer } }] })
    assert.deepEqual(linesOf((await resolver.ask('a.example A')).answers), [
      'a.example. 10 CNAME b.example.',
      'b.example. 20 CNAME c.example.',
      'c.example. 30 A 192.0.2.3',
    ])
  })

  test('a type nobody knows: its octets as they are, even where they look like a pointer', async () => {
    const answer = 'odd.example. 300 IN TYPE65280 \\# 6 c00cc00c3fff'
    await using resolver = await TestResolver.open({ scripts: [{ 'odd.example TYPE65280': { answer } }] })
    for (const round of ['asked', 'remembered']) {
      const reply = await resolver.ask('odd.example TYPE65280')
      assert.equal(Buffer.from(reply.answers[0]!.data).toString('hex'), 'c00cc00c3fff', round)
    }
    assert.equal(resolver.upstream.asked.length, 1)
  })

  test('an HTTPS record and a TXT that is no UTF-8: byte for byte', async () => {
    const lines = {
      HTTPS: 'svc.example. 300 IN HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1',
      TXT: 'svc.example. 300 IN TXT "\\255\\000\\128" ""',
    }
    const scripts = [
      { 'svc.example HTTPS': { answer: lines.HTTPS }, 'svc.example TXT': { answer: lines.TXT } },
    ]
    await using resolver = await TestResolver.open({ scripts })
    const https = await resolver.ask('svc.example HTTPS')
    assert.equal(
      Buffer.from(https.answers[0]!.data).toString('hex'),
      '0001000001000602683202683300040004c0000201',
    )
    const txt = await resolver.ask('svc.example TXT')
    assert.equal(Buffer.from(txt.answers[0]!.data).toString('hex'), '03ff008000')
  })

  test('names in SRV and other types after RFC 1035 are not compressed', async () => {
    const answer = '_x._tcp.example. 300 IN SRV 1 2 3 host._x._tcp.example.'
    await using resolver = await TestResolver.open({ scripts: [{ '_x._tcp.example SRV': { answer } }] })
    const { octets } = await resolver.ask('_x._tcp.example SRV')
    assert.ok(octets.includes(Buffer.from('\x04host\x02_x\x04_tcp\x07example\0', 'latin1')))
  })

  test('records of one set with several TTLs: all get the smallest', async () => {
    const answer = 'www.example.org. 300 IN A 192.0.2.80\nwww.example.org. 60 IN A 192.0.2.81'
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { answer } }] })
    assert.deepEqual(
      (await resolver.ask('www.example.org A')).answers.map(({ ttl }) => ttl),
      [60, 60],
    )
  })

  test('a TTL above what is allowed: the client sees no more than the most that is kept', async () => {
    const patched = (ttl: number) => (reply: Buffer) => {
      reply.writeUInt32BE(ttl, reply.length - 10)
      return reply
    }
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'long.example A': { answer: 'long.example. 1 IN A 192.0.2.1', change: patched(0x7fff_ffff) },
          'wild.example A': { answer: 'wild.example. 1 IN A 192.0.2.1', change: patched(0xffff_ffff) },
        },
      ],
    })
    for (const name of ['long.example', 'wild.example']) {
      const [record] = (await resolver.ask(`${name} A`)).answers
      assert.ok(record && record.ttl <= TEST_DNS_CONFIG.maxTtl, name)
    }
  })

  test('a TTL of 0: the client sees it, and the next question is asked anew', async () => {
    const answer = 'now.example. 0 IN A 192.0.2.1'
    await using resolver = await TestResolver.open({ scripts: [{ 'now.example A': { answer } }] })
    for (const _ of [1, 2]) assert.equal((await resolver.ask('now.example A')).answers[0]?.ttl, 0)
    assert.equal(resolver.upstream.asked.length, 2)
  })

  const negatives: [string, string, number][] = [
    ['the MINIMUM of the SOA', 'example.org. 900 IN SOA a. b. 1 2 3 4 120', 120],
    ['the TTL of the SOA', 'example.org. 60 IN SOA a. b. 1 2 3 4 120', 60],
    ['the most that is allowed', 'example.org. 90000 IN SOA a. b. 1 2 3 4 90000', 3600],
  ]
  for (const [word, authority, ttl] of negatives) {
    test(`"there is none" lasts as long as ${word} when that is least`, async () => {
      await using resolver = await TestResolver.open({
        scripts: [{ 'gone.example.org A': { rcode: Rcode.NxDomain, authority } }],
      })
      assert.equal((await resolver.ask('gone.example.org A')).authority[0]?.ttl, ttl)
      resolver.clock.advance((ttl - 1) * 1000)
      assert.equal((await resolver.ask('gone.example.org A')).authority[0]?.ttl, 1)
      assert.equal(resolver.upstream.asked.length, 1)
      resolver.clock.advance(1000)
      await resolver.ask('gone.example.org A')
      assert.equal(resolver.upstream.asked.length, 2)
    })
  }

  test('"there is none" without an SOA: the client sees it, and it is not kept', async () => {
    await using resolver = await TestResolver.open({ scripts: [{ 'none.example A': {} }] })
    for (const _ of [1, 2]) {
      const reply = await resolver.ask('none.example A')
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 0])
    }
    assert.equal(resolver.upstream.asked.length, 2)
  })
})

describe('what is not believed', () => {
  const forgeries: Forgery[] = [
    'wrong id',
    'wrong id, and records without an end',
    'wrong name',
    'wrong type',
    'wrong class',
    'wrong port',
    'extra question',
    'no question',
    'a question, not a reply',
    'another opcode',
    'no message',
  ]
  for (const forgery of forgeries) {
    test(`a reply that has ${forgery}: it is passed over, and the true one behind it is taken`, async () => {
      await using resolver = await TestResolver.open({
        scripts: [{ 'www.example.org A': { ...WWW, forgery } }],
      })
      const reply = await resolver.ask('www.example.org A')
      assert.deepEqual(linesOf(reply.answers), ['www.example.org. 300 A 192.0.2.80'])
      assert.ok(!reply.octets.includes(Buffer.from(FORGED_ADDRESS.split('.').map(Number))))
    })

    if (forgery === 'wrong port') continue
    test(`a reply over TCP that has ${forgery}: it is passed over as well`, async () => {
      await using resolver = await TestResolver.open({
        scripts: [{ 'www.example.org A': { ...WWW, forgery, truncated: true } }],
      })
      const reply = await resolver.ask('www.example.org A')
      // Over UDP the lie may come ahead of the TC: neither may count.
      assert.deepEqual(linesOf(reply.answers), ['www.example.org. 300 A 192.0.2.80'])
    })
  }

  test('the question in another case is the same question', async () => {
    const change = (reply: Buffer) => {
      reply.write('WwW', 13, 'latin1')
      return reply
    }
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { ...WWW, change } }] })
    const reply = await resolver.ask('www.example.org A')
    assert.equal(reply.answers.length, 1)
    assert.equal(formatName(reply.questions[0]!.name), 'www.example.org.')
  })

  test('records that do not belong to the question: the client never sees them', async () => {
    const answer = `${WWW.answer}\nvictim.example. 300 IN A ${FORGED_ADDRESS}\nwww.example.org. 300 IN TXT "x"`
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org A': {
            answer,
            authority: 'example. 300 IN NS evil.example.',
            additional: `victim.example. 300 IN A ${FORGED_ADDRESS}`,
          },
        },
      ],
    })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual(linesOf(reply.answers), ['www.example.org. 300 A 192.0.2.80'])
    await resolver.ask('victim.example A')
    assert.deepEqual(resolver.upstream.questions, ['www.example.org A', 'victim.example A'])
  })

  test('an SOA of a zone the name is not in: no error, no SOA, not kept', async () => {
    const authority = 'other.example. 900 IN SOA a. b. 1 2 3 4 900'
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { authority } }] })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual([reply.rcode, reply.authority.length], [Rcode.NoError, 0])
    await resolver.ask('www.example.org A')
    assert.equal(resolver.upstream.asked.length, 2)
  })

  test('records of another class: the client never sees them', async () => {
    const answer = 'www.example.org. 300 CH A 203.0.113.66\nwww.example.org. 300 IN A 192.0.2.80'
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { answer } }] })
    const reply = await resolver.ask('www.example.org A')
    assert.deepEqual(linesOf(reply.answers), ['www.example.org. 300 A 192.0.2.80'])
  })

  for (const [word, cut] of [
    ['UDP', {}],
    ['TCP', { truncated: true }],
  ] as const) {
    test(`a reply over ${word} whose records cannot be read: the next server is asked at once`, async () => {
      const change = (reply: Buffer) => (reply[7] === 0 ? reply : reply.subarray(0, reply.length - 2))
      await using resolver = await TestResolver.open({
        scripts: [{ 'www.example.org A': { ...WWW, ...cut, change } }, { 'www.example.org A': WWW }],
      })
      assert.equal((await resolver.ask('www.example.org A')).answers.length, 1)
    })
  }

  test('a second reply to the same question, or one that comes late, changes nothing', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { ...WWW, held: true } }, { 'www.example.org A': WWW }],
    })
    const asking = resolver.ask('www.example.org A')
    await resolver.untilAsked(1)
    await advanceUntilAsked(resolver, 1)
    assert.equal((await asking).answers.length, 1)
    resolver.upstream.release()
    assert.equal((await resolver.ask('www.example.org A')).answers.length, 1)
    assert.deepEqual(resolver.logged, [])
  })
})

/** Lets the time of the server asked last run out, until the one behind it is asked. */
async function advanceUntilAsked(resolver: TestResolver, server: number): Promise<void> {
  resolver.clock.advance(UPSTREAM_TIMEOUT)
  await resolver.untilAsked(1, resolver.upstreams[server])
}

/** One bit of one octet turned: of a letter, it is its case. */
function flip(reply: Buffer, at: number): Buffer {
  reply[at] = reply.readUInt8(at) ^ 0x20
  return reply
}

describe('what the upstream is asked', () => {
  test('the question with RD and OPT, each time under another id', async () => {
    await using resolver = await TestResolver.open()
    for (let at = 0; at < 8; at++) await resolver.ask(`n${at}.example.org A`)
    const { asked } = resolver.upstream
    assert.ok(new Set(asked.map(({ message }) => message.id)).size > 1)
    for (const { message } of asked) {
      assert.deepEqual([message.flags.recursionDesired, message.edns?.payloadSize], [true, 1232])
      assert.deepEqual([message.questions.length, message.answers.length], [1, 0])
    }
  })

  test('nothing of the client: no option of its own goes on', async () => {
    await using resolver = await TestResolver.open()
    await resolver.ask('www.example.org A', { edns: { options: '0008 0007 0001 1800 c00002' } })
    const [asked] = resolver.upstream.asked
    assert.ok(asked)
    assert.deepEqual(encodeMessage(asked.message).subarray(-11), opt({}))
  })

  test('over TCP when its answer over UDP was cut short, and the client sees the whole', async () => {
    const answer = Array.from({ length: 40 }, (_, at) => `big.example. 300 IN TXT "${at}${'x'.repeat(60)}"`)
    await using resolver = await TestResolver.open({
      scripts: [{ 'big.example TXT': { answer: answer.join('\n'), truncated: true } }],
    })
    const reply = await resolver.ask('big.example TXT', { transport: 'tcp' })
    assert.equal(reply.answers.length, 40)
    assert.deepEqual(
      resolver.upstream.asked.map(({ transport }) => transport),
      ['udp', 'tcp'],
    )
  })

  for (const [word, change] of [
    ['in another case', (reply: Buffer) => flip(reply, 13)],
    ['of five octets', (reply: Buffer) => reply.subarray(0, 5)],
    ['under another id', (reply: Buffer) => flip(reply, 1)],
  ] as const) {
    test(`over TCP when a reply ${word} comes to its port: somebody may be guessing`, async () => {
      const name = 'www.example.org A'
      let first = true
      const once = (reply: Buffer) => {
        if (!first) return reply
        first = false
        return change(reply)
      }
      await using resolver = await TestResolver.open({ scripts: [{ [name]: { ...WWW, change: once } }] })
      assert.deepEqual(linesOf((await resolver.ask(name)).answers), ['www.example.org. 300 A 192.0.2.80'])
      assert.deepEqual(
        resolver.upstream.asked.map(({ transport }) => transport),
        ['udp', 'tcp'],
      )
    })
  }

  test('in a random case, each time another', async () => {
    await using resolver = await TestResolver.open()
    for (let at = 0; at < 8; at++) await resolver.ask(`${at}.a.long.name.to.spell.example A`)
    const spelled = resolver.upstream.asked.map(({ name }) => name.slice(2))
    assert.ok(new Set(spelled).size > 4)
  })

  test('over TCP too when its answer over UDP is cut in the middle of a record', async () => {
    const change = (reply: Buffer) => {
      if (reply.length < 100) return reply
      reply[2] = reply.readUInt8(2) | (Bit.TC >> 8)
      return reply.subarray(0, 100)
    }
    const answer = `big.example. 300 IN TXT "${'x'.repeat(200)}"`
    const script = { 'big.example TXT': { answer, change } }
    await using resolver = await TestResolver.open({ scripts: [script] })
    const asking = resolver.ask('big.example TXT')
    await resolver.untilAsked(1)
    script['big.example TXT'].change = (reply) => reply
    assert.equal((await asking).answers.length, 1)
    assert.deepEqual(
      resolver.upstream.asked.map(({ transport }) => transport),
      ['udp', 'tcp'],
    )
  })

  test('once, by a hundred clients that ask the same at the same time', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { ...WWW, held: true } }],
    })
    const asking = Array.from({ length: 100 }, (_, id) =>
      resolver.ask(id % 2 === 0 ? 'www.example.org A' : 'WWW.example.ORG A', { id }),
    )
    await resolver.untilAsked(1)
    resolver.upstream.release()
    const replies = await Promise.all(asking)
    assert.deepEqual(
      replies.map(({ id, answers }) => [id, answers.length]),
      Array.from({ length: 100 }, (_, id) => [id, 1]),
    )
    assert.equal(resolver.upstream.asked.length, 1)
  })

  test('anew, for whoever still waits when the first to ask has gone away', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { ...WWW, silent: true } }],
    })
    const leaving = new AbortController()
    const first = resolver.resolver.ask({ name: parseName('www.example.org.'), type: 1 }, leaving.signal)
    await resolver.untilAsked(1)
    const second = resolver.ask('www.example.org A')
    resolver.upstream.script['www.example.org A'] = WWW
    leaving.abort()
    assert.equal((await first).rcode, Rcode.ServFail)
    assert.equal((await second).answers.length, 1)
    assert.equal(resolver.upstream.asked.length, 2)
    assert.deepEqual(resolver.logged, [])
  })

  test('apart, by clients that ask with DO or CD', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { ...WWW, held: true } }],
    })
    const asking = [{}, { edns: DNSSEC_OK }, { bits: 0x0110 }].map((parts) =>
      resolver.ask('www.example.org A', parts),
    )
    await resolver.untilAsked(3)
    resolver.upstream.release()
    for (const reply of await Promise.all(asking)) assert.equal(reply.answers.length, 1)
  })

  test('again, by whoever asks a second after a failure that many shared', async () => {
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { rcode: 2 } }] })
    await Promise.all([resolver.ask('www.example.org A'), resolver.ask('www.example.org A')])
    const before = resolver.upstream.asked.length
    resolver.upstream.script['www.example.org A'] = WWW
    resolver.clock.advance(1000)
    assert.equal((await resolver.ask('www.example.org A')).answers.length, 1)
    assert.equal(resolver.upstream.asked.length, before + 1)
  })
})

describe('when the upstream fails', () => {
  test('silence: the second server is asked', async () => {
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { silent: true } }, { 'www.example.org A': WWW }],
    })
    const asking = resolver.ask('www.example.org A')
    await resolver.untilAsked(1)
    await advanceUntilAsked(resolver, 1)
    assert.equal((await asking).answers.length, 1)
  })

  test('silence over TCP where UDP was cut short: the second server is asked when the time is over', async () => {
    await using resolver = await TestResolver.open({
      scripts: [
        { 'www.example.org A': { ...WWW, truncated: true, silent: 'tcp' } },
        { 'www.example.org A': WWW },
      ],
    })
    const asking = resolver.ask('www.example.org A')
    await resolver.untilAsked(2)
    await advanceUntilAsked(resolver, 1)
    assert.equal((await asking).answers.length, 1)
  })

  test('an answer that is cut short over TCP too: the second server is asked', async () => {
    const change = (reply: Buffer) => {
      reply[2] = reply.readUInt8(2) | (Bit.TC >> 8)
      return reply
    }
    await using resolver = await TestResolver.open({
      scripts: [{ 'www.example.org A': { ...WWW, change } }, { 'www.example.org A': WWW }],
    })
    assert.equal((await resolver.ask('www.example.org A')).answers.length, 1)
    assert.equal(resolver.upstreams[1]?.asked.length, 1)
  })

  const extended = (reply: Buffer) => {
    reply.writeUInt16BE(1, 10)
    return octets(reply, '00 0029 04d0 01 00 0000 0000') // OPT with the upper bits of BADVERS (RFC 6891 6.1.3)
  }
  for (const [word, refusal] of [
    ['FORMERR', { rcode: 1 }],
    ['NOTIMP', { rcode: 4 }],
    ['BADVERS', { change: extended }],
  ] as const) {
    test(`${word} to a question with OPT: the same server is asked once more without`, async () => {
      const script = { 'www.example.org A': { ...refusal, withoutEdns: WWW } }
      await using resolver = await TestResolver.open({ scripts: [script, {}] })
      const reply = await resolver.ask('www.example.org A', { edns: DNSSEC_OK })
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 1])
      assert.deepEqual(
        resolver.upstream.asked.map(({ message }) => message.edns?.payloadSize),
        [1232, undefined],
      )
      assert.deepEqual(resolver.upstreams[1]?.asked, [])
    })
  }

  for (const [word, rcode] of [
    ['SERVFAIL', 2],
    ['REFUSED', 5],
    ['NOTIMP', 4],
    ['FORMERR', 1],
  ] as const) {
    test(`${word}: the second server is asked at once`, async () => {
      await using resolver = await TestResolver.open({
        scripts: [{ 'www.example.org A': { rcode } }, { 'www.example.org A': WWW }],
      })
      const reply = await resolver.ask('www.example.org A')
      assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 1])
    })

    test(`${word} from every server: SERVFAIL with a reason`, async () => {
      const script = { 'www.example.org A': { rcode } }
      await using resolver = await TestResolver.open({ scripts: [script, script] })
      const reply = await resolver.ask('www.example.org A', EDNS)
      assert.equal(reply.rcode, Rcode.ServFail)
      assert.equal(reply.edns?.error?.code, ExtendedError.NetworkError)
      assert.match(reply.edns.error.text, new RegExp(`${rcode}`))
      assert.equal((await resolver.ask('www.example.org A')).edns, undefined)
    })
  }

  test('nobody listens there: the second server is asked', async () => {
    const script = { 'www.example.org A': WWW }
    await using resolver = await TestResolver.open({ scripts: [{}, script] })
    await resolver.upstream[Symbol.asyncDispose]()
    const asking = resolver.ask('www.example.org A')
    await until(() => {
      resolver.clock.advance(1) // where the system tells nobody of a closed port, time has to run out
      return resolver.upstreams[1]!.asked.length > 0
    })
    assert.equal((await asking).answers.length, 1)
  })

  test('silence of one server: SERVFAIL with a reason when its time is over', async () => {
    await using resolver = await TestResolver.open({ scripts: [{ 'www.example.org A': { silent: true } }] })
    const asking = resolver.ask('www.example.org A', EDNS)
    await resolver.untilAsked(1)
    resolver.clock.advance(UPSTREAM_TIMEOUT)
    const reply = await asking
    assert.equal(reply.rcode, Rcode.ServFail)
    const code = reply.edns?.error?.code
    assert.ok(code === ExtendedError.NoReachableAuthority || code === ExtendedError.NetworkError)
  })

  test('silence of many: SERVFAIL with a reason at the deadline for answers, which is before 2.5 s', async () => {
    assert.ok(TEST_DNS_CONFIG.answerTimeout < 2500)
    const script = { 'www.example.org A': { silent: true } } as const
    await using resolver = await TestResolver.open({ scripts: [script, script, script, script] })
    const started = resolver.clock.now()
    const asking = resolver.ask('www.example.org A', EDNS)
    for (const server of [0, 1]) {
      await resolver.untilAsked(1, resolver.upstreams[server])
      resolver.clock.advance(UPSTREAM_TIMEOUT)
    }
    await resolver.untilAsked(1, resolver.upstreams[2])
    resolver.clock.advance(started + TEST_DNS_CONFIG.answerTimeout - resolver.clock.now())
    const reply = await asking
    assert.equal(reply.rcode, Rcode.ServFail)
    assert.equal(reply.edns?.error?.code, ExtendedError.NoReachableAuthority)
    assert.deepEqual(resolver.logged, [])
    assert.deepEqual(resolver.upstreams[3]?.asked, [])
  })

  test('no upstream is configured: SERVFAIL with a reason', async () => {
    await using resolver = await TestResolver.open({ scripts: [] })
    const reply = await resolver.ask('www.example.org A', EDNS)
    assert.deepEqual([reply.rcode, reply.edns?.error?.code], [Rcode.ServFail, ExtendedError.NotReady])
    assert.equal((await resolver.ask('localhost A')).answers.length, 1)
  })
})

describe('when there are too many questions', () => {
  test('one more than is allowed: SERVFAIL with a reason, at once; those before it and what is known are answered', async () => {
    const scripts = [
      {
        'a.example A': { answer: 'a.example. 9 IN A 192.0.2.1', held: true },
        'b.example A': { answer: 'b.example. 9 IN A 192.0.2.2', held: true },
        'c.example A': { answer: 'c.example. 9 IN A 192.0.2.3' },
      },
    ] as const
    await using resolver = await TestResolver.open({ scripts, config: { maxPending: 2 } })
    await resolver.ask('localhost A')
    const pending = [resolver.ask('a.example A'), resolver.ask('b.example A')]
    const packet = queryPacket('c.example A', EDNS)
    const refused = resolver.resolver.serve(packet, { address: '127.0.0.1', transport: 'udp' })
    assert.ok(refused instanceof Buffer)
    const { rcode, edns, questions } = readReply(refused)
    assert.deepEqual([rcode, edns?.error?.code], [Rcode.ServFail, ExtendedError.NotReady])
    assert.equal(questions.length, 1)
    assert.equal((await resolver.ask('localhost A')).answers.length, 1)
    await resolver.untilAsked(2)
    resolver.upstream.release()
    for (const reply of await Promise.all(pending)) assert.equal(reply.answers.length, 1)
    assert.equal((await resolver.ask('c.example A')).answers.length, 1)
  })
})
