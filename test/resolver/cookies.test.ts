/** DNS cookies (RFC 7873, 9018): the hash and the cookies are those of the vectors, and a client has its cookie back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { Cookies } from '../../src/resolver/cookies.ts'
import { sipHash } from '../../src/resolver/siphash.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Bit, opt } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { octets } from '../support/wire.ts'
import { zoneOf } from '../support/zones.ts'

// From vectors.h of the authors' SipHash: key and message count up from 0.
for (const [length, hash] of [
  [0, '310e0edd47db6f72'],
  [1, 'fd67dc93c539f874'],
  [8, '6224939a79f5f593'],
  [15, 'e545be4961ca29a1'],
  [63, '724506eb4c328a95'],
] as const) {
  test(`SipHash-2-4 of ${length} octets is that of its authors`, () => {
    const message = Buffer.alloc((length & ~7) + 8)
    for (let at = 0; at < length; at++) message[at] = at
    message[message.length - 1] = length
    const halves = (bytes: Uint8Array) => new Int32Array(Uint8Array.from(bytes).buffer)
    const out = Buffer.alloc(8)
    sipHash(halves(Uint8Array.from({ length: 16 }, (_, at) => at)), halves(message), out)
    assert.equal(out.toString('hex'), hash)
  })
}

const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf'

const sentIn = (packet: Uint8Array) => ({ packet, cookieAt: 0, cookieLength: packet.length })

/** @param time seconds */
function cookiesAt(time: number, secret = SECRET) {
  const clock = new ManualClock(time * 1000)
  const cookies = new Cookies(clock, () => octets(secret))
  const reply = (given: string, address: string) => {
    const written = Buffer.alloc(24)
    cookies.write(written, 0, sentIn(octets(given)), address)
    return written.toString('hex')
  }
  return { clock, reply }
}

