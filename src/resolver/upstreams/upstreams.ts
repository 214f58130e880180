/** All the servers of the ordinary DNS that are configured, and who of them is asked for a name. */
import type { Clock } from '../../clock.ts'
import { isUnder, type Name } from '../../dns/name.ts'
import type { UpstreamConfig, UpstreamServer } from '../config.ts'
import type { Upstreams } from '../layers/forward.ts'
import { groupOf, withFallback } from './group.ts'
import { openUpstream } from './server.ts'

/** How many times `timeout` the servers have together before the fallback is asked: it still has its own time then. */
const PATIENCE = 4 / 3

export function openUpstreams(config: UpstreamConfig, clock: Clock): Upstreams & Disposable {
  const { servers, fallback, domains, timeout } = config
  const opened = (some: readonly UpstreamServer[]) =>
    some.length === 0
      ? undefined
      : groupOf(
          some.map((one) => openUpstream(one, config, clock)),
          config.mode,
          clock,
        )
  const [first, second] = [opened(servers), opened(fallback)]
  const ordinary =
    first && second ? withFallback(first, second, { clock, patience: timeout * PATIENCE }) : (first ?? second)
  const apart = new Map(Array.from(byDomain(domains), ([domain, some]) => [domain, opened(some)]))
  // The longest first, so that the first that fits is the nearest above.
  const longest = [...apart.keys()].sort((a, b) => b.length - a.length)
  const domainOf = (name: Name) => longest.find((domain) => isUnder(name, domain))
  return {
    of: (name) => {
      const domain = domainOf(name)
      return domain === undefined ? ordinary : apart.get(domain)
    },
    isApart: (name) => domainOf(name) !== undefined,
    [Symbol.dispose]: () => {
      for (const group of [ordinary, ...apart.values()]) group?.close?.()
    },
  }
}

function byDomain(entries: UpstreamConfig['domains']): Map<Name, UpstreamServer[]> {
  const servers = new Map<Name, UpstreamServer[]>()
  for (const { domains, server } of entries)
    for (const domain of domains) servers.set(domain, [...(servers.get(domain) ?? []), server])
  return servers
}
