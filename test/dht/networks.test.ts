import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Findings, Verdict } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import type { LookupGoal } from '../../src/dht/lookup-goal.ts'
import { Networks, type OneNetwork } from '../../src/dht/networks.ts'
import type { Side } from '../../src/dht/scope.ts'
import type { SignedZone } from '../../src/zone/signed-zone.ts'
import { TestOwner } from '../support/test-zone.ts'

const { signal } = new AbortController()
const never = new Promise<never>(() => undefined)

/** A network that finds what it is told to find, and remembers what it was asked and given. */
class ScriptedNetwork implements OneNetwork {
  readonly goals: LookupGoal[] = []
  readonly taken: SignedZone[] = []
  readonly corrected: (readonly Contact[])[] = []
  readonly contact: Contact
  finds: Promise<Verdict> = Promise.resolve({ kind: 'absent' })
  peers = 3
  readonly side: Side

  constructor(side: Side) {
    this.side = side
    this.contact = { id: Buffer.from(side), addresses: [] }
  }

  peerCount(): number {
    return this.peers
  }

  async search(goal: LookupGoal): Promise<Findings> {
    this.goals.push(goal)
    const verdict = await this.finds
    const effort = { asked: 1, hops: 1, milliseconds: 1 }
    const heard = { closest: [this.contact], holders: [], behind: [this.contact] }
    return { verdict, effort, ...heard, hands: 0, fewPeers: true, outOfDials: false }
  }

  async put(zone: SignedZone): Promise<number> {
    this.taken.push(zone)
    return this.peers
  }

  async correct(contacts: readonly Contact[]): Promise<void> {
    this.corrected.push(contacts)
  }
}

function setUp() {
  const [wan, lan] = [new ScriptedNetwork('wan'), new ScriptedNetwork('lan')]
  const owner = new TestOwner()
  const goal: LookupGoal = { key: owner.key, replica: 0, floor: 0n, until: 'first', timeout: 1000 }
  return { wan, lan, owner, goal, networks: new Networks([wan, lan]) }
}

test('the first good answer of either is the answer, however long the other takes', async () => {
  const { wan, lan, owner, goal, networks } = setUp()
  const zone = owner.sign()
  wan.finds = never
  lan.finds = Promise.resolve({ kind: 'found', zone })
  assert.deepEqual((await networks.search(goal)).verdict, { kind: 'found', zone })
})

test('while one has nothing, the other is waited for', async () => {
  const { wan, lan, owner, goal, networks } = setUp()
  const zone = owner.sign()
  const late = Promise.withResolvers<Verdict>()
  lan.finds = late.promise
  const searching = networks.search(goal)
  await wan.finds
  late.resolve({ kind: 'found', zone })
  assert.deepEqual((await searching).verdict, { kind: 'found', zone })
})

test('a search that fails is not taken for an answer that is missing', async () => {
  const { wan, lan, goal, networks } = setUp()
  wan.finds = Promise.reject(new Error('a bug'))
  lan.finds = Promise.resolve({ kind: 'absent' })
  await assert.rejects(networks.search(goal), { message: 'a bug' })
})

test('behind an answer both are heard, and the newest of both is what is found', async () => {
  const { wan, lan, owner, goal, networks } = setUp()
  const [older, newer] = [owner.sign('1'), owner.sign('2')]
  wan.finds = Promise.resolve({ kind: 'found', zone: newer })
  lan.finds = Promise.resolve({ kind: 'found', zone: older })
  const { verdict } = await networks.search({ ...goal, until: 'closest' })
  assert.deepEqual(verdict, { kind: 'found', zone: newer })
})

test('a local network without peers is not asked', async () => {
  const { wan, lan, goal, networks } = setUp()
  lan.peers = 0
  assert.deepEqual((await networks.search(goal)).verdict, { kind: 'absent' })
  assert.deepEqual([wan.goals.length, lan.goals.length], [1, 0])
})

test('a copy at home is not told to a network that it is not for', async () => {
  for (const [scope, told] of [
    ['wan', [true, false]],
    ['lan', [false, true]],
    ['any', [true, true]],
  ] as const) {
    const { wan, lan, owner, goal, networks } = setUp()
    await networks.search({ ...goal, have: owner.sign('', { soa: { scope } }) })
    assert.deepEqual(
      [wan, lan].map(({ goals }) => goals[0]?.have !== undefined),
      told,
    )
  }
})

test('a zone is put where it may go, and those who took it are counted together', async () => {
  for (const [scope, storedOn, counts] of [
    ['wan', 20, [1, 0]],
    ['lan', 2, [0, 1]],
    ['any', 22, [1, 1]],
  ] as const) {
    const { wan, lan, owner, networks } = setUp()
    ;[wan.peers, lan.peers] = [20, 2]
    assert.equal(await networks.put(owner.sign('', { soa: { scope } }), signal), storedOn)
    assert.deepEqual([wan.taken.length, lan.taken.length], counts)
  }
})

test('who is behind is corrected in the network it was met in, with what may go there', async () => {
  const { wan, lan, owner, goal, networks } = setUp()
  const { behind } = await networks.search({ ...goal, until: 'closest' })
  assert.deepEqual(behind, [wan.contact, lan.contact])
  await networks.correct(behind, owner.sign())
  assert.deepEqual([wan.corrected, lan.corrected], [[[wan.contact]], [[lan.contact]]])
  await networks.correct(behind, owner.sign('', { soa: { scope: 'lan' } }))
  assert.deepEqual([wan.corrected.length, lan.corrected.length], [1, 2])
})
