/** Names under a petname, as a client sees them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rcode } from '../../src/dns/message.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf, secretOf, zoneOf } from '../support/zones.ts'

const [ALICE, MUM] = [secretOf(1), secretOf(2)]
const mum = zoneOf('photos 60 IN A 192.0.2.9', { secret: MUM })
const alice = zoneOf(`www 300 IN A 192.0.2.1\n@ 300 IN MX 10 www\nmum 300 IN NS ${mum.key.label}.`, {
  secret: ALICE,
})

async function open(): Promise<TestResolver> {
  const resolver = await TestResolver.open({ zones: [alice, mum] })
  resolver.petnames.set('alice', alice.key)
  return resolver
}

test('they are answered from the zone of its key, and called as they were asked', async () => {
  await using resolver = await open()
  assert.deepEqual(linesOf((await resolver.ask('WWW.alice.kad.alt A')).answers), [
    'WWW.alice.kad.alt. 300 A 192.0.2.1',
  ])
  assert.deepEqual(linesOf((await resolver.ask('alice.kad.alt MX')).answers), [
    'alice.kad.alt. 300 MX 10 www.alice.kad.alt.',
  ])
  const none = await resolver.ask('absent.alice.kad.alt A')
  assert.equal(none.rcode, Rcode.NxDomain)
  assert.match(linesOf(none.authority).join(), /^alice\.kad\.alt\. /)
})

test("a friend's book is followed", async () => {
  await using resolver = await open()
  assert.deepEqual(linesOf((await resolver.ask('photos.mum.alice.kad.alt A')).answers), [
    'photos.mum.alice.kad.alt. 60 A 192.0.2.9',
  ])
})

test('a petname that comes, changes or goes holds at once', async () => {
  await using resolver = await open()
  const said = async () => {
    const { rcode, answers } = await resolver.ask('photos.mum.kad.alt A')
    return answers.length > 0 ? linesOf(answers).join() : rcode
  }
  assert.equal(await said(), Rcode.NxDomain)
  resolver.petnames.set('mum', mum.key)
  resolver.resolver.keysChanged()
  assert.equal(await said(), 'photos.mum.kad.alt. 60 A 192.0.2.9')
  resolver.petnames.set('mum', alice.key)
  resolver.resolver.keysChanged()
  assert.equal(await said(), Rcode.NxDomain)
  resolver.petnames.set('mum', mum.key)
  resolver.resolver.keysChanged()
  assert.equal(await said(), 'photos.mum.kad.alt. 60 A 192.0.2.9')
  resolver.petnames.delete('mum')
  resolver.resolver.keysChanged()
  assert.equal(await said(), Rcode.NxDomain)
})
