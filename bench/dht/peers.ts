/** hyperdht and bittorrent-dht, which are installed apart; by hand, what of them is used here. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Contender } from './contenders.ts'
import { progress } from './nodes.ts'

interface HyperKeys {
  readonly publicKey: Uint8Array
}

interface HyperNode {
  mutablePut(
    keys: HyperKeys,
    value: Uint8Array,
    options: { seq: number },
  ): Promise<{ closestNodes: readonly unknown[] }>
  mutableGet(key: Uint8Array, options: { latest: boolean }): Promise<unknown>
  fullyBootstrapped(): Promise<void>
}

interface HyperNet {
  readonly nodes: HyperNode[]
  createNode(): HyperNode
  destroy(): Promise<void>
}

interface Hyper {
  keyPair(): HyperKeys
}

interface BittorrentItem {
  readonly k: Uint8Array
  readonly seq: number
  readonly v: Uint8Array
  sign(octets: Uint8Array): Uint8Array
}

interface BittorrentNode extends NodeJS.EventEmitter {
  listen(port: number, host: string, done: () => void): void
  address(): { port: number }
  put(item: BittorrentItem, done: (fault: Error | null, hash: Uint8Array, stored: number) => void): void
  get(hash: Uint8Array, options: { cache: boolean }, done: (fault: Error | null, item: unknown) => void): void
  destroy(done: () => void): void
}

type Bittorrent = new (options: object) => BittorrentNode

const PLACE = join(import.meta.dirname, '../peers/node_modules')
/** What an item of ours with one record weighs, about. */
const VALUE = new Uint8Array(200).fill(7)
/** SubjectPublicKeyInfo of ed25519, before the 32 octets (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** @param file under node_modules of the peers */
async function load<Library>(file: string): Promise<Library | undefined> {
  const path = join(PLACE, file)
  if (existsSync(path)) return ((await import(pathToFileURL(path).href)) as { default: Library }).default
  progress(
    `${file.split('/')[0]} is left out: it is not installed (npm ci --ignore-scripts --prefix bench/peers).`,
  )
  return undefined
}

export async function openHyperdht(count: number): Promise<Contender | undefined> {
  const hyper = await load<Hyper>('hyperdht/index.js')
  const open = hyper && (await load<(size: number) => Promise<HyperNet>>('hyperdht/testnet.js'))
  if (!hyper || !open) return undefined
  const net = await open(count)
  const asker = net.createNode()
  await asker.fullyBootstrapped()
  let turn = 0
  const put = async () => {
    const keys = hyper.keyPair()
    const { closestNodes } = await net.nodes[turn++ % count]!.mutablePut(keys, VALUE, { seq: 1 })
    const get = async () => {
      if (!(await asker.mutableGet(keys.publicKey, { latest: false })))
        throw new Error('hyperdht found nothing.')
    }
    return { get, storedOn: closestNodes.length }
  }
  return { name: 'hyperdht', put, [Symbol.asyncDispose]: async () => await net.destroy() }
}

export async function openBittorrent(count: number): Promise<Contender | undefined> {
  const Dht = await load<Bittorrent>('bittorrent-dht/index.js')
  if (!Dht) return undefined
  const nodes: BittorrentNode[] = []
  for (let at = 0; at <= count; at++) {
    const bootstrap = nodes.slice(0, 1).map((node) => `127.0.0.1:${node.address().port}`)
    const node = new Dht({ bootstrap: at > 0 && bootstrap, verify: verified })
    const ready = once(node, 'ready')
    await new Promise<void>((done) => node.listen(0, '127.0.0.1', done))
    await ready
    nodes.push(node)
  }
  let turn = 0
  const put = async () => {
    const { hash, storedOn } = await bittorrentPut(nodes[turn++ % count]!)
    return { get: async () => await bittorrentGet(nodes[count]!, hash), storedOn }
  }
  const dispose = async () => {
    for (const node of nodes) await new Promise<void>((done) => node.destroy(done))
  }
  return { name: 'bittorrent-dht', put, [Symbol.asyncDispose]: dispose }
}

async function bittorrentPut(node: BittorrentNode): Promise<{ hash: Uint8Array; storedOn: number }> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const k = publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
  const item = { k, seq: 1, v: VALUE, sign: (octets: Uint8Array) => sign(null, octets, privateKey) }
  return await new Promise((resolve, reject) => {
    node.put(item, (fault, hash, storedOn) => (fault ? reject(fault) : resolve({ hash, storedOn })))
  })
}

/** It has no clients, so the asker may have been given the item too: not from its own memory. */
async function bittorrentGet(node: BittorrentNode, hash: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    node.get(hash, { cache: false }, (fault, item) =>
      item ? resolve() : reject(fault ?? new Error('bittorrent-dht found nothing.')),
    )
  })
}

function verified(signature: Uint8Array, octets: Uint8Array, key: Uint8Array): boolean {
  const publicKey: KeyObject = createPublicKey({
    key: Buffer.concat([SPKI, key]),
    format: 'der',
    type: 'spki',
  })
  return verify(null, octets, publicKey, signature)
}
