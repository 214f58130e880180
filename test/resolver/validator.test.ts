/** What a validator behind us needs of an upstream's reply: proofs and signatures with DO, and DNAMEs (RFC 4035, 5155, 6672). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatType, parseType, Rcode, RecordType, type ResourceRecord } from '../../src/dns/message.ts'
import { DNSSEC_OK } from '../support/queries.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf, zoneOf } from '../support/zones.ts'

const SOA = 'example.org. 900 IN SOA ns.example.org. hostmaster.example.org. 1 7200 3600 1209600 120'
const WWW = 'www.example.org. 300 IN A 192.0.2.80'

const PROOF = [
  'a.example.org. 900 IN TYPE47 \\# 2 0102',
  signature('a.example.org', 'NSEC', 3),
  'h.example.org. 900 IN TYPE50 \\# 2 0102',
  signature('h.example.org', 'NSEC3', 3),
]
const REST = ['example.org. 900 IN NS ns.example.org.', signature('example.org', 'NS', 2)]
const AUTHORITY = [...REST, ...PROOF].join('\n')
const PROVEN = ['NSEC', 'RRSIG NSEC', 'NSEC3', 'RRSIG NSEC3']

test('with DO, what proves that there is none comes too; without DO it does not', async () => {
  const authority = [
    SOA,
    signature('example.org', 'SOA', 2),
    'a.example.org. 900 IN TYPE47 \\# 2 0102',
    signature('a.example.org', 'NSEC', 3),
    'example.org. 900 IN NS ns.example.org.',
    signature('example.org', 'NS', 2),
  ]
  await using resolver = await TestResolver.open({
    scripts: [{ 'gone.example.org A': { rcode: Rcode.NxDomain, authority: authority.join('\n') } }],
  })
  assert.deepEqual(typesOf((await resolver.ask('gone.example.org A')).authority), ['SOA'])
  const { authority: proof } = await resolver.ask('gone.example.org A', { edns: DNSSEC_OK })
  assert.deepEqual(typesOf(proof), ['SOA', 'RRSIG SOA', 'NSEC', 'RRSIG NSEC'])
})

test('an answer out of a wildcard: with DO the proof that the name itself is not there; without DO none', async () => {
  const answer = `${WWW}\n${signature('www.example.org', 'A', 2)}`
  await using resolver = await TestResolver.open({
    scripts: [{ 'www.example.org A': { answer, authority: AUTHORITY } }],
  })
  for (const round of ['asked', 'remembered']) {
    const reply = await resolver.ask('www.example.org A', { edns: DNSSEC_OK })
    assert.deepEqual(typesOf(reply.answers), ['A', 'RRSIG A'], round)
    assert.deepEqual(typesOf(reply.authority), PROVEN, round)
    assert.deepEqual((await resolver.ask('www.example.org A')).authority, [], round)
  }
})

test('an answer of its own name: no proof of anything', async () => {
  const answer = `${WWW}\n${signature('www.example.org', 'A', 3)}`
  await using resolver = await TestResolver.open({
    scripts: [{ 'www.example.org A': { answer, authority: AUTHORITY } }],
  })
  assert.deepEqual((await resolver.ask('www.example.org A', { edns: DNSSEC_OK })).authority, [])
})

test('signatures of other types beside the answer: the client never sees them', async () => {
  const answer = [WWW, signature('www.example.org', 'A', 3), signature('www.example.org', 'TXT', 3)]
  const script = { 'www.example.org A': { answer: answer.join('\n') } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  const reply = await resolver.ask('www.example.org A', { edns: DNSSEC_OK })
  assert.deepEqual(typesOf(reply.answers), ['A', 'RRSIG A'])
})

test('an alias out of a wildcard that the upstream leaves open: it is followed, and its proof is kept', async () => {
  const alias = 'www.example.org. 300 IN CNAME cdn.example.net.'
  const answer = `${alias}\n${signature('www.example.org', 'CNAME', 2)}`
  const scripts = [
    {
      'www.example.org A': { answer, authority: AUTHORITY },
      'cdn.example.net A': { answer: 'cdn.example.net. 60 IN A 192.0.2.80' },
    },
  ]
  await using resolver = await TestResolver.open({ scripts })
  const reply = await resolver.ask('www.example.org A', { edns: DNSSEC_OK })
  assert.deepEqual(typesOf(reply.answers), ['CNAME', 'RRSIG CNAME', 'A'])
  assert.deepEqual(typesOf(reply.authority), PROVEN)
})

const RENAMED = [
  'a.old.example. 0 IN CNAME a.new.example.',
  'a.new.example. 60 IN A 192.0.2.80',
  'old.example. 300 IN DNAME new.example.',
  signature('old.example', 'DNAME', 2),
  signature('old.example', 'A', 2),
]
test('an alias made by a DNAME: the DNAME stands before it, with DO signed', async () => {
  const script = { 'a.old.example A': { answer: RENAMED.join('\n') } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  assert.deepEqual(linesOf((await resolver.ask('a.old.example A')).answers), [
    'old.example. 300 DNAME new.example.',
    'a.old.example. 0 CNAME a.new.example.',
    'a.new.example. 60 A 192.0.2.80',
  ])
  const signed = await resolver.ask('a.old.example A', { edns: DNSSEC_OK })
  assert.deepEqual(typesOf(signed.answers), ['DNAME', 'RRSIG DNAME', 'CNAME', 'A'])
})

test('a DNAME that leads into a zone of ours: the alias is followed there', async () => {
  const zone = zoneOf('www 60 IN A 192.0.2.1')
  const target = `${zone.key.label}.kad.alt.`
  const answer = `old.example. 300 IN DNAME ${target}\nwww.old.example. 300 IN CNAME www.${target}`
  const scripts = [{ 'www.old.example A': { answer } }]
  await using resolver = await TestResolver.open({ scripts, zones: [zone] })
  assert.deepEqual(typesOf((await resolver.ask('www.old.example A')).answers), ['DNAME', 'CNAME', 'A'])
})

test('an alias made by a DNAME is spelled as the client asked, and not as we asked the upstream', async () => {
  const answer =
    'old.example. 300 IN DNAME new.example.\nwWw.old.example. 300 IN CNAME wWw.new.example.\nwww.new.example. 60 IN A 192.0.2.1'
  const script = { 'www.old.example A': { answer }, 'www.old.example CNAME': { answer } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  for (const type of ['CNAME', 'A'])
    assert.deepEqual(linesOf((await resolver.ask(`www.old.example ${type}`)).answers).slice(0, 2), [
      'old.example. 300 DNAME new.example.',
      'www.old.example. 300 CNAME www.new.example.',
    ])
})

test('a DNAME over two aliases of one chain: the client sees it once', async () => {
  const answer = [
    'old.example. 300 IN DNAME new.example.',
    'a.old.example. 300 IN CNAME a.new.example.',
    'a.new.example. 300 IN CNAME b.old.example.',
    'b.old.example. 300 IN CNAME b.new.example.',
    'b.new.example. 300 IN A 192.0.2.80',
  ]
  const script = { 'a.old.example A': { answer: answer.join('\n') } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  const reply = await resolver.ask('a.old.example A')
  assert.deepEqual(typesOf(reply.answers), ['DNAME', 'CNAME', 'CNAME', 'CNAME', 'A'])
})

for (const [word, dname] of [
  ['beside the name', 'old.example.net. 300 IN DNAME new.example.'],
  ['at the name itself', 'a.old.example. 300 IN DNAME new.example.'],
  ['to another target', 'old.example. 300 IN DNAME evil.example.'],
] as const) {
  test(`a DNAME ${word}, which made no alias of the chain: the client never sees it`, async () => {
    const answer = [dname, ...RENAMED.slice(0, 2)].join('\n')
    await using resolver = await TestResolver.open({ scripts: [{ 'a.old.example A': { answer } }] })
    assert.deepEqual(typesOf((await resolver.ask('a.old.example A')).answers), ['CNAME', 'A'])
  })
}

test('asked for DNAME below one, where there is none: the alias, no error and the SOA', async () => {
  const soa = 'new.example. 900 IN SOA a. b. 1 2 3 4 120'
  const answer = [RENAMED[2], RENAMED[0]].join('\n')
  const script = { 'a.old.example DNAME': { answer, authority: soa } }
  await using resolver = await TestResolver.open({ scripts: [script] })
  const reply = await resolver.ask('a.old.example DNAME')
  assert.deepEqual([typesOf(reply.answers), typesOf(reply.authority)], [['DNAME', 'CNAME'], ['SOA']])
})

/** A line with a signature over `owner`'s records of a type: type covered, algorithm, labels, and what nobody reads here. */
function signature(owner: string, covered: string, labels: number): string {
  const type = (parseType(covered) ?? 0).toString(16).padStart(4, '0')
  return `${owner}. 900 IN TYPE46 \\# 5 ${type}0d0${labels}00`
}

