/** The ports a node wants, and what is wrong with them before the first is opened: each that is named twice, or taken. */
import { isIP } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { Config } from './config.ts'
import { formatEndpoint } from './resolver/config.ts'
import type { HandedOver } from './resolver/listeners/handed-over.ts'
import type { WantedPort } from './resolver/listeners/listener.ts'
import { portFaults } from './resolver/listeners/probe.ts'

/** Settings of doors that do not go together, or are not safe: one sentence for each. */
export function faultsOfDoors(config: Config): readonly string[] {
  return [...halfCertificate(config), ...openApiOutside(config)]
}

/** REST is not encrypted: on a network others see the token, and what is published before it is. */
function openApiOutside({ api: { listen, insecure } }: Config): string[] {
  if (insecure === 'on' || isLoopback(listen.host)) return []
  return [
    `api.listen is ${formatEndpoint(listen)}, where others can read the token off the network: listen on 127.0.0.1, use api.socket, or say api.insecure = "on" where the network is yours alone, as inside a container.`,
  ]
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

function halfCertificate({ dns: { certificate, privateKey } }: Config): string[] {
  if ((certificate === '') === (privateKey === '')) return []
  return [
    'dns.certificate and dns.private_key belong together: set both, or neither for one that this node makes itself.',
  ]
}

/** One sentence for each fault. @param handed sockets that are open already */
export async function faultsOfPorts(
  config: Config,
  handed: readonly HandedOver[],
): Promise<readonly string[]> {
  const ports = wantedPorts(withoutHanded(config, handed))
  const twice = namedTwice(ports)
  return twice.length > 0 ? twice : await portFaults(ports)
}

/** What was handed over need not be opened, and takes the place of what is configured. */
function withoutHanded(config: Config, handed: readonly HandedOver[]): Config {
  const isHanded = (wanted: HandedOver['door']) => handed.some(({ door }) => door === wanted)
  const { dns } = config
  return {
    ...config,
    dns: {
      ...dns,
      listen: isHanded('dns') ? [] : dns.listen,
      tlsListen: isHanded('dot') ? [] : dns.tlsListen,
      httpsListen: isHanded('doh') ? [] : dns.httpsListen,
    },
  }
}

function wantedPorts({ dns, api, relay, dht }: Config): WantedPort[] {
  return [
    ...dns.listen.flatMap((endpoint): WantedPort[] => [
      { purpose: 'DNS', protocol: 'UDP', endpoint },
      { purpose: 'DNS', protocol: 'TCP', endpoint },
    ]),
    ...dns.tlsListen.map((endpoint): WantedPort => ({ purpose: 'DNS over TLS', protocol: 'TCP', endpoint })),
    ...dns.httpsListen.map(
      (endpoint): WantedPort => ({ purpose: 'DNS over HTTPS', protocol: 'TCP', endpoint }),
    ),
    { purpose: 'REST', protocol: 'TCP', endpoint: api.listen },
    ...relay.listen.map((endpoint): WantedPort => ({ purpose: 'the relay', protocol: 'TCP', endpoint })),
    ...dhtPorts(dht.listen),
  ]
}

/** libp2p does without "::" on a machine without IPv6, as long as it has an IPv4 address to listen on. */
function dhtPorts(listen: readonly string[]): WantedPort[] {
  const ports = listen.flatMap(tcpPort)
  const hasIpv4 = ports.some(({ endpoint }) => isIP(endpoint.host) === 4)
  return ports.map((port) => ({ ...port, dispensable: hasIpv4 && port.endpoint.host === '::' }))
}

function tcpPort(address: string): WantedPort[] {
  const parts = multiaddr(address).getComponents()
  const host = parts.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  const port = parts.find(({ name }) => name === 'tcp')?.value
  if (host === undefined || port === undefined) return []
  return [{ purpose: 'libp2p', protocol: 'TCP', endpoint: { host, port: Number(port) } }]
}

/** What no other program is to blame for. */
function namedTwice(ports: readonly WantedPort[]): string[] {
  const faults = ports.flatMap((later, at) =>
    ports.slice(0, at).flatMap((earlier) => {
      if (!isSamePort(earlier, later)) return []
      const purposes = [...new Set([earlier.purpose, later.purpose])].join(' and ')
      return [`The port ${formatEndpoint(later.endpoint)} is named twice, for ${purposes}.`]
    }),
  )
  return [...new Set(faults)]
}

const EVERYWHERE = ['0.0.0.0', '::']

function isSamePort(a: WantedPort, b: WantedPort): boolean {
  const { host, port } = a.endpoint
  const other = b.endpoint
  if (a.protocol !== b.protocol || port === 0 || port !== other.port) return false
  if (host === other.host) return true
  return isIP(host) === isIP(other.host) && [host, other.host].some((name) => EVERYWHERE.includes(name))
}
