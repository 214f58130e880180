/** The petname book over HTTP, and on the disk. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { PetnameBook } from '../../src/petnames.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { secretOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, type TestApi } from './test-api.ts'

const [A, B] = [1, 2].map((number) => publicKeyOf(secretOf(number)).label) as [string, string]

const put = (api: TestApi, name: string, payload: object) =>
  api.send({ method: 'PUT', url: `/v1/petnames/${encodeURIComponent(name)}`, headers: AUTHORIZED, payload })

describe('the book', () => {
  test('takes names, tells them, and gives them back', async () => {
    await using api = await openTestApi()
    const told = { name: 'alice', label: 'alice', key: A, domain: 'alice.kad.alt' }
    assert.deepEqual((await put(api, 'Alice', { key: A })).json(), told)
    assert.equal((await put(api, 'müller', { key: `${B}.kad.alt.` })).json().domain, 'xn--mller-kva.kad.alt')
    assert.deepEqual((await api.send({ url: '/v1/petnames/alice' })).json(), told)
    const { petnames } = (await api.send({ url: '/v1/petnames' })).json()
    assert.deepEqual(
      petnames.map(({ name }: { name: string }) => name),
      ['alice', 'müller'],
    )
    const file = await api.send({ url: '/v1/petnames', headers: { accept: 'text/dns' } })
    assert.equal(file.body, `alice\t3600\tIN\tNS\t${A}.\nxn--mller-kva\t3600\tIN\tNS\t${B}.\n`)
    const remove = { method: 'DELETE', url: '/v1/petnames/ALICE', headers: AUTHORIZED } as const
    assert.equal((await api.send(remove)).statusCode, 204)
    assert.equal((await api.send(remove)).statusCode, 404)
    assert.equal((await api.send({ url: '/v1/petnames/alice' })).statusCode, 404)
  })

  test('warns of a name that looks like another, and takes it when it is wanted all the same', async () => {
    await using api = await openTestApi()
    await put(api, 'alice', { key: A })
    const refused = await put(api, 'a1ice', { key: B })
    assert.equal(refused.statusCode, 409)
    assert.match(refused.json().detail, /"a1ice" looks like "alice", which stands for another key/)
    assert.equal((await put(api, 'a1ice', { key: A })).statusCode, 200)
    await put(api, 'oca', { key: A })
    assert.equal((await put(api, 'оса', { key: B })).statusCode, 409) // the same to the eye, in Cyrillic
    assert.equal((await put(api, 'оса', { key: B, anyway: true })).statusCode, 200)
  })

  for (const [what, name, payload, status] of [
    ['a top-level domain', 'org', { key: A }, 422],
    ['no label', 'a.b', { key: A }, 422],
    ['no key', 'alice', { key: 'nobody' }, 422],
    ['a member too many', 'alice', { key: A, more: 1 }, 400],
    ['nothing', 'alice', {}, 400],
  ] as const) {
    test(`refuses ${what}: ${status}`, async () => {
      await using api = await openTestApi()
      assert.equal((await put(api, name, payload)).statusCode, status)
      assert.deepEqual((await api.send({ url: '/v1/petnames' })).json().petnames, [])
    })
  }

  test('is on the disk when it says so, and a damaged one is told', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kadns-book-'))
    const book = await PetnameBook.open(directory)
    let changes = 0
    book.changed = () => changes++
    await book.put({ label: 'alice', key: publicKeyOf(secretOf(1)) })
    assert.equal((await PetnameBook.open(directory)).keyOf('ALICE')?.label, A)
    await book.remove('alice')
    assert.equal(await book.remove('alice'), false)
    assert.equal(changes, 2)
    await writeFile(join(directory, 'petnames.json'), '{"format":"KadNS petnames 1","names":{"alice":"x"}}')
    await assert.rejects(PetnameBook.open(directory), {
      name: 'PetnamesFault',
      message: /are damaged: "x" is no key/,
    })
    await rm(directory, { recursive: true })
  })
})
