/** By which address others see this node: what peers of several networks say, while they are connected. */
import { isIP } from 'node:net'
import type { Connection, IdentifyResult } from '@libp2p/interface'
import { isGlobalHost } from './addresses.ts'
import { ipGroupOfAddress } from './ip-group.ts'

/** One peer may say anything, and so may whoever holds one network. */
const AGREEING = 2

interface Word {
  readonly group: string
  readonly address: string
}

export class ObservedAddresses {
  /** By connection. */
  readonly #words = new Map<string, Word>()

  /** A peer has said by which address it sees this node. */
  hear({
    connection,
    observedAddr,
  }: Pick<IdentifyResult, 'observedAddr'> & {
    readonly connection: Pick<Connection, 'id' | 'remoteAddr'>
  }): void {
    const group = ipGroupOfAddress(connection.remoteAddr)
    const address = observedAddr?.getComponents()[0]?.value
    if (group === undefined || address === undefined || !isGlobalHost(address)) return
    this.#words.set(connection.id, { group, address })
  }

  /** The address may have changed, and that be why. */
  forget({ id }: Pick<Connection, 'id'>): void {
    this.#words.delete(id)
  }

  /** At most one of each family: what more networks say than say anything else, and two at least. */
  current(): string[] {
    return ([4, 6] as const).flatMap((family) => {
      const groupsOf = new Map<string, Set<string>>()
      for (const { group, address } of this.#words.values()) {
        if (isIP(address) === family)
          groupsOf.set(address, (groupsOf.get(address) ?? new Set<string>()).add(group))
      }
      const [first, second] = [...groupsOf].sort(([, a], [, b]) => b.size - a.size)
      const isClear =
        first !== undefined && first[1].size >= AGREEING && first[1].size > (second?.[1].size ?? 0)
      return isClear ? [first[0]] : []
    })
  }
}
