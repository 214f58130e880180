/** One setting: what it may be, and how it is read from a file's value or from text. */
import { isIP, isIPv4 } from 'node:net'
import { type Component, multiaddr } from '@multiformats/multiaddr'
import { DnsFault } from './dns/fault.ts'
import { RecordType, type ResourceRecord } from './dns/message.ts'
import { fold, isUnder, type Name, parseName, ROOT } from './dns/name.ts'
import { ALT } from './names/whose.ts'
import type { DomainServer, Endpoint, UpstreamServer } from './resolver/config.ts'
import { publicKeyFromLabel } from './zone/key.ts'
import { parseRecordLine } from './zone/zone-file.ts'

/** A kind of value. Both readers throw an Error whose message says what it should be, such as "a number from 1 to 9". */
export interface Kind<Value> {
  /** From a TOML value. */
  read(value: unknown): Value
  /** From an environment variable or a flag. */
  parse(text: string): Value
}

export interface Option<Value> {
  readonly kind: Kind<Value>
  /** As it would be written as text. */
  readonly default: string
  /** What it is, its unit, and why it is as it is: for --help and for readers. */
  readonly about: string
}

export function option<Value>(kind: Kind<Value>, standard: string, about: string): Option<Value> {
  return { kind, default: standard, about }
}

/** A kind whose file values are strings. */
function textual<Value>(parse: (text: string) => Value, expected: string): Kind<Value> {
  return {
    parse,
    read(value) {
      if (typeof value !== 'string') throw new Error(expected)
      return parse(value)
    },
  }
}

export const text: Kind<string> = textual((value) => {
  if (value === '') throw new Error('some text')
  return value
}, 'some text')

export const optionalText: Kind<string> = textual((value) => value, 'some text')

export function integer(lowest: number, highest: number): Kind<number> {
  const expected = `a whole number from ${lowest} to ${highest}`
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < lowest || value > highest) {
      throw new Error(expected)
    }
    return value
  }
  return { read: check, parse: (value) => check(/^-?\d+$/.test(value) ? Number(value) : undefined) }
}

export const milliseconds = integer(1, 3_600_000)
export const seconds = integer(0, 31_536_000)
export const count = integer(1, 10_000_000)

export function choice<const Word extends string>(...words: readonly Word[]): Kind<Word> {
  const expected = `one of ${words.join(', ')}`
  return textual((value) => {
    const word = words.find((known) => known === value)
    if (word === undefined) throw new Error(expected)
    return word
  }, expected)
}

/** Several, in a file as an array and in text with commas; empty text is none. */
export function listOf<Value>(kind: Kind<Value>): Kind<readonly Value[]> {
  return {
    read(value) {
      if (!Array.isArray(value)) throw new Error('a list')
      return value.map((item) => kind.read(item))
    },
    parse: (value) => (value.trim() === '' ? [] : value.split(',').map((item) => kind.parse(item.trim()))),
  }
}

/** Refuses the empty list. */
export function someOf<Value>(kind: Kind<Value>): Kind<readonly Value[]> {
  const list = listOf(kind)
  const check = (values: readonly Value[]) => {
    if (values.length === 0) throw new Error('a list with one entry at least')
    return values
  }
  return { read: (value) => check(list.read(value)), parse: (value) => check(list.parse(value)) }
}

const ENDPOINT = 'an IP address and a port, such as 127.0.0.1:5300 or [::1]:5300'

export const endpoint: Kind<Endpoint> = textual((value) => {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? []
  const host = v6 ?? v4 ?? ''
  if (isIP(host) !== (v6 === undefined ? 4 : 6) || Number(port) > 65_535) throw new Error(ENDPOINT)
  return { host, port: Number(port) }
}, ENDPOINT)

const SERVER =
  'an IP address, perhaps with a protocol, a port and the name in its certificate, such as 192.0.2.1:53, tcp://192.0.2.1, tls://192.0.2.1:853#dns.example or https://192.0.2.1/dns-query#dns.example'
const SERVER_PORTS = { udp: 53, tcp: 53, tls: 853, https: 443 } as const