/** `A`, `RRSIG A`. */
function typesOf(records: readonly ResourceRecord[]): string[] {
  return records.map(({ type, data }) =>
    type === RecordType.RRSIG ? `RRSIG ${formatType(Buffer.from(data).readUInt16BE())}` : formatType(type),
  )
}

test('a DNAME at or above names of ours is left out, and the alias it made stays', async () => {
  for (const owner of ['.', 'alt.', 'kad.alt.']) {
    const answer = `${owner} 300 IN DNAME example.net.\nwww.example.org. 300 IN CNAME www.example.org.example.net.`
    await using resolver = await TestResolver.open({
      scripts: [
        {
          'www.example.org A': { answer },
          'www.example.org.example.net A': { answer: 'www.example.org.example.net. 300 IN A 192.0.2.80' },
        },
      ],
    })
    const { answers } = await resolver.ask('www.example.org A')
    assert.deepEqual(typesOf(answers), ['CNAME', 'A'], owner)
  }
})

test('a DNAME that would make another name, or one too long, is passed over', async () => {
  const long = `${'x'.repeat(63)}.`.repeat(3)
  const answer = [
    `org. 300 IN DNAME ${long}example.net.`,
    `${'y'.repeat(40)}.example.org. 300 IN CNAME www.example.org.`,
    WWW,
  ]
  await using resolver = await TestResolver.open({
    scripts: [{ [`${'y'.repeat(40)}.example.org A`]: { answer: answer.join('\n') } }],
  })
  const { rcode, answers } = await resolver.ask(`${'y'.repeat(40)}.example.org A`)
  assert.equal(rcode, Rcode.NoError)
  assert.deepEqual(typesOf(answers), ['CNAME', 'A'])
})

test('of many DNAMEs only the one that made the alias comes along', async () => {
  const many = Array.from({ length: 20 }, (_, at) => `d${at}. 300 IN DNAME example.net.`)
  const answer = [...many, 'org. 300 IN DNAME net.', 'www.example.org. 300 IN CNAME www.example.net.']
  const end = 'www.example.net. 300 IN A 192.0.2.80'
  await using resolver = await TestResolver.open({
    scripts: [{ 'www.example.org A': { answer: [...answer, end].join('\n') } }],
  })
  const { answers } = await resolver.ask('www.example.org A')
  assert.deepEqual(typesOf(answers), ['DNAME', 'CNAME', 'A'])
})

test('YXDOMAIN of an upstream is its answer, and no other is asked', async () => {
  await using resolver = await TestResolver.open({
    scripts: [{ 'www.example.org A': { rcode: Rcode.YxDomain } }, { 'www.example.org A': { answer: WWW } }],
  })
  assert.equal((await resolver.ask('www.example.org A')).rcode, Rcode.YxDomain)
})
