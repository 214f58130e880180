/** Keys whose zones may lead to private addresses: over HTTP, and on disk. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AllowedKeys } from '../../src/allowed-keys.ts'
import { publicKeyFromLabel } from '../../src/zone/key.ts'
import { AUTHORIZED, labelOf, openTestApi } from './test-api.ts'

describe('/v1/allowed', () => {
  test('takes keys with the token, lists them, and takes them back', async () => {
    await using api = await openTestApi()
    const url = `/v1/allowed/${labelOf(1)}`
    const list = async () => (await api.send({ method: 'GET', url: '/v1/allowed' })).json()
    assert.equal((await api.send({ method: 'PUT', url })).statusCode, 401)
    assert.deepEqual(await list(), { keys: [] })
    for (let times = 0; times < 2; times++)
      assert.equal((await api.send({ method: 'PUT', url, headers: AUTHORIZED })).statusCode, 204)
    assert.deepEqual(await list(), { keys: [labelOf(1)] })
    const remove = { method: 'DELETE', url, headers: AUTHORIZED } as const
    assert.equal((await api.send(remove)).statusCode, 204)
    assert.equal((await api.send(remove)).statusCode, 404)
    const strange = { method: 'PUT', url: '/v1/allowed/nobody', headers: AUTHORIZED } as const
    assert.equal((await api.send(strange)).statusCode, 404)
  })
})

describe('allowed keys', () => {
  async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'kadns-'))
    await run(directory).finally(() => rm(directory, { recursive: true }))
  }
  const key = publicKeyFromLabel(labelOf(1))!

  test('are there after a restart, and whoever watches is told of each change', () =>
    inDirectory(async (directory) => {
      const keys = await AllowedKeys.open(directory)
      let changes = 0
      keys.changed = () => changes++
      await keys.add(key)
      assert.ok((await AllowedKeys.open(directory)).has(key))
      await keys.remove(key)
      assert.equal((await AllowedKeys.open(directory)).has(key), false)
      assert.equal(changes, 2)
    }))

  test('that come at once are all there', () =>
    inDirectory(async (directory) => {
      const keys = await AllowedKeys.open(directory)
      const all = [1, 2, 3, 4, 5].map((number) => publicKeyFromLabel(labelOf(number))!)
      await Promise.all(all.map((each) => keys.add(each)))
      assert.deepEqual((await AllowedKeys.open(directory)).list(), all.map(({ label }) => label).sort())
    }))

  for (const text of ['', '{}', '{"format":"KadNS allowed keys 1","keys":["x"]}'])
    test(`in a damaged file (${text}) are told in a sentence that names it`, () =>
      inDirectory(async (directory) => {
        await writeFile(join(directory, 'allowed-keys.json'), text)
        await assert.rejects(AllowedKeys.open(directory), /allowed-keys\.json are damaged: .*\.$/)
      }))
})