/** An address and never a name: who asks this node would wait for an answer that this node waits for. */
export const upstreamServer: Kind<UpstreamServer> = textual((value) => {
  const [, scheme = 'udp', v6, v4, port, path, name] =
    /^(?:(udp|tcp|tls|https):\/\/)?(?:\[([^\]%]+)\]|([^:/#]+))(?::(\d{1,5}))?(\/[\w./~-]{0,255})?(?:#([a-z0-9.-]{1,253}))?$/i.exec(
      value,
    ) ?? []
  const protocol = scheme.toLowerCase() as UpstreamServer['protocol']
  const host = v6 ?? v4 ?? ''
  const number = port === undefined ? SERVER_PORTS[protocol] : Number(port)
  if (isIP(host) !== (v6 === undefined ? 4 : 6) || number < 1 || number > 65_535) throw new Error(SERVER)
  const isNamed = protocol === 'tls' || protocol === 'https'
  if (name !== undefined && (!isNamed || isIP(name) !== 0)) throw new Error(SERVER)
  if (path !== undefined && protocol !== 'https') throw new Error(SERVER)
  return { protocol, host, port: number, name, ...(path === undefined ? {} : { path }) }
}, SERVER)

const DOMAIN_SERVER =
  'one domain or more and a server for them, such as /fritz.box/192.168.178.1 or /corp.example/168.192.in-addr.arpa/tls://192.0.2.1#dns.corp.example'

/** As dnsmasq writes it. Folded. */
export const domainServer: Kind<DomainServer> = textual((value) => {
  const [, names = '', server = ''] = /^\/(.+?)\/([a-z]+:\/\/.+|[^/]+)$/i.exec(value) ?? []
  const domains = names.split('/').map(attemptName)
  const isUsable = (name: Name | undefined) => name !== undefined && name !== ROOT && !isUnder(name, ALT)
  if (!domains.every(isUsable)) throw new Error(DOMAIN_SERVER)
  return { domains: domains.map((name) => fold(name as Name)), server: serverOf(server, DOMAIN_SERVER) }
}, DOMAIN_SERVER)

/** @throws Error with `expected` */
function serverOf(text: string, expected: string): UpstreamServer {
  try {
    return upstreamServer.parse(text)
  } catch {
    throw new Error(expected)
  }
}

const NETWORK = 'an IP network, such as 192.0.2.0/24 or 2001:db8::/32, or any'

/** Wrapped IPv4 is refused: clients who come in by it count as IPv4. */
export const networkOrAny: Kind<string> = textual((value) => {
  if (value === 'any') return value
  const [, address = '', prefix] = /^([^/%]+)\/(\d{1,3})$/.exec(value) ?? []
  const longest = isIPv4(address) ? 32 : 128
  if (isIP(address) === 0 || /^::ffff:/i.test(address) || Number(prefix) > longest) throw new Error(NETWORK)
  return value
}, NETWORK)

/** The hosts a multiaddr may begin with. */
const IP = ['ip4', 'ip6']
const DNS = ['dns', 'dns4', 'dns6']

const LISTEN = 'an IP address and a TCP port as a multiaddr, such as /ip4/192.0.2.1/tcp/4601'

export const listenAddress: Kind<string> = textual((value) => {
  const { host, peer, more } = partsOf(value) ?? {}
  if (!IP.includes(host?.name ?? '') || peer || more) throw new Error(LISTEN)
  return value
}, LISTEN)

const ANNOUNCE = 'an address or a name, and a TCP port, as a multiaddr, such as /dns4/node.example/tcp/4601'

export const dialAddress: Kind<string> = textual((value) => {
  const parts = partsOf(value)
  if (!parts || !isDialable(parts) || (parts.peer && !isPeer(value))) throw new Error(ANNOUNCE)
  return value
}, ANNOUNCE)

const BOOTSTRAP =
  'the address of a node with its TCP port and peer id, such as /ip4/192.0.2.1/tcp/4601/p2p/12D3KooW… (its /v1/node tells it)'

export const nodeAddress: Kind<string> = textual((value) => {
  const parts = partsOf(value)
  if (!parts || !isDialable(parts) || !isPeer(value)) throw new Error(BOOTSTRAP)
  return value
}, BOOTSTRAP)

interface AddressParts {
  readonly host: Component
  readonly port: number
  readonly peer: boolean
  /** Whether something else stands behind. */
  readonly more: boolean
}

/** Of `<host>/tcp/<port>`, and perhaps `/p2p/<peer id>`: TCP is the only transport there is. */
function partsOf(value: string): AddressParts | undefined {
  const [host, tcp, peer, more] = componentsOf(value)
  if (!host || tcp?.name !== 'tcp') return undefined
  return { host, port: Number(tcp.value), peer: peer !== undefined, more: more !== undefined }
}

function componentsOf(value: string): Component[] {
  try {
    return multiaddr(value).getComponents()
  } catch {
    return []
  }
}

function isDialable({ host: { name, value = '' }, port, more }: AddressParts): boolean {
  const isHost = IP.includes(name) || (DNS.includes(name) && attemptName(value) !== undefined)
  return isHost && port > 0 && !more
}

/** Ends in the peer id of an ed25519 key, as every node has one: /p2p, 38 octets: an identity multihash of the key as protobuf. */
function isPeer(value: string): boolean {
  return /a50326002408011220[0-9a-f]{64}$/.test(Buffer.from(multiaddr(value).bytes).toString('hex'))
}

const DOMAIN = 'a domain name, such as kad.alt'

/** Folded, so that names compare with it directly. */
export const domainName: Kind<Name> = textual((value) => {
  const name = attemptName(value)
  if (name === undefined || name === ROOT) throw new Error(DOMAIN)
  return fold(name)
}, DOMAIN)

function attemptName(value: string): Name | undefined {
  try {
    return parseName(value)
  } catch {
    return undefined
  }
}

const LOCAL_RECORD = 'a record as in a zone file, such as "printer.lan 300 A 192.168.1.9"'
/** A local name has nothing below it that these could stand for. */
const NOT_LOCAL = new Set<number>([RecordType.NS, RecordType.DNAME])

export const localRecord: Kind<ResourceRecord> = textual((value) => {
  try {
    const record = parseRecordLine(value)
    if (!NOT_LOCAL.has(record.type)) return record
  } catch (cause) {
    if (!(cause instanceof DnsFault)) throw cause
    throw new Error(`${LOCAL_RECORD} (${cause.message})`)
  }
  throw new Error(`${LOCAL_RECORD}, of any type but NS and DNAME`)
}, LOCAL_RECORD)

const ZONE_LABEL = 'the 52 characters of a key, without the suffix'

/** Folded. */
export const zoneLabel: Kind<string> = textual((value) => {
  const key = publicKeyFromLabel(value)
  if (!key) throw new Error(ZONE_LABEL)
  return key.label
}, ZONE_LABEL)
