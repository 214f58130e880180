/** All the servers of the ordinary DNS that are configured, who of them is asked for a name, and how others take their place. */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../clock.ts'
import { isUnder, type Name } from '../../dns/name.ts'
import type { UpstreamConfig, UpstreamServer } from '../config.ts'
import type { Upstream, Upstreams } from '../layers/forward.ts'
import { groupOf, withFallback } from './group.ts'
import { openUpstream } from './server.ts'

/** How many times `timeout` the servers have together before the fallback is asked: it still has its own time then. */
const PATIENCE = 4 / 3

export interface ChangeableUpstreams extends Upstreams, Disposable {
  /** From now on these are asked. Those before stay until who waits for them has an answer. @returns whether they are others */
  change(config: UpstreamConfig): boolean
}

export function openUpstreams(config: UpstreamConfig, clock: Clock): ChangeableUpstreams {
  let current = { config, opened: openAll(config, clock) }
  const leaving = new Set<Disposable>()
  return {
    of: (name) => current.opened.of(name),
    isApart: (name) => current.opened.isApart(name),
    change(next) {
      if (isDeepStrictEqual(next, current.config)) return false
      const { opened } = current
      current = { config: next, opened: openAll(next, clock) }
      leaving.add(opened)
      opened.whenIdle(() => {
        leaving.delete(opened)
        opened[Symbol.dispose]()
      })
      return true
    },
    [Symbol.dispose]: () => {
      for (const opened of [current.opened, ...leaving]) opened[Symbol.dispose]()
    },
  }
}

interface Opened extends Upstreams, Disposable {
  /** @param then called once nobody waits for them, perhaps at once */
  whenIdle(then: () => void): void
}

function openAll(config: UpstreamConfig, clock: Clock): Opened {
  const { servers, fallback, domains, timeout } = config
  const traffic = new Traffic()
  const opened = (some: readonly UpstreamServer[]) =>
    some.length === 0
      ? undefined
      : groupOf(
          some.map((one) => openUpstream(one, config, clock)),
          config.mode,
          clock,
        )
  const [first, second] = [opened(servers), opened(fallback)]
  const ordinary = traffic.counted(
    first && second
      ? withFallback(first, second, { clock, patience: timeout * PATIENCE })
      : (first ?? second),
  )
  const apart = new Map(
    Array.from(byDomain(domains), ([domain, some]) => [domain, traffic.counted(opened(some))]),
  )
  // The longest first, so that the first that fits is the nearest above.
  const longest = [...apart.keys()].sort((a, b) => b.length - a.length)
  const domainOf = (name: Name) => longest.find((domain) => isUnder(name, domain))
  return {
    of: (name) => {
      const domain = domainOf(name)
      return domain === undefined ? ordinary : apart.get(domain)
    },
    isApart: (name) => domainOf(name) !== undefined,
    whenIdle: (then) => traffic.whenIdle(then),
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

/** How many questions are under way. */
class Traffic {
  #underWay = 0
  #then: (() => void) | undefined

  counted(upstream: Upstream | undefined): Upstream | undefined {
    if (!upstream) return undefined
    return {
      ...upstream,
      exchange: async (query) => {
        this.#underWay++
        try {
          return await upstream.exchange(query)
        } finally {
          this.#underWay--
          this.#tell()
        }
      },
    }
  }

  whenIdle(then: () => void): void {
    this.#then = then
    this.#tell()
  }

  #tell(): void {
    if (this.#underWay === 0) this.#then?.()
  }
}
