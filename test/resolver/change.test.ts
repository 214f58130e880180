/** Records and block lists that change while the resolver runs: nothing from before is given after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Name, parseName } from '../../src/dns/name.ts'
import { Rule, RuleWriter } from '../../src/resolver/blocking/name-rules.ts'
import type { Blocking } from '../../src/resolver/layers/block.ts'
import { parseRecordLine } from '../../src/zone/zone-file.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

const WWW = 'www.example A'
const REAL = 'www.example. 300 A 192.0.2.1'
const NULL = 'www.example. 60 A 0.0.0.0'
const GOOD = { answer: 'www.example. 300 IN A 192.0.2.1' }

async function blocking(...names: readonly Name[]): Promise<Blocking> {
  const writer = new RuleWriter(1000)
  for (const name of names) writer.add(name, Rule.block)
  return { rules: await writer.finish(async () => undefined), answer: 'null' }
}

async function answersTo(resolver: TestResolver, question = WWW): Promise<string[]> {
  return linesOf((await resolver.ask(question)).answers)
}

test('a name that was answered is blocked from then on, and answered again when it is not', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ [WWW]: GOOD }] })
  assert.deepEqual(await answersTo(resolver), [REAL])
  resolver.change({ records: [], blocking: await blocking(parseName('www.example')) })
  assert.deepEqual(await answersTo(resolver), [NULL])
  resolver.change({ records: [], blocking: await blocking() })
  assert.deepEqual(await answersTo(resolver), [REAL])
})

test('records of the house are added and taken away', async () => {
  await using resolver = await TestResolver.open({ scripts: [{ [WWW]: GOOD }] })
  assert.deepEqual(await answersTo(resolver), [REAL])
  const records = [parseRecordLine('www.example 300 A 192.168.1.9')]
  resolver.change({ records, blocking: await blocking() })
  assert.deepEqual(await answersTo(resolver), ['www.example. 300 A 192.168.1.9'])
  resolver.change({ records: [], blocking: await blocking() })
  assert.deepEqual(await answersTo(resolver), [REAL])
})

test('an answer that was under way is not remembered', async () => {
  const records = [parseRecordLine('alias.example 300 CNAME www.example')]
  await using resolver = await TestResolver.open({
    config: { records },
    scripts: [{ [WWW]: { ...GOOD, held: true } }],
  })
  const early = answersTo(resolver, 'alias.example A')
  await resolver.untilAsked(1)
  resolver.change({
    records: [parseRecordLine('alias.example 300 A 192.168.1.9')],
    blocking: await blocking(),
  })
  resolver.upstream.release()
  assert.equal((await early).length, 2)
  assert.deepEqual(await answersTo(resolver, 'alias.example A'), ['alias.example. 300 A 192.168.1.9'])
})
