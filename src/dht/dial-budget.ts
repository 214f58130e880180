/** How many hosts this node lets itself be made to dial: what peers reply names whomever they like. */
import type { Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { Buckets } from '../rate.ts'
import { loopbackFactor, parseMultiaddr } from './addresses.ts'
import type { DhtConfig } from './config.ts'
import { ipGroupOfAddress } from './ip-group.ts'
import { Namers } from './namers.ts'

type Limits = Pick<DhtConfig, 'listen' | 'bootstrap' | 'maxNewHostsPerSecond' | 'maxNewHostsPerGroup'>

/** Seconds of its rate that may be used at once, of all and of one IP group. */
const BURST_SECONDS = 4
const GROUP_BURST_SECONDS = 5
/** Hosts remembered that were reached, each with its port. */
const MAX_HOSTS = 10_000
const ALL = ''

/** Refused by this node itself: it says nothing of the peer. */
export class DialRefused extends Error {
  override readonly name = 'DialRefused'
}

/** Protocol 5, "Dials". A host that was reached once is free at that port, and so is one that was configured. */
export class DialBudget {
  readonly #all: Buckets
  readonly #ofGroup: Buckets
  /** To be told of every address that a peer names. */
  readonly namers: Namers
  readonly #reached = boundedCache<true>(MAX_HOSTS)
  readonly #configured: ReadonlySet<string>

  constructor(limits: Limits, clock: Clock) {
    const factor = loopbackFactor(limits)
    const perSecond = limits.maxNewHostsPerSecond * factor
    const perGroup = limits.maxNewHostsPerGroup * factor
    this.#all = new Buckets({ perSecond, burst: BURST_SECONDS * perSecond }, clock)
    this.#ofGroup = new Buckets({ perSecond: perGroup, burst: GROUP_BURST_SECONDS * perGroup }, clock)
    const configured = limits.bootstrap.map((text) => parseMultiaddr(text, 'bootstrap'))
    this.#configured = new Set(configured.map(endpointOf))
    this.namers = new Namers(clock, new Set(configured.flatMap((address) => ipGroupOfAddress(address) ?? [])))
  }

  /** The transport, whose dials are counted each once, whoever asks for them. */
  guard<Components>(make: (components: Components) => Transport): (components: Components) => Transport {
    return (components) => {
      const transport = make(components)
      const dial = transport.dial.bind(transport)
      transport.dial = async (address, options) => {
        const spent = this.#spend(address)
        const connection = await dial(address, options)
        if (spent) this.namers.succeeded(address)
        this.#reached.set(endpointOf(address), true)
        return connection
      }
      return transport
    }
  }

  /** @returns false for what is free @throws DialRefused */
  #spend(address: Multiaddr): boolean {
    const endpoint = endpointOf(address)
    if (this.#configured.has(endpoint) || this.#reached.has(endpoint)) return false
    const group = ipGroupOfAddress(address)
    if (group !== undefined && !this.#ofGroup.has(group)) throw new DialRefused('The IP group had its share.')
    if (!this.namers.has(address))
      throw new DialRefused('Who named it has named too many that are not there.')
    if (!this.#all.take(ALL)) throw new DialRefused('Too many hosts were dialled within a few seconds.')
    if (group !== undefined) this.#ofGroup.take(group)
    this.namers.take(address)
    return true
  }
}

/** Whether this is why there is no connection, of one address or of several. */
export function isDialRefused(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.some(isDialRefused)
  return cause instanceof DialRefused || (cause instanceof Error && isDialRefused(cause.cause))
}

/** A host that was reached at one port is not thereby free at every other. */
function endpointOf(address: Multiaddr): string {
  const [host, port] = address.getComponents()
  return `${host?.value} ${port?.value}`
}
