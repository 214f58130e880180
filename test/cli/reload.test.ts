/** What a running node takes up when it is told to, by signal and over REST. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { answersOf, ask } from '../support/asking.ts'
import { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { until } from '../support/until.ts'
import { Workplace } from './kadns.ts'
import { RunningNode } from './running-node.ts'

const ADS = 'ads.example A'
const NULL = ['ads.example. 60 A 0.0.0.0']
const HOUSE = ['ads.example. 300 A 192.168.1.9']

let place: Workplace
let node: RunningNode
beforeEach(async () => {
  place = await Workplace.open()
  await settings('[block]', 'lists = ["ads.txt"]')
  await list('ads.example')
  node = await RunningNode.start(place, 'data', '--config=kadns.toml')
})
afterEach(async () => await place[Symbol.asyncDispose]())

async function settings(...lines: readonly string[]): Promise<void> {
  await writeFile(join(place.directory, 'kadns.toml'), lines.join('\n'))
}

async function list(...lines: readonly string[]): Promise<void> {
  await writeFile(join(place.directory, 'ads.txt'), lines.join('\n'))
}

async function answers(question = ADS): Promise<string[]> {
  return answersOf(await ask(node.dns, question))
}

test('SIGHUP: settings and lists are read anew, and the node goes on', async () => {
  assert.deepEqual(await answers(), NULL)
  await settings('[dns]', 'records = ["ads.example 300 A 192.168.1.9"]', '[block]', 'lists = ["ads.txt"]')
  await list('ads.example', 'more.example')
  node.process.kill('SIGHUP')
  await until(async () => (await answers())[0] === HOUSE[0])
  assert.deepEqual(await answers('more.example A'), ['more.example. 60 A 0.0.0.0'])
})

test('over REST: what each list holds is told, and which settings wait for the next start', async () => {
  await settings('[block]', 'lists = ["ads.txt"]', '[dns]', 'max_aliases = 3', 'allow = ["any"]')
  await list('more.example', '||wide.example^', 'what is this')
  assert.deepEqual(await node.send('POST', '/v1/reload'), {
    keys: [],
    lists: [{ file: 'ads.txt', names: 2, skipped: 1 }],
    waiting: ['dns.allow', 'dns.max_aliases'],
  })
  assert.deepEqual(await answers('x.wide.example A'), ['x.wide.example. 60 A 0.0.0.0'])
  assert.deepEqual(await answers(), [])
})

test('upstream servers take hold at once, and a bad one changes nothing and is told', async () => {
  await using router = await ScriptedUpstream.open({
    'nas.home A': { answer: 'nas.home. 60 IN A 192.168.1.9' },
    'tv.home A': { answer: 'tv.home. 60 IN A 192.168.1.8' },
  })
  const server = `127.0.0.1:${router.endpoint.port}`
  await settings('[upstream]', `domains = ["/home/${server}"]`)
  const done = await node.request('POST', '/v1/reload')
  assert.deepEqual(await done.json(), { keys: [], lists: [], waiting: [] })
  assert.deepEqual(await answers('nas.home A'), ['nas.home. 60 A 192.168.1.9'])

  await settings('[upstream]', 'domains = ["/home/router.example"]')
  const refusal = await node.request('POST', '/v1/reload')
  assert.equal(refusal.status, 422)
  assert.match(
    await refusal.text(),
    /upstream\.domains in kadns\.toml has to be one domain or more and a server/,
  )
  assert.deepEqual(await answers('tv.home A'), ['tv.home. 60 A 192.168.1.8'])
})

test('with a fault anywhere all are told, and what held before still holds', async () => {
  await settings('[dns]', 'records = ["x.kad.alt A 192.0.2.1"]', '[block]', 'lists = ["none.txt", "nor.txt"]')
  const refusal = await node.request('POST', '/v1/reload')
  const { faults } = (await refusal.json()) as { faults: { message: string }[] }
  assert.equal(refusal.status, 422)
  assert.deepEqual(
    faults.map(({ message }) => message),
    [
      'dns.records cannot have x.kad.alt.: such names are answered from signed zones alone.',
      'The block list none.txt cannot be read: there is no such file.',
      'The block list nor.txt cannot be read: there is no such file.',
    ],
  )
  assert.deepEqual(await answers(), NULL)

  await settings('[block]', 'lists = 7', 'answer = "maybe"')
  assert.equal((await node.request('POST', '/v1/reload')).status, 422)
  assert.deepEqual(await answers(), NULL)
})

test('it takes the token', async () => {
  assert.equal((await fetch(`http://${node.api}/v1/reload`, { method: 'POST' })).status, 401)
})
