/** The little of protobuf that kad-dht and identify need, written by hand: libraries would not say what attackers say. */
import { Libp2pRecord } from '@libp2p/record'
import { encodeRecordKey, type Replica } from '../../src/dht/record-key.ts'

export const KAD = '/kadns/kad/1.0.0'
export const IDENTIFY = '/ipfs/id/1.0.0'
const PUT_VALUE = 0

export function varint(value: number): Buffer {
  const octets: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 128)
  return Buffer.of(...octets, rest)
}

export function field(number: number, value: Uint8Array | string): Buffer {
  const octets = Buffer.from(value as string)
  return Buffer.concat([varint(number * 8 + 2), varint(octets.length), octets])
}

function enumeration(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)])
}

export function withLength(octets: Uint8Array): Buffer {
  return Buffer.concat([varint(octets.length), octets])
}

/** A PeerInfo of kad-dht. */
export function peerInfo(id: Uint8Array, addresses: readonly Uint8Array[]): Buffer {
  return Buffer.concat([field(1, id), ...addresses.map((address) => field(2, address))])
}

/** @param type as in the request @param closer PeerInfos */
export function kadReply(
  type: number,
  { key, value, closer }: { key: Uint8Array; value?: Uint8Array | undefined; closer: readonly Buffer[] },
): Buffer {
  const record = value ? [field(3, new Libp2pRecord(key, value, new Date()).serialize())] : []
  const peers = closer.map((peer) => field(8, peer))
  return withLength(Buffer.concat([enumeration(1, type), field(2, key), ...record, ...peers]))
}

/** A put of a zone, or of what only begins like one. */
export function kadPut(zone: Uint8Array, replica: Replica = 0): Buffer {
  const key = encodeRecordKey({ bytes: zone.subarray(0, 32) }, replica)
  const record = new Libp2pRecord(key, zone, new Date()).serialize()
  return withLength(Buffer.concat([enumeration(1, PUT_VALUE), field(2, key), field(3, record)]))
}

/** Type and key of a request; kad-dht sends them first. */
export function readKadRequest(octets: Uint8Array): { type: number; key: Uint8Array } | undefined {
  const request = { type: 0, key: new Uint8Array() }
  const all = Buffer.from(octets)
  let at = 0
  const next = () => {
    let value = 0
    for (let shift = 1; at < all.length; shift *= 128) {
      const octet = all[at++] ?? 0
      value += (octet & 127) * shift
      if (octet < 128) break
    }
    return value
  }
  const end = next() + at
  if (end > all.length) return undefined
  while (at < end) {
    const tag = next()
    const value = next()
    if (tag === 8) request.type = value
    if (tag === 18) request.key = all.subarray(at, at + value)
    if (tag % 8 === 2) at += value
  }
  return request
}
