/** Whether this node is a server or a client of the wide area, and why: what nobody can dial can keep nothing for others. */
import { isLoopbackOnly } from './addresses.ts'
import type { DhtConfig } from './config.ts'

/** Which part this node plays now, in a word and in a sentence for people. */
export interface Reach {
  readonly mode: 'server' | 'client'
  readonly reason: string
}

type ReachConfig = Pick<DhtConfig, 'mode' | 'listen' | 'announce' | 'acceptAddresses'>

/** What kad-dht starts as; undefined: a client until an address of its own is confirmed from outside, by two IP groups. */
export function initialMode(config: ReachConfig): Reach['mode'] | undefined {
  if (config.mode !== 'auto') return config.mode
  return serverReason(config) === undefined ? undefined : 'server'
}

export function reachOf(config: ReachConfig, mode: Reach['mode']): Reach {
  const { mode: wanted } = config
  if (wanted !== 'auto') return { mode, reason: `dht.mode is ${wanted}.` }
  const known = serverReason(config)
  if (known) return { mode, reason: known }
  if (mode === 'server') return { mode, reason: 'Other nodes have reached this one from outside.' }
  return {
    mode,
    reason:
      'Not reachable from outside, because no other node has confirmed a global address of this one: it may be behind a router. It publishes and reads all the same.',
  }
}

/** Nothing needs confirming that was said by hand, and nothing can be where all nodes are in one private network. */
function serverReason(config: ReachConfig): string | undefined {
  if (isLoopbackOnly(config)) return 'This node listens on loopback only.'
  if (config.announce.length > 0) return 'dht.announce says where it is reached.'
  const accepts = config.acceptAddresses
  if (accepts === 'any' || accepts === 'local') return `dht.accept_addresses is ${accepts}.`
  return undefined
}
