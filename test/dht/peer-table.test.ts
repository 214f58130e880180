/** The quick way to the closest peers finds those that kad-dht's own way finds. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { KadTable } from '../../src/dht/kad.ts'
import { PeerTable } from '../../src/dht/peer-table.ts'
import { distance } from '../../src/dht/record-key.ts'

/** A peer as kad-dht's buckets have it; its id is of no matter here. */
const entry = (at: number) => ({ peerId: `peer ${at}` as never, kadId: pointOf(`peer ${at}`) })
const pointOf = (name: string) => createHash('sha256').update(name).digest()

test('the closest of many, closest first, are those that sorting by the whole distance gives', () => {
  const all = Array.from({ length: 1000 }, (_, at) => entry(at))
  const listeners: (() => void)[] = []
  const kad = {
    kb: { toIterable: () => all },
    addEventListener: (_: string, run: () => void) => listeners.push(run),
  }
  const table = new PeerTable(kad as unknown as KadTable)
  const sorted = (target: Uint8Array) => {
    const far = all.map(({ peerId, kadId }) => ({ peerId, away: distance(kadId, target) }))
    return far.sort((a, b) => Buffer.compare(a.away, b.away)).map(({ peerId }) => peerId)
  }
  for (const [target, count] of [
    ['a', 1],
    ['b', 20],
    ['c', 999],
    ['d', 1000],
    ['e', 5000],
  ] as const) {
    const id = pointOf(target)
    assert.deepEqual(table.closestPeers(id, { count }), sorted(id).slice(0, count))
  }
  assert.deepEqual(table.closestPeers(pointOf('f'), { count: 0 }), [])

  const id = pointOf('a newcomer')
  all.push({ peerId: 'a newcomer' as never, kadId: id })
  for (const changed of listeners) changed()
  assert.deepEqual(table.closestPeers(id, { count: 3 }), sorted(id).slice(0, 3))
})
