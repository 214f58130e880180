/** All the servers of the ordinary DNS that are configured, as one. */
import type { Clock } from '../../clock.ts'
import type { UpstreamConfig } from '../config.ts'
import type { Upstream } from '../layers/forward.ts'
import { groupOf, withFallback } from './group.ts'
import { openUpstream } from './server.ts'

/** How many times `timeout` the servers have together before the fallback is asked: it still has its own time then. */
const PATIENCE = 4 / 3

/** Undefined when none is configured. */
export function openUpstreams(config: UpstreamConfig, clock: Clock): Upstream | undefined {
  const [first, second] = [config.servers, config.fallback].map((servers) =>
    servers.length === 0
      ? undefined
      : groupOf(
          servers.map((server) => openUpstream(server, config, clock)),
          config.mode,
          clock,
        ),
  )
  if (!first || !second) return first ?? second
  return withFallback(first, second, { clock, patience: config.timeout * PATIENCE })
}
