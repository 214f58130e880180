/** Where the running node is asked. */
import { Resolver } from 'node:dns/promises'
import type { Config } from '../config.ts'
import { formatName } from '../dns/name.ts'

interface Door {
  /** An IP address. */
  readonly host: string
  readonly port: number
}

/** Milliseconds. */
const PATIENCE = 3000

/** `http://127.0.0.1:8053` */
export function apiUrl({ api: { listen } }: Config): string {
  return `http://${endpointOf({ ...listen, host: hostToAsk(listen.host) })}`
}

/** Where questions are answered. */
export function doorOf({ dns }: Config): Door {
  const { host, port } = dns.listen[0] ?? { host: '127.0.0.1', port: 53 }
  return { host: hostToAsk(host), port }
}

/** Whether the suffix itself is there, as it is for a node alone: asked of a door, or as this system is set up. */
export async function isAnswering({ names }: Pick<Config, 'names'>, door?: Door): Promise<boolean> {
  const resolver = new Resolver({ timeout: PATIENCE, tries: 1 })
  if (door) resolver.setServers([endpointOf(door)])
  return await resolver.resolveSoa(formatName(names.suffix).slice(0, -1)).then(
    () => true,
    () => false,
  )
}

export function endpointOf({ host, port }: Door): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

// An address to listen on everywhere is none to connect to.
function hostToAsk(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
