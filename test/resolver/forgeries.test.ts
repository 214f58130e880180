/** Forged replies by the thousand from the upstream's own address and port: none is believed, and the true answer comes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Forger, TRUE_ADDRESS } from '../forge/forger.ts'
import { TestResolver } from '../support/test-resolver.ts'
import { linesOf } from '../support/zones.ts'

for (const [word, plan] of [
  ['the id and the case of the letters are guessed', { count: 2000, knowsId: false }],
  ['the id is known, and the case of the letters is guessed', { count: 2000, knowsId: true }],
] as const) {
  test(`${word}: none is believed`, async () => {
    await using forger = await Forger.open(plan)
    const servers = [{ protocol: 'udp', ...forger.endpoint } as const]
    await using resolver = await TestResolver.open({ scripts: [], servers })
    for (const name of ['www.a-name-of-many-letters.example', 'mail.another-name-of-letters.example'])
      assert.deepEqual(linesOf((await resolver.ask(`${name} A`)).answers), [`${name}. 300 A ${TRUE_ADDRESS}`])
    assert.ok(forger.sent > 0)
    assert.equal(forger.overTcp, 2, 'the first forged one ends UDP')
  })
}
