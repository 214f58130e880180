/** Which peers give way in a full bucket of the routing table: addresses are dear by the block, and no block shall own a part of the space. */
import type { AbortOptions, PeerId } from '@libp2p/interface'
import { contactOf } from './contacts.ts'
import type { Contact } from './frames.ts'
import type { Bucket, BucketPeer, KadTable } from './kad.ts'
import { kademliaId } from './record-key.ts'

/** Protocol 5, "Connections": so many of one IP group come first in a bucket, and in the table. */
const MAX_OF_BUCKET = 2
const MAX_OF_TABLE = 3

export interface GroupCapsNeeds {
  readonly table: KadTable
  /** By its connection; undefined without one, and on loopback. */
  groupOf(contact: Contact): string | undefined
}

/**
 * From now on a newcomer to a full bucket takes the place of somebody whose group has more than its share, if the
 * newcomer's own has not. A cap decides who comes first, and leaves no place empty: while there is room all are taken.
 */
export function capGroupsOf(needs: GroupCapsNeeds): void {
  const { table } = needs
  const caps = new GroupCaps(needs)
  const add = table.kb.add.bind(table.kb)
  table.kb.add = async (peer, options) => {
    await caps.makeRoom(peer, options)
    await add(peer, options)
  }
}

class GroupCaps {
  readonly #table: KadTable
  /** By a connection that may have ended since. */
  readonly #groups = new Map<string, string>()
  readonly #groupOf: (peer: PeerId) => string | undefined

  constructor({ table, groupOf }: GroupCapsNeeds) {
    this.#table = table
    // Whoever is added has just answered a ping, so there is a connection to know the group by.
    table.addEventListener('peer:add', ({ detail }) => {
      const group = groupOf(contactOf(detail))
      if (group !== undefined) this.#groups.set(detail.toString(), group)
    })
    table.addEventListener('peer:remove', ({ detail }) => void this.#groups.delete(detail.toString()))
    this.#groupOf = (peer) => this.#groups.get(peer.toString()) ?? groupOf(contactOf(peer))
  }

  /** Nobody goes for a newcomer that does not answer. */
  async makeRoom(peer: PeerId, options?: AbortOptions): Promise<void> {
    const newcomer = { peerId: peer, kadId: kademliaId(peer.toMultihash().bytes), lastPing: 0 }
    if (!this.#yielding(newcomer) || !(await this.#table.kb.verify(newcomer, options))) return
    const yielding = this.#yielding(newcomer)
    if (yielding) await this.#table.kb.remove(yielding.kadId, options)
  }

  /** Who would give way to this peer. */
  #yielding(newcomer: BucketPeer): BucketPeer | undefined {
    const { kb, kBucketSize } = this.#table
    const bucket = bucketOf(kb.root, newcomer.kadId)
    const isNew = !bucket.some(({ peerId }) => peerId.equals(newcomer.peerId))
    if (!isNew || bucket.length < kBucketSize) return undefined
    const group = this.#groupOf(newcomer.peerId)
    const inBucket = countBy(bucket, this.#groupOf)
    const inTable = countBy(kb.toIterable(), this.#groupOf)
    const exceeds = (of: string | undefined, more: number) =>
      of !== undefined &&
      ((inBucket.get(of) ?? 0) + more > MAX_OF_BUCKET || (inTable.get(of) ?? 0) + more > MAX_OF_TABLE)
    if (group === undefined || exceeds(group, 1)) return undefined
    return bucket.findLast(({ peerId }) => exceeds(this.#groupOf(peerId), 0))
  }
}

/** The leaf of the trie where a point belongs. */
function bucketOf(root: Bucket, point: Uint8Array): readonly BucketPeer[] {
  let bucket = root
  for (let bit = 0; !('peers' in bucket); bit++) {
    bucket = (point[bit >> 3]! >> (7 - (bit & 7))) & 1 ? bucket.right : bucket.left
  }
  return bucket.peers
}

function countBy(
  peers: Iterable<BucketPeer>,
  groupOf: (peer: PeerId) => string | undefined,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { peerId } of peers) {
    const group = groupOf(peerId)
    if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1)
  }
  return counts
}
