/** Tokens that may do less: each does what it is for and nothing else, and is kept without itself. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Grants } from '../../src/api/grants.ts'
import { publicKeyOf } from '../../src/zone/signature.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { secretOf } from '../support/zones.ts'
import { AUTHORIZED, openTestApi, type TestApi } from './test-api.ts'

const { label: KEY } = publicKeyOf(secretOf(1))
const ZONE = `/v1/zones/${KEY}`
const SET = { kind: 'set', zone: KEY, name: 'home', types: ['A', 'AAAA'] }

async function open(): Promise<TestApi> {
  const api = await openTestApi()
  await api.publisher.create()
  return api
}

async function tokenFor(api: TestApi, scope: object): Promise<string> {
  const reply = await api.send({
    method: 'POST',
    url: '/v1/tokens',
    headers: AUTHORIZED,
    payload: { scope, about: 'x' },
  })
  assert.equal(reply.statusCode, 201, reply.body)
  return reply.json().token
}

const records = [{ value: '192.0.2.1' }]
type Way = [what: string, method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH', url: string, payload?: object]
const WAYS: readonly Way[] = [
  ['make a zone', 'POST', '/v1/zones'],
  ['write its set', 'PUT', `${ZONE}/records/home/A`, { records }],
  ['write another type there', 'PUT', `${ZONE}/records/home/TXT`, { records: [{ value: '"x"' }] }],
  ['write another name', 'PUT', `${ZONE}/records/www/A`, { records }],
  ['write the whole zone', 'PUT', `${ZONE}/records`, { records: [] }],
  ['change a part', 'PATCH', `${ZONE}/records`, { records: [] }],
  ['delete its set', 'DELETE', `${ZONE}/records/home/A`],
  ['read the questions of late', 'GET', '/v1/queries'],
  ['make tokens', 'POST', '/v1/tokens', { scope: { kind: 'read' } }],
  ['list tokens', 'GET', '/v1/tokens'],
  ['reload', 'POST', '/v1/reload'],
  ['forget the zone', 'DELETE', ZONE],
]
const MAY: Readonly<Record<string, readonly string[]>> = {
  set: ['write its set', 'delete its set'],
  read: ['read the questions of late'],
  publish: [
    'make a zone',
    'write its set',
    'write another type there',
    'write another name',
    'write the whole zone',
    'change a part',
    'delete its set',
    'read the questions of late',
  ],
}

for (const [kind, allowed] of Object.entries(MAY)) {
  test(`a token to ${kind} may ${allowed.join(', ')}, and nothing else`, async () => {
    for (const [what, method, url, payload] of WAYS) {
      await using api = await open()
      const token = await tokenFor(api, kind === 'set' ? SET : { kind })
      const before = api.publisher.list()
      const reply = await api.send({
        method,
        url,
        headers: { authorization: `Bearer ${token}` },
        ...(payload && { payload }),
      })
      assert.equal(
        reply.statusCode !== 403,
        allowed.includes(what),
        `${what}: ${reply.statusCode} ${reply.body}`,
      )
      if (reply.statusCode === 403) assert.deepEqual(api.publisher.list(), before)
    }
  })
}

describe('a token', () => {
  test('that was taken back is no token any more', async () => {
    await using api = await open()
    const token = await tokenFor(api, { kind: 'publish' })
    const headers = { authorization: `Bearer ${token}` }
    const { tokens } = (await api.send({ url: '/v1/tokens', headers: AUTHORIZED })).json()
    assert.deepEqual(
      [tokens[0].about, tokens[0].scope, tokens[0].digest],
      ['x', { kind: 'publish' }, undefined],
    )
    const remove = { method: 'DELETE', url: `/v1/tokens/${tokens[0].id}`, headers: AUTHORIZED } as const
    assert.equal((await api.send(remove)).statusCode, 204)
    assert.equal((await api.send(remove)).statusCode, 404)
    assert.equal((await api.send({ method: 'POST', url: '/v1/zones', headers })).statusCode, 401)
  })

  const BAD: readonly [what: string, scope: object, status: number][] = [
    ['for nothing known', { kind: 'everything' }, 400],
    ['for a zone of others', { ...SET, zone: publicKeyOf(secretOf(2)).label }, 404],
    ['for no types', { ...SET, types: [] }, 400],
    ['for a type that is none', { ...SET, types: ['NOTYPE'] }, 422],
    ['for a name that is none', { ...SET, name: 'a..b' }, 422],
  ]
  for (const [what, scope, status] of BAD) {
    test(`${what} is not made: ${status}`, async () => {
      await using api = await open()
      const reply = await api.send({
        method: 'POST',
        url: '/v1/tokens',
        headers: AUTHORIZED,
        payload: { scope },
      })
      assert.equal(reply.statusCode, status, reply.body)
      assert.deepEqual((await api.send({ url: '/v1/tokens', headers: AUTHORIZED })).json().tokens, [])
    })
  }

  test('is on the disk as a digest, for its owner alone, and lives through a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kadns-grants-'))
    const clock = new ManualClock()
    const { token } = await (await Grants.open(directory, clock)).create({ kind: 'read' }, { about: 'me' })
    const file = join(directory, 'tokens.json')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.ok(!(await readFile(file, 'utf8')).includes(token))
    const again = await Grants.open(directory, clock)
    assert.deepEqual(again.scopeOf(token), { kind: 'read' })
    assert.equal(again.scopeOf(`${token}x`), undefined)
    await writeFile(file, '{"format":"KadNS tokens 1","grants":[{}]}')
    await assert.rejects(Grants.open(directory, clock), {
      name: 'TokenFault',
      message: /is damaged; delete it/,
    })
    await rm(directory, { recursive: true })
  })

  test('two that are taken back at once are both gone', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kadns-grants-'))
    const clock = new ManualClock()
    const grants = await Grants.open(directory, clock)
    const make = async () => await grants.create({ kind: 'read' }, { about: 'me' })
    const made = await Promise.all([make(), make(), make()])
    await Promise.all(made.slice(0, 2).map(({ id }) => grants.remove(id)))
    const again = await Grants.open(directory, clock)
    assert.deepEqual(
      again.list().map(({ id }) => id),
      [made[2]?.id],
    )
    await rm(directory, { recursive: true })
  })
})
