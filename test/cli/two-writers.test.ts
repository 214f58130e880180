/** Two programs write to one zone of a running node at the same time: no change is lost without a word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

/** Of each writer; `KADNS_TEST_ROUNDS=1000` for a long run. */
const ROUNDS = Number(process.env['KADNS_TEST_ROUNDS'] ?? 25)

interface Zone {
  readonly records: readonly { readonly name: string; readonly value: string }[]
}

test('each counts one record up with If-Match: the sum is what was acknowledged, all else was told 412', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const { name } = await node.publish([{ name: 'count', type: 'TXT', value: '0' }])
  const [key = ''] = name.split('.')
  let [acknowledged, refused] = [0, 0]
  const writer = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const read = await fetch(`http://${node.api}/v1/zones/${key}`)
      const { records } = (await read.json()) as Zone
      const count = Number(records.find((record) => record.name === 'count')?.value.replaceAll('"', ''))
      const path = `/v1/zones/${key}/records/count/TXT`
      const body = { records: [{ value: String(count + 1) }] }
      const { status } = await node.request('PUT', path, body, { 'if-match': read.headers.get('etag') ?? '' })
      if (status === 200) acknowledged++
      else if (status === 412) refused++
    }
  }
  await Promise.all([writer(), writer()])
  const { records } = await node.get<Zone>(`/v1/zones/${key}`)
  assert.equal(Number(records[0]?.value.replaceAll('"', '')), acknowledged)
  assert.equal(acknowledged + refused, 2 * ROUNDS)
})

test('each writes sets of its own without looking: all of them are there', async () => {
  await using place = await Workplace.open()
  const node = await RunningNode.start(place, 'data')
  const { name } = await node.publish([])
  const [key = ''] = name.split('.')
  const writer = async (who: string) => {
    for (let round = 0; round < ROUNDS; round++) {
      const body = { records: [{ value: `192.0.2.${round % 250}` }] }
      const path = `/v1/zones/${key}/records/${who}${round % 5}/A`
      assert.equal((await node.request('PUT', path, body)).status, 200)
    }
  }
  await Promise.all([writer('a'), writer('b')])
  const { records } = await node.get<Zone>(`/v1/zones/${key}`)
  const last = (at: number) => `192.0.2.${(ROUNDS - 5 + at) % 250}`
  const expected = ['a', 'b'].flatMap((who) => [0, 1, 2, 3, 4].map((at) => `${who}${at} ${last(at)}`))
  assert.deepEqual(records.map(({ name, value }) => `${name} ${value}`).sort(), expected)
})
