/** Networks of as many nodes each that put and get: ours, stock kad-dht, and those of other projects where installed. */

import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { TestOwner } from '../../test/support/test-zone.ts'
import { until } from '../../test/support/until.ts'
import { Nodes, neighbours, publishNew, signal } from './nodes.ts'
import { openBittorrent, openHyperdht } from './peers.ts'

/** Acknowledgements with which a publisher is answered: Kademlia's k. */
const ENOUGH = 20

/** One network. Whoever gets is a node beyond the `count` and holds nothing. */
export interface Contender extends AsyncDisposable {
  readonly name: string
  /** Signs and puts something new, from one of the nodes. */
  put(): Promise<Put>
}

export interface Put {
  /** Gets it back. */
  readonly get: () => Promise<void>
  /** How many took it, where that is told. */
  readonly storedOn: number | undefined
  /** By performance.now(), when twenty nodes had taken it, where that is not the end. */
  readonly enoughAt?: number | undefined
}

/** All that can be measured here; ours first. A peer that is not installed is left out, with a sentence. */
export async function openContenders(count: number, opened: AsyncDisposableStack): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const open of [openOurs, openStock, openHyperdht, openBittorrent]) {
    const contender = await open(count)
    if (contender) contenders.push(opened.use(contender))
  }
  return contenders
}

async function openOurs(count: number): Promise<Contender> {
  const nodes = await Nodes.open(count)
  const asker = await nodes.asker()
  let turn = 0
  const put = async () => {
    let enoughAt: number | undefined
    const { zone, storedOn } = await publishNew(nodes.servers[turn++ % count]!, (acknowledged) => {
      if (acknowledged === ENOUGH) enoughAt = performance.now()
    })
    const get = async () => {
      const { kind } = await asker.find(zone.key, { signal })
      if (kind !== 'found') throw new Error(`A zone just published is ${kind}.`)
    }
    return { get, storedOn, enoughAt }
  }
  return { name: 'kadns', put, [Symbol.asyncDispose]: async () => await nodes[Symbol.asyncDispose]() }
}

type StockNode = Libp2p<{ kad: KadDHT & { readonly routingTable: { readonly size: number } } }>

async function stockNode(clientMode: boolean): Promise<StockNode> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1000 },
    services: {
      identify: identify(),
      ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }),
      kad: kadDHT({
        protocol: '/bench/kad/1.0.0',
        clientMode,
        peerInfoMapper: passthroughMapper,
        initialQuerySelfInterval: 50,
        validators: { zone: () => undefined },
        selectors: { zone: () => 0 },
      }),
    },
  })
  return node as unknown as StockNode
}

/** As its README has it, but for room for so many neighbours on one address; it checks no signature. */
async function openStock(count: number): Promise<Contender> {
  const nodes: StockNode[] = []
  for (let at = 0; at <= count; at++) {
    const node = await stockNode(at === count)
    for (const known of nodes) await node.dial(known.getMultiaddrs())
    nodes.push(node)
  }
  await until(
    () => nodes.every((node) => node.services.kad.routingTable.size >= neighbours(count - 1)),
    60_000,
  )
  const asker = nodes[count]!.services.kad
  let turn = 0
  const put = async () => {
    const owner = new TestOwner()
    const { bytes } = owner.sign('hello')
    const key = Buffer.concat([Buffer.from('/zone/'), owner.key.bytes])
    let storedOn = 0
    for await (const event of nodes[turn++ % count]!.services.kad.put(key, bytes))
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') storedOn++
    return { get: async () => await stockGet(asker, key), storedOn }
  }
  const dispose = async () => {
    await Promise.all(nodes.map(async (node) => await node.stop()))
  }
  return { name: 'stock kad-dht', put, [Symbol.asyncDispose]: dispose }
}

async function stockGet(kad: KadDHT, key: Uint8Array): Promise<void> {
  for await (const event of kad.get(key)) if (event.name === 'VALUE') return
  throw new Error('Stock kad-dht did not find what was put.')
}
