/** A lookup as people see it over HTTP: every step as it happens, then what was found and how the name is answered. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { emptyAnswer } from '../../src/resolver/query.ts'
import type { LookupStep } from '../../src/zone/directory.ts'
import { recordsFrom } from '../support/records.ts'
import { zoneOf } from '../support/zones.ts'
import { openTestApi, type TestApi } from './test-api.ts'

const zone = zoneOf('www 300 IN A 192.0.2.1')
const NAME = `www.${zone.key.label}.kad.alt`
const STEPS: readonly LookupStep[] = [
  { step: 'asked', peer: '12D3KooWa', hop: 1 },
  { step: 'answered', peer: '12D3KooWa', hop: 1, said: 'absent', closer: ['12D3KooWb'], milliseconds: 2 },
  { step: 'asked', peer: '12D3KooWb', hop: 2 },
  {
    ...{ step: 'answered', peer: '12D3KooWb', hop: 2, said: 'found' },
    ...{ sequence: zone.sequence, closer: [], milliseconds: 1 },
  } as LookupStep,
]

async function open(): Promise<TestApi> {
  const api = await openTestApi()
  await api.directory.publish(zone)
  Object.assign(api.directory, { steps: STEPS, copies: 1 })
  api.answer = async () => ({
    ...emptyAnswer(0, 'zone'),
    records: recordsFrom(`${NAME}. 300 IN A 192.0.2.1`),
  })
  return api
}

describe('following a lookup', () => {
  test('a line of JSON for each step; at the end what was found, and the answer', async () => {
    await using api = await open()
    const { statusCode, headers, body } = await api.send({ url: `/v1/lookups/${NAME}` })
    assert.deepEqual([statusCode, headers['content-type']], [200, 'application/x-ndjson'])
    const lines = body.split('\n').filter((line) => line !== '')
    const [asked, absent, , found, done] = lines.map((line) => JSON.parse(line))
    assert.deepEqual(asked, STEPS[0])
    assert.deepEqual(absent, STEPS[1])
    assert.equal(found.sequence, String(zone.sequence))
    const { step, kind, copies, sequence, answer } = done
    assert.deepEqual([step, kind, copies, sequence], ['done', 'found', 1, String(zone.sequence)])
    assert.deepEqual([answer.rcode, answer.answers[0].value], ['NOERROR', '192.0.2.1'])
    assert.equal(lines.length, 5)
  })

  test('as events for a browser', async () => {
    await using api = await open()
    const { headers, body } = await api.send({
      url: `/v1/lookups/${NAME}`,
      headers: { accept: 'text/event-stream' },
    })
    assert.equal(headers['content-type'], 'text/event-stream')
    assert.equal(body.split('\n\n').filter((event) => event.startsWith('data: {')).length, 5)
  })

  test('that finds nothing says so', async () => {
    await using api = await openTestApi()
    const { body } = await api.send({ url: `/v1/lookups/${NAME}?until=closest&type=AAAA` })
    const { kind, copies, answer } = JSON.parse(body)
    assert.deepEqual([kind, copies, answer.type], ['absent', 0, 'AAAA'])
  })

  for (const [name, status] of [
    ['www.example.org', 422],
    ['kad.alt', 422],
    ['a..b', 400],
    [`${NAME}?until=ever`, 400],
    [`${NAME}?type=NOTYPE`, 400],
  ] as const) {
    test(`${name.replace(zone.key.label, '<key>')}: ${status}`, async () => {
      await using api = await open()
      assert.equal((await api.send({ url: `/v1/lookups/${name}` })).statusCode, status)
    })
  }
})
