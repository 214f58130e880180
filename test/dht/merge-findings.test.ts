import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Findings, Verdict } from '../../src/dht/findings.ts'
import type { Contact } from '../../src/dht/frames.ts'
import { mergeFindings } from '../../src/dht/merge-findings.ts'
import { TestOwner } from '../support/test-zone.ts'

const owner = new TestOwner()
const [older, newer] = [owner.sign('1'), owner.sign('2')]
const contact = (name: string): Contact => ({ id: Buffer.from(name), addresses: [] })
const [A, B, C] = [contact('a'), contact('b'), contact('c')]
const ABSENT: Verdict = { kind: 'absent' }
const TOO_FEW: Verdict = { kind: 'unreachable', cause: 'Too few.' }

function findings(verdict: Verdict, parts: Partial<Findings> = {}): Findings {
  const effort = { asked: 1, hops: 1, milliseconds: 1 }
  return {
    verdict,
    effort,
    closest: [],
    holders: [],
    behind: [],
    hands: 0,
    fewPeers: true,
    outOfDials: false,
    ...parts,
  }
}

describe('the newest of both', () => {
  const wide = findings({ kind: 'found', zone: older }, { holders: [A], behind: [B] })
  const local = findings({ kind: 'found', zone: newer }, { holders: [C] })

  test('wins, and who holds the other is behind', () => {
    for (const all of [
      [wide, local],
      [local, wide],
    ]) {
      const { verdict, holders, behind } = mergeFindings(all, undefined)
      assert.deepEqual(verdict, { kind: 'found', zone: newer })
      assert.deepEqual([holders, behind], [[C], [A, B]])
    }
  })

  test('may be the copy at home, which one side holds and the other is behind', () => {
    const same = findings({ kind: 'same' }, { holders: [A] })
    const behind = findings(TOO_FEW, { behind: [B] })
    const merged = mergeFindings([same, behind], newer)
    assert.deepEqual([merged.verdict.kind, merged.holders, merged.behind], ['same', [A], [B]])
  })

  test('puts those behind who hold the copy at home', () => {
    const same = findings({ kind: 'same' }, { holders: [A] })
    const merged = mergeFindings([same, local], older)
    assert.deepEqual(merged.verdict, { kind: 'found', zone: newer })
    assert.deepEqual([merged.holders, merged.behind], [[C], [A]])
  })
})

test('the effort is that of both', () => {
  const wide = findings(ABSENT, { effort: { asked: 20, hops: 4, milliseconds: 90 } })
  const local = findings(ABSENT, { effort: { asked: 3, hops: 1, milliseconds: 2 } })
  assert.deepEqual(mergeFindings([wide, local], undefined).effort, { asked: 23, hops: 4, milliseconds: 90 })
})

describe('a zone is absent', () => {
  const kindOf = (wide: Findings, local: Findings) => mergeFindings([wide, local], undefined).verdict.kind

  test('when both say so', () => {
    assert.equal(kindOf(findings(ABSENT), findings(ABSENT)), 'absent')
  })

  test('when the wide area says so and all of a small local network answered that they lack it', () => {
    assert.equal(kindOf(findings(ABSENT), findings(TOO_FEW, { closest: [A] })), 'absent')
  })

  test('not when one of a small local network was asked and did not answer, or holds an older one', () => {
    assert.equal(kindOf(findings(ABSENT), findings(TOO_FEW)), 'unreachable')
    assert.equal(kindOf(findings(ABSENT), findings(TOO_FEW, { closest: [A], behind: [A] })), 'unreachable')
  })

  test('not when only the local network says so', () => {
    assert.equal(kindOf(findings(TOO_FEW, { closest: [A] }), findings(ABSENT)), 'unreachable')
  })

  test('not when what one side gave was forged', () => {
    assert.equal(kindOf(findings(ABSENT), findings({ kind: 'bogus', rejected: 2 })), 'bogus')
  })
})
