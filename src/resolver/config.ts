/** The resolver's slice of the configuration. Times in milliseconds, TTLs in seconds; config/default.toml says why. */
import type { ResourceRecord } from '../dns/message.ts'
import type { Name } from '../dns/name.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:53`, `[::1]:53`. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export interface DnsConfig {
  readonly listen: readonly Endpoint[]
  /** Where DNS over TLS is answered. */
  readonly tlsListen: readonly Endpoint[]
  /** Where DNS over HTTPS is. */
  readonly httpsListen: readonly Endpoint[]
  /** Paths of PEM files: a certificate, with those behind it, and its key. Empty where there is no such door, or the node makes its own. */
  readonly certificate: string
  readonly privateKey: string
  /** Networks that may ask, or "any"; none: private ones and this machine's own. */
  readonly allow: readonly string[]
  /** Octets of the longest UDP reply, whatever the client would take. */
  readonly maxUdpPayload: number
  readonly tcpMaxConnections: number
  readonly tcpMaxConnectionsPerClient: number
  /** A connection that asks nothing for so long is closed. */
  readonly tcpIdle: number
  /** From the first octet of a message to its last. */
  readonly tcpMessageTimeout: number
  /** Questions of one connection worked on at once; reading waits beyond it. */
  readonly tcpMaxInFlight: number
  /** Questions worked on at once, of all clients. */
  readonly maxPending: number
  /** Of one client that is none of the house, questions, and names searched for among other nodes; 0: no limit. */
  readonly maxQuestionsPerSecond: number
  readonly maxSearchesPerSecond: number
  /** Every question has an answer after this, if only SERVFAIL. */
  readonly answerTimeout: number
  readonly cacheOctets: number
  readonly maxTtl: number
  readonly maxNegativeTtl: number
  /** How long an answer may still be given after its TTL is over, when no newer one can be had. */
  readonly staleFor: number
  /** For names of the house. */
  readonly records: readonly ResourceRecord[]
  /** Paths of hosts files. */
  readonly hosts: readonly string[]
  /** Questions of late that are kept in memory; 0: none. */
  readonly queryLog: number
  /** CNAMEs followed for one question. */
  readonly maxAliases: number
}

/** Names that are not to be answered. */
export interface BlockConfig {
  /** Paths of files. */
  readonly lists: readonly string[]
  /** Folded. These and what is below them are never blocked. */
  readonly allow: readonly Name[]
  /** The address that is nobody's, or that there is no such name. */
  readonly answer: 'null' | 'nxdomain'
}

/** A server of the ordinary DNS, by its address: no name is looked up to reach it. */
export interface UpstreamServer extends Endpoint {
  readonly protocol: 'udp' | 'tcp' | 'tls' | 'https'
  /** The name its certificate is for; unset, its address has to stand there. */
  readonly name?: string | undefined
  /** Of DNS over HTTPS; unset, `/dns-query`. */
  readonly path?: string | undefined
}

/** Who is asked for certain names, and for those below them. */
export interface DomainServer {
  /** Folded. */
  readonly domains: readonly Name[]
  readonly server: UpstreamServer
}

export interface UpstreamConfig {
  readonly servers: readonly UpstreamServer[]
  /** Asked when all of those fail. */
  readonly fallback: readonly UpstreamServer[]
  /** The two quickest with a head start for the first, in the order they are configured, or all at once. */
  readonly mode: 'race' | 'strict' | 'parallel'
  /** Where nobody else is asked: the router for names of the home, a company's servers for those of the company. */
  readonly domains: readonly DomainServer[]
  /** Folded. These and what is below them may have private addresses. */
  readonly privateNames: readonly Name[]
  /** For one server's answer; then the next one is asked. */
  readonly timeout: number
}
