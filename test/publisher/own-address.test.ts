/** Names that follow the address by which others see this node. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../src/dns/address.ts'
import { parseName } from '../../src/dns/name.ts'
import { followOwnAddress } from '../../src/publisher/own-address.ts'
import { formatRecordText } from '../../src/zone/records.ts'
import { contentOf } from '../../src/zone/signed-zone.ts'
import { MemoryPublisher } from '../api/test-api.ts'
import { silentLogger } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'

async function setUp() {
  const clock = new ManualClock()
  const publisher = new MemoryPublisher()
  const { key } = await publisher.create()
  const world = { addresses: [] as string[] }
  const following = followOwnAddress({
    publisher,
    clock,
    logger: silentLogger,
    names: [{ key, name: parseName('home', key.apex) }],
    addresses: () => world.addresses.map(parseAddress),
  })
  const records = () =>
    contentOf(publisher.get(key)!).map((record) => {
      const { name, ttl, type, value } = formatRecordText(record, key)
      return `${name} ${ttl} ${type} ${value}`
    })
  const minute = async () => {
    clock.advance(60_000)
    await clock.settle()
  }
  return { publisher, key, world, following, records, minute }
}

test('a name is at the address of the node, and follows it', async () => {
  const { world, records, minute } = await setUp()
  await minute()
  assert.deepEqual(records(), [])
  world.addresses = ['14.1.0.1']
  await minute()
  assert.deepEqual(records(), ['home 60 A 14.1.0.1'])
  world.addresses = ['14.9.0.1', '2a00:5::5']
  await minute()
  assert.deepEqual(records(), ['home 60 A 14.9.0.1', 'home 60 AAAA 2a00:5::5'])
})

test('what has not changed is not signed anew, and a family nobody tells of stays as it is', async () => {
  const { publisher, key, world, records, minute } = await setUp()
  world.addresses = ['14.1.0.1', '2a00:5::5']
  await minute()
  const { sequence } = publisher.get(key)!
  world.addresses = ['14.1.0.1']
  await minute()
  await minute()
  assert.equal(publisher.get(key)?.sequence, sequence)
  assert.equal(records().length, 2)
})

test('a fault is tried again a minute later, and at the end nothing is', async () => {
  const { publisher, world, records, minute, following } = await setUp()
  publisher.fault = new Error('the disk is full')
  world.addresses = ['14.1.0.1']
  await minute()
  assert.deepEqual(records(), [])
  publisher.fault = undefined
  await minute()
  assert.deepEqual(records(), ['home 60 A 14.1.0.1'])
  await following[Symbol.asyncDispose]()
  world.addresses = ['14.9.0.1']
  await minute()
  assert.deepEqual(records(), ['home 60 A 14.1.0.1'])
})
