/** The product in one file: eight nodes, a name published on one, asked for on the others, and what happens when nodes die. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Rcode } from '../src/dns/message.ts'
import { answersOf, ask, verdictOf } from './support/asking.ts'
import { PKARR_PACKET } from './support/pkarr-packet.ts'
import { ScriptedUpstream } from './support/scripted-upstream.ts'
import { type TestNode, TestNodes } from './support/test-nodes.ts'
import { until } from './support/until.ts'

interface Created {
  readonly key: string
  readonly name: string
}
interface Published {
  readonly sequence: string
  readonly expires: string
  readonly storedOn: number
}

const COUNT = 8
/** Not over the TTL handed out of a zone that one peer alone has given so far. */
const TTL = 10
const EDNS = { edns: {} }

describe('eight nodes', () => {
  const network = new TestNodes()
  const nodes: TestNode[] = []
  let upstream: ScriptedUpstream
  let zone: Created
  let other: Created

  const node = (number: number) => nodes[number] as TestNode
  const publish = (at: TestNode, { key }: Created, records: object[]) =>
    at.send<Published>('PUT', `/v1/zones/${key}/records`, { records })

  before(async () => {
    upstream = await ScriptedUpstream.open({
      'www.example.org A': { answer: 'www.example.org. 60 IN A 198.51.100.7' },
    })
    const { host, port } = upstream.endpoint
    for (let number = 0; number < COUNT; number++) {
      const bootstrap = nodes.slice(0, 2).flatMap(({ daemon }) => daemon.addresses)
      nodes.push(await network.open({ bootstrap, upstream: `${host}:${port}` }))
    }
    for (const each of nodes) {
      await until(async () => (await each.get<{ peers: number }>('/v1/node')).peers === COUNT - 1)
    }
  })

  after(async () => {
    await network[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  test('every node says that it is well, and how to join it', async () => {
    for (const each of nodes) {
      assert.deepEqual(await each.get('/healthz'), { status: 'ok' })
      const { peerId, addresses } = await each.get<{ peerId: string; addresses: string[] }>('/v1/node')
      assert.ok(addresses.length > 0 && addresses.every((address) => address.endsWith(`/p2p/${peerId}`)))
    }
  })

  test('a packet that a pkarr client puts at one relay is answered by DNS and by the relays of others', async () => {
    const { key, payload } = PKARR_PACKET
    const body = new Uint8Array(payload)
    const put = await fetch(`http://${node(2).daemon.relay[0]}/${key}`, { method: 'PUT', body })
    assert.deepEqual([put.status, put.headers.get('pkarr-dht-stored-nodes')], [204, String(COUNT - 1)])
    for (const number of [5, 6]) {
      const reply = await ask(node(number).dns, `${key}.kad.alt A`)
      assert.deepEqual(answersOf(reply), [`${key}.kad.alt. ${reply.answers[0]?.ttl} A 192.0.2.77`])
      const got = await fetch(`http://${node(number + 1).daemon.relay[0]}/${key}`)
      assert.deepEqual(Buffer.from(await got.arrayBuffer()), payload)
    }
  })

  test('a name is made and published by REST on one node, and the others acknowledge it', async () => {
    zone = await node(0).send<Created>('POST', '/v1/zones')
    assert.match(zone.key, /^[a-z1-9]{52}$/)
    assert.equal(zone.name, `${zone.key}.kad.alt`)
    other = await node(1).send<Created>('POST', '/v1/zones')
    await publish(node(1), other, [{ name: 'far', type: 'A', ttl: TTL, value: '192.0.2.99' }])
    const published = await publish(node(0), zone, [
      { name: 'www', type: 'A', ttl: TTL, value: '192.0.2.1' },
      { name: '*.any', type: 'A', ttl: TTL, value: '192.0.2.2' },
      { name: 'nas', type: 'A', ttl: TTL, value: '192.168.1.2' },
      { name: 'far', type: 'CNAME', ttl: TTL, value: `far.${other.name}.` },
      { name: 'out', type: 'CNAME', ttl: TTL, value: 'www.example.org.' },
      { name: 'big', type: 'TXT', ttl: TTL, value: `"${'x'.repeat(255)}" "${'y'.repeat(255)}"` },
    ])
    assert.match(published.sequence, /^\d+$/)
    assert.ok(Date.parse(published.expires) > node(0).clock.now())
    assert.equal(published.storedOn, COUNT - 1)
  })

  test('another node answers for it, however it is spelled', async () => {
    for (const name of [
      `www.${zone.name}`,
      `WWW.${zone.name.toUpperCase()}`,
      `wWw.${zone.key}.KaD.aLt`,
      `www.${zone.key}`,
    ]) {
      assert.deepEqual(answersOf(await ask(node(5).dns, `${name} A`, EDNS)), [`${name}. ${TTL} A 192.0.2.1`])
    }
  })

  test('what is not there is said to be not there, with an SOA', async () => {
    assert.equal(verdictOf(await ask(node(5).dns, `www.${zone.name} AAAA`)), 'NOERROR, SOA')
    assert.equal(verdictOf(await ask(node(5).dns, `no.${zone.name} A`)), 'NXDOMAIN, SOA')
  })

  test('a wildcard answers for every name below it', async () => {
    assert.deepEqual(answersOf(await ask(node(3).dns, `what.ever.any.${zone.name} A`)), [
      `what.ever.any.${zone.name}. ${TTL} A 192.0.2.2`,
    ])
  })

  test("aliases are followed to another key's name, and out into the ordinary DNS", async () => {
    assert.deepEqual(answersOf(await ask(node(3).dns, `far.${zone.name} A`)), [
      `far.${zone.name}. ${TTL} CNAME far.${other.name}.`,
      `far.${other.name}. ${TTL} A 192.0.2.99`,
    ])
    assert.deepEqual(answersOf(await ask(node(3).dns, `out.${zone.name} A`)), [
      `out.${zone.name}. ${TTL} CNAME www.example.org.`,
      'www.example.org. 60 A 198.51.100.7',
    ])
  })

  test('a private address is answered by the node whose zone it is in and where that zone is trusted, by no other', async () => {
    const trusting = await network.open({ bootstrap: node(4).daemon.addresses, trusted: [zone.key] })
    for (const each of [node(0), trusting]) {
      assert.equal((await ask(each.dns, `nas.${zone.name} A`)).answers.length, 1)
    }
    assert.equal(verdictOf(await ask(node(5).dns, `nas.${zone.name} A`)), 'NOERROR, SOA')
    await trusting.close()
  })

  test('what is too large for UDP is cut short there and comes whole over TCP', async () => {
    const cut = await ask(node(4).dns, `big.${zone.name} TXT`)
    assert.ok(cut.flags.truncated)
    assert.deepEqual(cut.answers, [])
    const whole = await ask(node(4).dns, `big.${zone.name} TXT`, { tcp: true })
    assert.equal(whole.answers.length, 1)
  })

  test("ordinary names are the upstream's to answer, and names under .alt never reach it", async () => {
    assert.deepEqual(answersOf(await ask(node(6).dns, 'www.example.org A')), [
      'www.example.org. 60 A 198.51.100.7',
    ])
    for (const name of ['nobody.kad.alt', 'anything.alt', `www.y${zone.key.slice(1)}.kad.alt`]) {
      await ask(node(6).dns, `${name} A`)
    }
    assert.deepEqual(
      upstream.questions.filter((question) => !question.startsWith('www.example.org')),
      [],
    )
  })

  test('a change is seen everywhere once the TTL that was handed out is over', async () => {
    await publish(node(0), zone, [{ name: 'www', type: 'A', ttl: TTL, value: '192.0.2.111' }])
    for (const each of nodes) each.clock.advance(TTL * 1000)
    for (const each of nodes) {
      assert.deepEqual(answersOf(await ask(each.dns, `www.${zone.name} A`)), [
        `www.${zone.name}. ${TTL} A 192.0.2.111`,
      ])
    }
  })

  test('with the publisher and half of the others gone, a node that never saw the name finds it', async () => {
    await Promise.all(nodes.slice(0, 4).map((each) => each.close()))
    const fresh = await network.open({ bootstrap: node(4).daemon.addresses })
    const reply = await ask(fresh.dns, `www.${zone.name} A`)
    assert.deepEqual(answersOf(reply), [`www.${zone.name}. ${TTL} A 192.0.2.111`])
    const { from, lookup } = await fresh.get<{ from: string; lookup: { hops: number } }>(
      `/v1/resolve?name=www.${zone.name}&type=A`,
    )
    assert.equal(from, 'cache')
    assert.ok(lookup.hops >= 1)
  })

  test('a node that is started again, alone, still answers for what it holds', async () => {
    await Promise.all(nodes.slice(4).map((each) => each.close()))
    const again = await network.open({ data: node(5).data })
    const reply = await ask(again.dns, `www.${zone.name} A`)
    assert.deepEqual(
      reply.answers.map(({ data }) => [...data]),
      [[192, 0, 2, 111]],
    )
    assert.ok((reply.answers[0]?.ttl ?? 99) <= 10)
  })
})

test('a node that was off for longer than its zones live signs them anew, and others find them again', async () => {
  await using network = new TestNodes()
  const later = 8 * 86_400_000
  const other = await network.open()
  const owner = await network.open({ bootstrap: other.daemon.addresses })
  const { key, name } = await owner.send<Created>('POST', '/v1/zones')
  const records = [{ name: 'www', type: 'A', ttl: TTL, value: '192.0.2.1' }]
  await owner.send('PUT', `/v1/zones/${key}/records`, { records })
  await owner.close()
  other.clock.advance(later)
  assert.equal((await ask(other.dns, `www.${name} A`)).rcode, Rcode.ServFail, 'it has expired')
  await network.open({ data: owner.data, bootstrap: other.daemon.addresses, later })
  await until(async () => (await ask(other.dns, `www.${name} A`)).answers.length === 1)
})
