/** Puts zones nobody knew on one node, so many a second, until it is stopped; prints every second how many were taken. */
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../src/clock.ts'
import { contactOf } from '../../src/dht/contacts.ts'
import { PeerStreams } from '../../src/dht/peer-streams.ts'
import { TEST_DHT_CONFIG } from '../../test/support/dht.ts'
import { TestOwner } from '../../test/support/test-zone.ts'

const [address = '', perSecond = '50'] = process.argv.slice(2)
const { signal } = new AbortController()
const SPENDS = { hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 800 }

const node = await createLibp2p({
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
})
const { remotePeer } = await node.dial(multiaddr(address))
const streams = new PeerStreams({
  node,
  clock: systemClock,
  config: TEST_DHT_CONFIG,
  changed: async () => true,
  reached: () => undefined,
  timed: () => undefined,
})

let stored = 0

async function put(): Promise<void> {
  const request = { kind: 'put', replica: 0, bytes: new TestOwner().sign('poured').bytes, ...SPENDS } as const
  const reply = await streams.request(contactOf(remotePeer), request, signal)
  if (reply.kind === 'stored') stored++
}

setInterval(() => void put().catch(() => undefined), 1000 / Number(perSecond))
setInterval(() => process.stdout.write(`${stored}\n`), 1000)
