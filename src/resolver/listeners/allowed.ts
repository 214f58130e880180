/** Who may ask: an open resolver would answer strangers, and whomever they name as the source of their packets (RFC 5358). */
import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'

const ANYBODY = 'any'
/** This machine, private, shared by carriers, link-local, unique local (RFC 1122, 1918, 6598, 3927, 4291, 4193). */
export const NEAR: readonly string[] = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
]
/** Addresses whose verdict is remembered; the one first judged goes first. */
const MAX_REMEMBERED = 1024
/** ms after which the networks of this machine are read again: a provider may give it others. */
const OWN_NETWORKS_FOR = 60_000

export interface AllowedDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** Networks that may ask, or "any"; none: those near, and this machine's own. */
  readonly allow: readonly string[]
}

/** One for all doors. */
export class AllowedClients {
  /** Packets and connections of others so far. */
  refused = 0
  readonly #deps: AllowedDeps
  readonly #ownNetworks: () => readonly string[]
  readonly #verdicts = new Map<string, boolean>()
  #networks: NetworkList
  #readAt: number

  constructor(deps: AllowedDeps, ownNetworks = networksOfThisMachine) {
    this.#deps = deps
    this.#ownNetworks = ownNetworks
    this.#networks = this.#read()
    this.#readAt = deps.clock.monotonic()
  }

  /** Counts those who may not. An address that was allowed before costs one look into a Map. */
  mayAsk(address: string): boolean {
    if (this.#verdicts.get(address) || this.#judge(address)) return true
    if (this.refused++ === 0)
      this.#deps.logger.warn('a client outside dns.allow asked; such questions are dropped')
    return false
  }

  #judge(address: string): boolean {
    const now = this.#deps.clock.monotonic()
    if (now - this.#readAt >= OWN_NETWORKS_FOR) {
      this.#networks = this.#read()
      this.#readAt = now
      this.#verdicts.clear()
    }
    const verdict = this.#verdicts.get(address) ?? this.#networks.has(address)
    this.#verdicts.set(address, verdict)
    if (this.#verdicts.size > MAX_REMEMBERED) this.#verdicts.delete(this.#verdicts.keys().next().value!)
    return verdict
  }

  #read(): NetworkList {
    const { allow } = this.#deps
    return new NetworkList(allow.length > 0 ? allow : [...NEAR, ...this.#ownNetworks()])
  }
}

/** IPv4 apart from IPv6, since a BlockList takes an IPv4 address for the IPv6 one that wraps it. */
export class NetworkList {
  readonly #anybody: boolean
  readonly #ipv4 = new BlockList()
  readonly #ipv6 = new BlockList()

  constructor(networks: readonly string[]) {
    this.#anybody = networks.includes(ANYBODY)
    for (const network of networks.filter((word) => word !== ANYBODY)) {
      const [address = '', prefix] = network.split('/')
      if (isIPv6(address)) this.#ipv6.addSubnet(address, Number(prefix), 'ipv6')
      else this.#ipv4.addSubnet(address, Number(prefix), 'ipv4')
    }
  }

  has(address: string): boolean {
    if (this.#anybody) return true
    // RFC 4291 2.5.5.2: IPv4 wrapped by a socket of both families. RFC 4007 11: a zone stands behind "%".
    const [plain = ''] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('%')
    return isIPv6(plain) ? this.#ipv6.check(plain, 'ipv6') : this.#ipv4.check(plain, 'ipv4')
  }
}

function networksOfThisMachine(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((ofOne) => ofOne ?? [])
  return addresses.map(({ cidr }) => cidr).filter((cidr) => cidr !== null)
}
