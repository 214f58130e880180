/** Every setting there is, with its default, unit and reason: the one table that files, environment, flags and help follow. */
import {
  choice,
  count,
  domainName,
  domainServer,
  endpoint,
  integer,
  listOf,
  localRecord,
  milliseconds,
  networkOrAny,
  type Option,
  option,
  optionalText,
  seconds,
  someOf,
  text,
  upstreamServer,
  zoneLabel,
} from './option.ts'
import { DHT } from './settings-dht.ts'

export const TOP = {
  data: option(text, '.kadns', 'Directory for keys, zones, the API token and what the DHT keeps.'),
  logLevel: option(
    choice('silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    'info',
    'How much is written to the log (JSON lines on stderr). No names or client addresses at info.',
  ),
}

export const SECTIONS = {
  dns: {
    listen: option(
      someOf(endpoint),
      '127.0.0.1:5300',
      'Where questions are answered, UDP and TCP; port 0 takes a free one.',
    ),
    tlsListen: option(listOf(endpoint), '', 'Where DNS over TLS is answered (853); none: nowhere.'),
    httpsListen: option(
      listOf(endpoint),
      '',
      'Where DNS over HTTPS is answered, under /dns-query (443); none: nowhere.',
    ),
    certificate: option(
      optionalText,
      '',
      'File (PEM) with the certificate of both, read again when it changes; none: the node makes one, which clients have to be told to trust.',
    ),
    privateKey: option(optionalText, '', 'File (PEM) with the private key of that certificate.'),
    allow: option(
      listOf(networkOrAny),
      '',
      'Networks that may ask, such as 192.0.2.0/24, or any; none: private ones and those this machine is in. Others get no reply.',
    ),
    maxUdpPayload: option(
      integer(512, 4096),
      '1232',
      'Octets of the longest UDP reply: fits IPv6 without fragments (RFC 9715).',
    ),
    tcpMaxConnections: option(count, '256', 'TCP connections open at once.'),
    tcpMaxConnectionsPerClient: option(count, '32', 'Of these, from one address.'),
    tcpIdle: option(milliseconds, '10000', 'ms until a TCP connection that asks nothing is closed.'),
    tcpMessageTimeout: option(milliseconds, '5000', 'ms from the first octet of a TCP message to its last.'),
    tcpMaxInFlight: option(count, '100', 'Questions of one TCP connection worked on at once.'),
    maxPending: option(count, '1024', 'Questions worked on at once, of all clients; more are told SERVFAIL.'),
    maxQuestionsPerSecond: option(
      integer(0, 1_000_000),
      '0',
      'Questions in a second of one client with a public address (IPv6: /56), ten times as many at once; 0: no limit. Clients in private networks have none.',
    ),
    maxSearchesPerSecond: option(
      integer(0, 1_000_000),
      '5',
      'Of these, names of keys that are searched for among other nodes; 0: no limit.',
    ),
    answerTimeout: option(
      milliseconds,
      '2300',
      'ms to an answer, if only SERVFAIL: musl asks again after 2500.',
    ),
    cacheOctets: option(integer(100_000, 2 ** 40), '33554432', 'Octets of memory for answers.'),
    maxTtl: option(seconds, '86400', 's that an upstream answer is kept at most.'),
    maxNegativeTtl: option(seconds, '3600', 's that "there is none" is kept at most (RFC 2308 5).'),
    staleFor: option(
      seconds,
      '259200',
      's that an answer is still given after its TTL when no newer one can be had (RFC 8767); 0: it is not.',
    ),
    records: option(
      listOf(localRecord),
      '',
      'Names of the house, as printer.lan 300 A 192.168.1.9; they come first.',
    ),
    hosts: option(
      listOf(text),
      '',
      'Hosts files, /etc/hosts perhaps: names of the house, behind dns.records. Read at the start and at a reload.',
    ),
    queryLog: option(
      integer(0, 100_000),
      '0',
      'Questions of late that are kept in memory, for kadns queries and GET /v1/queries; 0: none. No addresses are told.',
    ),
    maxAliases: option(integer(1, 64), '16', 'CNAMEs followed for one question.'),
  },
  block: {
    lists: option(
      listOf(text),
      '',
      'Files with names that are not to be answered: hosts format, ||name^ of adblock syntax, or a name a line.',
    ),
    allow: option(
      listOf(domainName),
      '',
      'Names that are answered whatever the lists say, and those below them.',
    ),
    answer: option(
      choice('null', 'nxdomain'),
      'null',
      'What a blocked name is answered: null: the address 0.0.0.0 or ::, and nothing else; nxdomain: that it does not exist.',
    ),
  },
  upstream: {
    servers: option(
      listOf(upstreamServer),
      'tls://9.9.9.9#dns.quad9.net,tls://194.242.2.2#dns.mullvad.net,tls://149.112.112.112#dns.quad9.net',
      'Servers of the ordinary DNS, as udp://address:port, tcp://, tls:// (DoT) or https:// (DoH, perhaps with a path) with #name of the certificate; none: ordinary names are not answered. Quad9 and Mullvad keep no log of who asks.',
    ),
    fallback: option(
      listOf(upstreamServer),
      '',
      'Servers asked when all of those fail; plain ones let others on the way read and forge.',
    ),
    mode: option(
      choice('race', 'strict', 'parallel'),
      'race',
      'race: the quickest, and the next beside it when it is slow; strict: in their order; parallel: all at once, and all hear every name.',
    ),
    domains: option(
      listOf(domainServer),
      '',
      'Servers for certain names and those below, and nobody else, as /domain/server: the router for /fritz.box/192.168.178.1, reverse names too. They may have private addresses.',
    ),
    privateNames: option(
      listOf(domainName),
      '',
      'Names, and those below, that may have private addresses though another server says so; of other names these are left out (DNS rebinding).',
    ),
    timeout: option(milliseconds, '900', 'ms for one server; then the next is asked.'),
  },
  dht: DHT,
  api: {
    listen: option(
      endpoint,
      '127.0.0.1:8053',
      'Where REST is answered. Whoever reaches it can read; writing takes the token.',
    ),
    insecure: option(
      choice('on', 'off'),
      'off',
      'Whether REST may listen on other addresses than those of this machine alone: it is not encrypted, and takes the token.',
    ),
    socket: option(
      optionalText,
      '',
      'Path of a unix socket where REST is answered too, for this user and group alone; none: nowhere.',
    ),
    maxWritesPerMinute: option(
      count,
      '600',
      'Requests that change something, by one address; more are refused with 429.',
    ),
    maxBody: option(integer(1024, 2 ** 24), '65536', 'Octets of the longest request body.'),
    requestTimeout: option(milliseconds, '10000', 'ms until a request has to be complete.'),
    maxConnections: option(count, '100', 'Connections open at once.'),
    allowedHosts: option(
      listOf(text),
      '',
      'Host names the API answers to, besides localhost and its own address.',
    ),
  },
  relay: {
    listen: option(
      listOf(endpoint),
      '',
      'Where programs that use pkarr put their packets and get those of others, without a token; none: nowhere.',
    ),
    maxRequestsPerSecond: option(
      count,
      '2',
      'Requests of one address that are answered in a second; five times as many at once.',
    ),
  },
  names: {
    suffix: option(domainName, 'kad.alt', 'What key names stand under. RFC 9476 keeps .alt out of the DNS.'),
    zoneLifetime: option(
      integer(3600, 2_592_000),
      '604800',
      's a zone signed here lives; signed anew at half of it.',
    ),
    zoneRefresh: option(
      integer(60, 86_400),
      '300',
      's after which readers of our zones look for a newer one.',
    ),
    zoneMinimum: option(integer(0, 86_400), '60', 's that "there is none" lasts in our zones.'),
    republishInterval: option(
      integer(60, 604_800),
      '21600',
      's between two puts of a zone that has not changed.',
    ),
    follow: option(
      listOf(domainName),
      '',
      'Names of zones signed here, such as home.<key>.kad.alt, whose A and AAAA records are kept at the address by which other nodes see this one.',
    ),
    maxPackets: option(
      count,
      '500',
      'Zones signed elsewhere that wait here for their day or are published, of all keys.',
    ),
    passphraseFile: option(
      optionalText,
      '',
      'File of mode 0600 whose first line is the passphrase that secret keys are sealed with on the disk; none: they are not.',
    ),
    privateAddresses: option(
      listOf(zoneLabel),
      '',
      'Keys whose zones may lead to private addresses, besides our own; in others these are left out (DNS rebinding).',
    ),
  },
} as const

type ValueOf<Setting> = Setting extends Option<infer Value> ? Value : never
type ValuesOf<Table> = { readonly [Key in keyof Table]: ValueOf<Table[Key]> }

/** All settings, frozen. */
export type Config = ValuesOf<typeof TOP> & {
  readonly [Section in keyof typeof SECTIONS]: ValuesOf<(typeof SECTIONS)[Section]>
}
