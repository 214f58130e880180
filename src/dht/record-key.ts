/** Under which key a zone lives in the DHT, and where in Kademlia's space that is. */
import { hash } from 'node:crypto'
import { KEY_OCTETS, type PublicKey, publicKeyFromBytes } from '../zone/key.ts'
import { DhtFault } from './fault.ts'

/** Which of a zone's three neighbourhoods. */
export type Replica = 0 | 1 | 2

const PREFIX = Buffer.from('/zone/', 'latin1')
const KEY_END = PREFIX.length + KEY_OCTETS

export interface RecordKey {
  readonly key: PublicKey
  readonly replica: Replica
}

/** Protocol 5: `/zone/` and the 32 octets of the key; for the further replicas one octet more, 1 or 2. */
export function encodeRecordKey(key: Pick<PublicKey, 'bytes'>, replica: Replica): Uint8Array {
  return Buffer.concat([PREFIX, key.bytes, replica === 0 ? Buffer.alloc(0) : Buffer.of(replica)])
}

/** @throws DhtFault `frame`, ZoneFault `key` */
export function decodeRecordKey(octets: Uint8Array): RecordKey {
  const replica = octets.length === KEY_END ? 0 : octets[KEY_END]
  const known =
    octets.length === KEY_END || (octets.length === KEY_END + 1 && (replica === 1 || replica === 2))
  if (!known || !PREFIX.equals(octets.subarray(0, PREFIX.length))) {
    throw new DhtFault('frame', 'This is not the record key of a zone.')
  }
  return { key: publicKeyFromBytes(octets.subarray(PREFIX.length, KEY_END)), replica: replica as Replica }
}

/** The point in Kademlia's space (32 octets) of a record key, or of a peer id given as its multihash. */
export function kademliaId(octets: Uint8Array): Uint8Array {
  return hash('sha256', octets, 'buffer')
}

/** XOR distance of two points; compared octet by octet, the smaller is closer. */
export function distance(a: Uint8Array, b: Uint8Array): Buffer {
  const away = Buffer.allocUnsafe(a.length) // its octets one by one: half a lookup is this
  for (let at = 0; at < a.length; at++) away[at] = a[at]! ^ b[at]!
  return away
}

/** The first 16 octets of SHA-256: enough to tell two zones of one sequence apart. */
export function digestOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer').subarray(0, 16)
}
