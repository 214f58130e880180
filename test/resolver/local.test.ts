/** Records for names of the house: they beat the ordinary DNS, and no more of it than they name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { TestResolver, type TestResolverOptions } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

const HOUSE = [
  'printer.lan. 300 IN A 192.168.1.9',
  'printer.lan 300 AAAA fd00::9',
  'www.example 60 CNAME printer.lan',
  'news.example 60 CNAME elsewhere.example.',
  '*.apps.lan 60 A 192.168.1.20',
  'fixed.apps.lan 60 TXT "of its own"',
  'nas.home.arpa A 192.168.1.7',
  '9.1.168.192.in-addr.arpa 300 PTR printer.lan.',
]

async function open(lines: readonly string[] = HOUSE, options: TestResolverOptions = {}) {
  return await TestResolver.open({ ...options, config: { records: lines.map(parseRecordLine) } })
}

const ANSWERS: readonly [question: string, ...answers: string[]][] = [
  ['printer.lan A', 'printer.lan. 300 A 192.168.1.9'],
  ['PRINTER.lan AAAA', 'PRINTER.lan. 300 AAAA fd00::9'],
  ['www.example A', 'www.example. 60 CNAME printer.lan.', 'printer.lan. 300 A 192.168.1.9'],
  ['www.example CNAME', 'www.example. 60 CNAME printer.lan.'],
  ['blog.apps.lan A', 'blog.apps.lan. 60 A 192.168.1.20'],
  ['a.b.apps.lan A', 'a.b.apps.lan. 60 A 192.168.1.20'],
  ['nas.home.arpa A', 'nas.home.arpa. 300 A 192.168.1.7'],
  ['9.1.168.192.in-addr.arpa PTR', '9.1.168.192.in-addr.arpa. 300 PTR printer.lan.'],
]

for (const [question, ...answers] of ANSWERS) {
  test(`${question} is answered from them, and nobody is asked`, async () => {
    await using resolver = await open()
    const reply = await resolver.ask(question)
    assert.equal(reply.rcode, Rcode.NoError)
    assert.deepEqual(linesOf(reply.answers), answers)
    assert.deepEqual(resolver.upstream.asked, [])
  })
}

for (const question of ['printer.lan TXT', 'printer.lan HTTPS', 'blog.apps.lan AAAA', 'fixed.apps.lan A']) {
  test(`${question}: the name is there and has none, which lasts a minute`, async () => {
    await using resolver = await open()
    const reply = await resolver.ask(question)
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [Rcode.NoError, 0, 1])
    assert.match(linesOf(reply.authority).join(), /^\S+ 60 SOA /)
    assert.deepEqual(resolver.upstream.asked, [])
  })
}

test('names beside them, above and below, are the ordinary DNS still', async () => {
  await using resolver = await open()
  for (const name of ['lan', 'other.lan', 'x.printer.lan', 'apps.lan', 'x.fixed.apps.lan', 'example'])
    await resolver.ask(`${name} A`)
  assert.equal(resolver.upstream.asked.length, 6)
  assert.equal((await resolver.ask('router.home.arpa A')).rcode, Rcode.NxDomain)
  assert.equal(resolver.upstream.asked.length, 6)
})

test('an alias of the house into the ordinary DNS is followed there', async () => {
  await using resolver = await open()
  await resolver.ask('news.example A')
  assert.deepEqual(
    resolver.upstream.questions.map((text) => text.toLowerCase()),
    ['elsewhere.example a'],
  )
})

test('a question for everything is answered as ever', async () => {
  await using resolver = await open()
  assert.match(linesOf((await resolver.ask('printer.lan ANY')).answers).join(), / HINFO /)
})