describe('the cookies of RFC 9018, appendix A', () => {
  const [client, address] = ['2464c4abcf10c957', '198.51.100.100']
  test('a client that has none learns one', () => {
    const { reply } = cookiesAt(1_559_731_985)
    assert.equal(reply(client, address), `${client}010000005cf79f111f8130c3eee29480`)
  })

  test('one of 40 minutes is good, and renewed', () => {
    const { reply } = cookiesAt(1_559_734_385)
    const given = `${client}010000005cf79f111f8130c3eee29480`
    assert.equal(reply(given, address), `${client}010000005cf7a871d4a564a1442aca77`)
  })

  test('one that is out of date is made anew, whatever its reserved octets say', () => {
    const { reply } = cookiesAt(1_559_734_700)
    const given = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5'
    assert.equal(reply(given, '203.0.113.203'), 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e')
  })

  test('with an IPv6 address and a new secret, an old cookie is made anew', () => {
    const { reply } = cookiesAt(1_559_741_961, '445536bcd2513298075a5d379663c962')
    const given = '22681ab97d52c298010000005cf7c57926556bd0934c72f8'
    const renewed = '22681ab97d52c298010000005cf7c609a6bb79d16625507a'
    assert.equal(reply(given, '2001:db8:220:1:59de:d0f4:8769:82b8'), renewed)
  })
})

describe('a cookie that comes back', () => {
  const ADDRESS = '192.0.2.7'
  const CLIENT = '0123456789abcdef'
  const fresh = () => {
    const opened = cookiesAt(1_700_000_000)
    return { ...opened, first: opened.reply(CLIENT, ADDRESS) }
  }

  test('within half an hour is the same, later another', () => {
    const { clock, reply, first } = fresh()
    clock.advance(1_800_000)
    assert.equal(reply(first, ADDRESS), first)
    clock.advance(1000)
    assert.notEqual(reply(first, ADDRESS), first)
  })

  test('from the future is good for five minutes, and no more', () => {
    const { clock, reply, first } = fresh()
    clock.jump(-300_000)
    assert.equal(reply(first, ADDRESS), first)
    clock.jump(-1000)
    assert.notEqual(reply(first, ADDRESS), first)
  })

  for (const [word, change] of [
    ['another address', (given: string) => [given, '192.0.2.8']],
    ['another client cookie', (given: string) => [`ff${given.slice(2)}`, ADDRESS]],
    ['another version', (given: string) => [`${given.slice(0, 16)}99${given.slice(18)}`, ADDRESS]],
    [
      'another hash',
      (given: string) => [`${given.slice(0, 46)}${given.endsWith('00') ? '01' : '00'}`, ADDRESS],
    ],
    ['a longer server cookie', (given: string) => [`${given}00`, ADDRESS]],
  ] as const) {
    test(`with ${word} is none of ours: the client learns a new one`, () => {
      const { clock, reply, first } = fresh()
      clock.advance(1000)
      const [given = '', address = ''] = change(first)
      const learnt = reply(given, address)
      assert.equal(learnt.slice(0, 16), given.slice(0, 16))
      assert.notEqual(learnt.slice(16), given.slice(16))
      assert.equal(reply(learnt, address), learnt)
    })
  }

  test('of an address with an interface behind it is one like others', () => {
    const { reply } = fresh()
    const first = reply(CLIENT, 'fe80::1%eth0')
    assert.equal(reply(first, 'fe80::1%eth0'), first)
  })

  test('under the secret before is good for an hour after that was changed', () => {
    let secret = 0
    const clock = new ManualClock()
    const cookies = new Cookies(clock, () => Buffer.alloc(16, ++secret))
    const reply = (given: Uint8Array) => {
      const written = Buffer.alloc(24)
      cookies.write(written, 0, sentIn(given), ADDRESS)
      return written
    }
    clock.advance(26 * 3_600_000 - 1000)
    const old = reply(octets(CLIENT))
    clock.advance(1000)
    reply(octets(CLIENT))
    assert.equal(secret, 2)
    assert.deepEqual(reply(old), old)
    clock.advance(3_600_001)
    assert.equal(secret, 2)
    assert.notDeepEqual(reply(old), old)
  })
})

describe('a client that sends a cookie', () => {
  const zone = zoneOf('www 300 IN A 192.0.2.1')
  const WWW = `www.${zone.key.label}.kad.alt`
  const CLIENT = '0123456789abcdef'
  const withCookie = (cookie: string) => ({
    edns: { options: octets('000a', uint8s(cookie), cookie).toString('hex') },
  })
  const uint8s = (cookie: string) => Buffer.of(0, cookie.length / 2)
  const open = () => TestResolver.open({ zones: [zone] })
  /** Of a reply without a word about an error. */
  const cookieIn = (reply: Buffer | undefined) => {
    assert.equal(reply?.subarray(-28, -24).toString('hex'), '000a0018')
    return reply.subarray(-24).toString('hex')
  }

  test('has it back with the server’s, over UDP and TCP, asked anew and from memory; sent again, it stays', async () => {
    await using resolver = await open()
    const first = await resolver.ask(`${WWW} A`, withCookie(CLIENT))
    assert.deepEqual([first.rcode, first.answers.length], [Rcode.NoError, 1])
    const cookie = cookieIn(first.octets)
    assert.equal(cookie.slice(0, 18), `${CLIENT}01`)
    assert.equal(cookieIn((await resolver.ask(`${WWW} A`, withCookie(cookie))).octets), cookie)
    const overTcp = await resolver.ask(`${WWW} A`, { ...withCookie(cookie), transport: 'tcp' })
    assert.equal(cookieIn(overTcp.octets), cookie)
  })

  test('whose server cookie is none of ours is answered all the same', async () => {
    await using resolver = await open()
    const reply = await resolver.ask(`${WWW} A`, withCookie(CLIENT + 'ab'.repeat(16)))
    assert.deepEqual([reply.rcode, reply.answers.length], [Rcode.NoError, 1])
    assert.notEqual(cookieIn(reply.octets).slice(16), 'ab'.repeat(16))
  })

  test('and no question gets the cookie; with two questions, or without a cookie, it is FORMERR', async () => {
    await using resolver = await open()
    const header = '4b4e 0100 0000 0000 0000 0001'
    const reply = await resolver.send(octets(header, opt(withCookie(CLIENT).edns)))
    assert.deepEqual([reply?.rcode, reply?.questions.length], [Rcode.NoError, 0])
    assert.equal(cookieIn(reply?.octets).slice(0, 16), CLIENT)
    assert.equal((await resolver.send(octets(header, opt({}))))?.rcode, Rcode.FormErr)
    const two = octets(header.replace('0000', '0002'), opt(withCookie(CLIENT).edns))
    assert.equal((await resolver.send(two))?.rcode, Rcode.FormErr)
  })

  for (const length of [0, 1, 7, 9, 15, 41]) {
    test(`of ${length} octets is told FORMERR`, async () => {
      await using resolver = await open()
      const reply = await resolver.ask(`${WWW} A`, withCookie('ab'.repeat(length)))
      assert.equal(reply.rcode, Rcode.FormErr)
    })
  }

  test('and is refused with a reason gets both', async () => {
    await using resolver = await TestResolver.open({ scripts: [] })
    const { octets: reply, rcode } = await resolver.ask('example.org A', withCookie(CLIENT))
    assert.equal(rcode, Rcode.ServFail)
    assert.ok(reply.includes(octets('000a 0018', CLIENT, '01000000')))
    assert.ok(reply.includes('upstream'))
  })

  test('has less room for its answer: TC where both do not fit', async () => {
    const zone = zoneOf(`t 300 IN TXT ${'a'.repeat(250)} ${'b'.repeat(250)}`)
    const name = `t.${zone.key.label}.kad.alt`
    await using resolver = await TestResolver.open({ zones: [zone] })
    const { length } = (await resolver.ask(`${name} TXT`, { edns: {} })).octets
    for (const [payload, bits] of [
      [length + 28, 0],
      [length + 27, Bit.TC],
    ] as const) {
      const { options } = withCookie(CLIENT).edns
      const reply = await resolver.ask(`${name} TXT`, { edns: { payload, options } })
      assert.equal(reply.bits & Bit.TC, bits)
      assert.equal(cookieIn(reply.octets).slice(0, 16), CLIENT)
    }
  })
})
