/** What can be set about this node's part in the DHT. */

/** Which addresses learned from peers are kept and dialled; `auto`: any when this node listens on loopback only, else global. */
export type AcceptAddresses = 'auto' | 'global' | 'local' | 'any'

export interface DhtConfig {
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs of nodes to join the network by. Dialled whatever `acceptAddresses` says. */
  readonly bootstrap: readonly string[]
  /** Multiaddrs to be known by instead of those listened on; none: those listened on. */
  readonly announce: readonly string[]
  /** A server stores zones and answers for others; a client only asks and publishes; `auto`: a client until others reach it. */
  readonly mode: 'auto' | 'server' | 'client'
  /** Whether others may ask where this node is, by `<peer id>.peer.<suffix>`. */
  readonly named: 'on' | 'off'
  /** Name of a separate network; '' is the public one. */
  readonly network: string
  readonly acceptAddresses: AcceptAddresses
  /** Whether other machines of this local network are looked for by mDNS; `auto`: unless this node listens on loopback only. */
  readonly local: 'auto' | 'on' | 'off'
  /** Multiaddrs to listen on for them. */
  readonly localListen: readonly string[]

  /** Connections open at once. */
  readonly maxConnections: number
  /** Connections kept open to peers of each of 64 parts of the space, besides those to the k neighbours. */
  readonly linksPerBucket: number
  /** Connections one host may open in a second. */
  readonly maxInboundPerSecond: number
  /** Hosts never reached before that are dialled in a second, and of these of one IP group. */
  readonly maxNewHostsPerSecond: number
  readonly maxNewHostsPerGroup: number
  /** Peers without a connection that one lookup asks in each neighbourhood. */
  readonly maxDialsPerLookup: number
  /** Dials under way at once. */
  readonly maxParallelDials: number
  /** Milliseconds until a dial is given up. */
  readonly dialTimeout: number
  /** Milliseconds from one peer asked whether it is still there to the next. */
  readonly checkInterval: number
  /** Peers kept on disk to join the network by. */
  readonly maxEntryPoints: number
  /** Streams for zones one connection may open to this node. */
  readonly maxInboundStreams: number
  /** Requests unanswered on one stream, either way. */
  readonly maxRequestsInFlight: number
  /** Requests of one peer answered in a second. */
  readonly maxRequestsPerSecond: number

  /** Gets of others passed on to nearer peers at once. */
  readonly maxForwards: number

  /** Keys, as labels, of zones of others that are kept alive wherever this node is, and have room beyond `maxZones`. */
  readonly keep: readonly string[]
  /** Zones of others kept on disk. */
  readonly maxZones: number
  /** Zones not known before that one IP group may bring in a minute. */
  readonly maxNewZonesPerMinute: number
  /** Revocations of others kept on disk, besides. */
  readonly maxRevocations: number
  /** Floors kept of zones that are not, or no longer, kept themselves. */
  readonly maxFloors: number
  /** Verified zones held in memory. */
  readonly cachedZones: number

  /** Milliseconds a lookup may take. */
  readonly lookupTimeout: number
  /** Milliseconds a lookup may go on behind the answer it gave. */
  readonly walkTimeout: number
  /** Lookups that go on behind their answers at once. */
  readonly maxWalks: number
  /** Milliseconds one peer may take to answer. */
  readonly requestTimeout: number
  /** Milliseconds a peer is waited for alone at least, before another is asked beside it. */
  readonly hedgeMin: number
  /** Milliseconds publishing may take. */
  readonly publishTimeout: number
  /** Peers asked at a time: Kademlia's alpha. */
  readonly parallelism: number
  /** The closest peers a lookup has to hear, and those a zone is put on: Kademlia's k. */
  readonly maxAsked: number
  /** Peers remembered with their addresses. */
  readonly maxPeers: number
  /** Peers one lookup takes note of. */
  readonly maxCandidates: number
  /** Seconds: a zone is not confirmed again sooner than this, whatever its REFRESH says. */
  readonly confirmMin: number
  /** Seconds: a zone is confirmed again after this, whatever its REFRESH says. */
  readonly confirmMax: number
  /** Seconds: a zone that was found absent is not looked for again within them; 0: it is. */
  readonly absentFor: number
  /** Seconds: a zone that could not be reached is not looked for again within them, twice as long each time; 0: it is. */
  readonly unreachableMin: number
  /** Seconds: no longer than this, however often it could not be reached. */
  readonly unreachableMax: number
}
