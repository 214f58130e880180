/** Every setting there is, with its default, unit and reason: the one table that files, environment, flags and help follow. */
import {
  choice,
  dialAddress,
  domainName,
  domainServer,
  endpoint,
  integer,
  listenAddress,
  listOf,
  localRecord,
  networkOrAny,
  nodeAddress,
  type Option,
  option,
  optionalText,
  someOf,
  text,
  upstreamServer,
  zoneLabel,
} from './option.ts'

const milliseconds = integer(1, 3_600_000)
const seconds = integer(0, 31_536_000)
const count = integer(1, 10_000_000)

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
    certificate: option(optionalText, '', 'File (PEM) with its certificate; read again when it changes.'),
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
      'Servers of the ordinary DNS, as udp://address:port, tcp:// or tls:// (DoT) with #name of the certificate; none: ordinary names are not answered. Quad9 and Mullvad keep no log of who asks.',
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
  dht: {
    listen: option(
      listOf(listenAddress),
      '/ip4/0.0.0.0/tcp/4601,/ip6/::/tcp/4601',
      'Multiaddrs to listen on for other nodes; without IPv6 on this machine, /ip6/::/ is left out.',
    ),
    bootstrap: option(listOf(nodeAddress), '', 'Multiaddrs of nodes to join the network by.'),
    announce: option(
      listOf(dialAddress),
      '',
      'Multiaddrs to be known by, where they differ from those listened on.',
    ),
    mode: option(
      choice('auto', 'server', 'client'),
      'server',
      'A server keeps zones for others; a client only asks and publishes; auto: a client until others have reached it from outside.',
    ),
    network: option(optionalText, '', 'Name of a network apart from the public one.'),
    acceptAddresses: option(
      choice('auto', 'global', 'local', 'any'),
      'auto',
      'Which addresses learned from peers are dialled; auto: any if we listen on loopback only, else global.',
    ),
    local: option(
      choice('auto', 'on', 'off'),
      'auto',
      'Whether machines of this local network are found by mDNS; auto: unless we listen on loopback only.',
    ),
    localListen: option(
      listOf(listenAddress),
      '/ip4/0.0.0.0/tcp/0',
      'Multiaddrs to listen on for them; port 0 takes a free one, which mDNS tells them.',
    ),
    maxConnections: option(count, '300', 'Connections open at once.'),
    linksPerBucket: option(
      count,
      '3',
      'Of these, kept open to peers of each of 64 parts of the network, besides those to the nearest.',
    ),
    maxInboundPerSecond: option(count, '50', 'Connections one host may open in a second.'),
    maxNewHostsPerSecond: option(
      count,
      '5',
      'Hosts never reached before that are dialled in a second; four seconds of it may be used at once.',
    ),
    maxNewHostsPerGroup: option(count, '1', 'Of these, of one IP group (/16, IPv6 /32) in a second.'),
    maxDialsPerLookup: option(
      count,
      '40',
      'Peers without a connection that one lookup asks in each neighbourhood.',
    ),
    maxParallelDials: option(count, '50', 'Dials under way at once.'),
    dialTimeout: option(milliseconds, '3000', 'ms until a dial is given up.'),
    checkInterval: option(
      milliseconds,
      '60000',
      'ms from one peer asked whether it is still there, the longest unheard, to the next.',
    ),
    maxEntryPoints: option(count, '32', 'Peers kept on disk to join the network by: those longest up.'),
    maxInboundStreams: option(count, '16', 'Streams for zones one connection may open.'),
    maxRequestsInFlight: option(count, '64', 'Requests unanswered on one stream.'),
    maxRequestsPerSecond: option(
      count,
      '200',
      'Requests of one peer answered in a second; more are told busy.',
    ),
    maxForwards: option(
      count,
      '64',
      'Gets of others passed on to nearer peers at once; what is beyond they have to look for themselves.',
    ),
    keep: option(
      listOf(zoneLabel),
      '',
      'Keys (52 characters) of zones of others, of friends perhaps, that this node keeps alive while their owners are away.',
    ),
    maxZones: option(count, '50000', 'Zones of others kept on disk.'),
    maxNewZonesPerMinute: option(
      count,
      '100',
      'Zones not known before that one IP group (/16, IPv6 /32) may bring in a minute; newer ones of known keys are free.',
    ),
    maxRevocations: option(count, '10000', 'Revocations of others kept on disk, besides.'),
    maxFloors: option(
      count,
      '100000',
      'Zones seen but no longer kept of which the sequence is remembered, so that nothing older is believed.',
    ),
    cachedZones: option(count, '10000', 'Verified zones held in memory.'),
    lookupTimeout: option(
      milliseconds,
      '1800',
      'ms a lookup may take: below answer_timeout, so that a reason can be told.',
    ),
    walkTimeout: option(milliseconds, '10000', 'ms a lookup may go on behind the answer it gave.'),
    maxWalks: option(count, '32', 'Lookups that go on behind their answers at once.'),
    requestTimeout: option(milliseconds, '800', 'ms one peer may take to answer.'),
    hedgeMin: option(
      milliseconds,
      '60',
      'ms a peer is waited for alone at least, before another is asked beside it.',
    ),
    publishTimeout: option(milliseconds, '5000', 'ms publishing may take.'),
    parallelism: option(integer(1, 20), '2', "Peers asked at a time: Kademlia's alpha."),
    maxAsked: option(
      integer(1, 100),
      '20',
      "Closest peers a lookup hears and a zone is put on: Kademlia's k.",
    ),
    maxPeers: option(integer(100, 1_000_000), '4000', 'Peers remembered with their addresses.'),
    maxCandidates: option(count, '200', 'Peers one lookup takes note of.'),
    confirmMin: option(seconds, '60', 's: no zone is confirmed sooner by itself, whatever its REFRESH says.'),
    confirmMax: option(seconds, '3600', 's: every zone in use is confirmed after this.'),
    absentFor: option(seconds, '30', 's: a zone found absent is not looked for again within them; 0: it is.'),
    unreachableMin: option(
      seconds,
      '5',
      's: a zone that could not be reached is not looked for again within them, twice as long each time.',
    ),
    unreachableMax: option(
      seconds,
      '60',
      's: a zone that could not be reached is looked for again after this, however often it failed.',
    ),
  },
  api: {
    listen: option(
      endpoint,
      '127.0.0.1:8053',
      'Where REST is answered. Whoever reaches it can read; writing takes the token.',
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
