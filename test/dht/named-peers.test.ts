/** A peer names thousands of others, by every way there is; what is remembered of them is bounded, in memory and on disk. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../src/clock.ts'
import { openDirectory } from '../../src/dht/directory.ts'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import { type Contact, decodeRequest, encodeReply, MAX_CLOSER, ZONE_PROTOCOL } from '../../src/dht/frames.ts'
import { field, IDENTIFY, KAD, kadReply, peerInfo, readKadRequest, withLength } from '../attack/protobuf.ts'
import { silentLogger, TEST_DHT_CONFIG, temporaryDirectory } from '../support/dht.ts'
import { TestOwner } from '../support/test-zone.ts'
import { until } from '../support/until.ts'

const { signal } = new AbortController()
const NAMED = 3000
const MAX_PEERS = 200
/** Of one peer on disk: as in peer-shelf.ts. */
const MAX_PEER_OCTETS = 4096
/** What fits into the 8 KiB of a message, with an address each. */
const PEERS_A_REPLY = 100
/** Said to be its own: what peer-shelf.ts still takes, so that it comes into the routing table. */
const OWN_ADDRESSES = 100
/** Nobody listens there: whoever is named cannot be reached, and that is known at once. */
const CLOSED = multiaddr('/ip4/127.0.0.1/tcp/1').bytes
const GET_VALUE = 1
const PING = 5
const PEER_ID_HEAD = Buffer.from('002408011220', 'hex')

const newId = () => Buffer.concat([PEER_ID_HEAD, randomBytes(32)])
const addresses = (count: number) =>
  Array.from({ length: count }, (_, at) => multiaddr(`/ip4/127.0.0.1/tcp/${10_000 + at}`).bytes)

type Way = 'FIND_NODE' | 'GET_VALUE' | 'identify' | 'ours'

/** A peer that speaks everything, by hand, and names others and addresses of its own in all it says. */
class NamingPeer implements AsyncDisposable {
  readonly named: Record<Way, number> = { FIND_NODE: 0, GET_VALUE: 0, identify: 0, ours: 0 }
  readonly #node: Libp2p
  #publicKey: Uint8Array = new Uint8Array()

  private constructor(node: Libp2p) {
    this.#node = node
  }

  /** @param ours whether it speaks our protocol too; else it is asked by kad-dht's GET_VALUE */
  static async open({ ours }: { ours: boolean }): Promise<NamingPeer> {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }) },
    })
    const peer = new NamingPeer(node)
    if (node.peerId.publicKey) peer.#publicKey = publicKeyToProtobuf(node.peerId.publicKey)
    await node.handle(IDENTIFY, (stream) => peer.#introduce(stream))
    await node.handle(KAD, (stream) => peer.#answerKad(stream), { maxInboundStreams: 1000 })
    if (ours) await node.handle(ZONE_PROTOCOL, (stream) => peer.#answerOurs(stream))
    return peer
  }

  async meet(address: string): Promise<void> {
    await this.#node.dial(multiaddr(address))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.stop()
  }

  #introduce(stream: Stream): void {
    const own = this.#node.getMultiaddrs().map((address) => address.decapsulateCode(421).bytes)
    const listening = [...own, ...addresses(OWN_ADDRESSES)]
    this.named.identify += listening.length
    const parts = [
      field(1, this.#publicKey),
      ...listening.map((address) => field(2, address)),
      ...this.#node.getProtocols().map((name) => field(3, name)),
    ]
    stream.send(withLength(Buffer.concat(parts)))
    stream.close().catch(() => undefined)
  }

  #answerKad(stream: Stream): void {
    stream.addEventListener('message', ({ data }) => {
      const request = readKadRequest(data.subarray())
      if (!request) return
      const { type, key } = request
      const count = type === PING ? 0 : PEERS_A_REPLY
      this.named[type === GET_VALUE ? 'GET_VALUE' : 'FIND_NODE'] += count
      const closer = Array.from({ length: count }, () => peerInfo(newId(), [CLOSED]))
      stream.send(kadReply(type, { key, closer }))
    })
    stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined))
  }

  #answerOurs(stream: Stream): void {
    const splitter = new FrameSplitter()
    stream.addEventListener('message', ({ data }) => {
      for (const frame of splitter.push(data.subarray())) {
        const { request } = decodeRequest(frame)
        const closer: Contact[] = Array.from({ length: MAX_CLOSER }, () => ({
          id: newId(),
          addresses: [CLOSED],
        }))
        this.named.ours += MAX_CLOSER
        stream.send(encodeReply({ request, time: Date.now(), kind: 'absent', closer }))
      }
    })
  }
}

/** How many peers a node that has been closed has on disk, and the octets of each. */
async function peersOnDisk(path: string): Promise<number[]> {
  const datastore = new LevelDatastore(path)
  await datastore.open()
  const sizes: number[] = []
  for await (const { value } of datastore.query({ prefix: '/peers/' })) sizes.push(value.length)
  await datastore.close()
  return sizes
}

for (const ours of [true, false]) {
  const protocol = ours ? 'our protocol' : 'GET_VALUE'
  test(`of ${NAMED} peers named in FIND_NODE, identify and ${protocol} no more than the limit are remembered`, async () => {
    await using directory = await temporaryDirectory()
    await using hostile = await NamingPeer.open({ ours })
    const config = { ...TEST_DHT_CONFIG, network: '', maxPeers: MAX_PEERS }
    const { path } = directory
    {
      await using node = await openDirectory({ config, path, clock: systemClock, logger: silentLogger })
      await hostile.meet(node.addresses()[0]!)
      await until(() => node.peerCount() > 0)
      await until(async () => {
        await node.find(new TestOwner().key, { signal })
        const { FIND_NODE, GET_VALUE, identify, ours } = hostile.named
        return (
          FIND_NODE > 0 && identify > 0 && (ours > 0 || GET_VALUE >= NAMED) && sum(hostile.named) >= NAMED
        )
      }, 60_000)
      assert.ok(node.peerCount() > 0, 'it is still there to name more')
    }
    const sizes = await peersOnDisk(path)
    assert.ok(sizes.length > MAX_PEERS / 2 && sizes.length <= MAX_PEERS, `${sizes.length} peers`)
    assert.ok(Math.max(...sizes) <= MAX_PEER_OCTETS, `${Math.max(...sizes)} octets`)
  })
}

function sum(counts: Readonly<Record<Way, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0)
}
