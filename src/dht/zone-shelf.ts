/** Zones and floors as they lie on disk: `/zones/<label>` and `/floors/<label>` in a datastore. No rules, only octets. */
import { type Datastore, Key } from 'interface-datastore'
import { boundedCache } from '../cache.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { DhtFault } from './fault.ts'
import { digestOf } from './record-key.ts'

/** What is known of a stored zone without verifying it. */
export interface ShelfMark {
  /** Whether this node signs it. */
  readonly own: boolean
  /** Milliseconds since the Unix epoch; Infinity for a revocation. */
  readonly expires: number
  /** Whether it has no signed expiry: then this one counts from when it was put. */
  readonly bare?: boolean | undefined
  /** The IP group that first brought a zone of others; undefined when this node asked for it itself. */
  readonly group?: string | undefined
}

/** The highest sequence ever seen of a key, and 16 octets of SHA-256 of that zone. */
export interface Floor {
  readonly sequence: bigint
  readonly digest: Uint8Array
  /** Whether that zone had no signed expiry. */
  readonly bare: boolean
}

const ZONES = '/zones/'
const FLOORS = '/floors/'
/** u8 own, u64 milliseconds of expiry (0: never); if GROUPED is set in the first, u8 length and the IP group; the zone's bytes. */
const HEAD_OCTETS = 9
const OWN = 1
const GROUPED = 2
const BARE = 4
/** Floors of which the sequence is in memory too. */
const MAX_SEQUENCES = 1000
/** u64 sequence, 16 octets of digest; one more of a zone without a signed expiry. */
const FLOOR_OCTETS = 24
const BARE_FLOOR_OCTETS = 25

export class ZoneShelf {
  readonly #datastore: Datastore
  /** Those of the floors read or written last: each is asked for again within the moment. */
  readonly #sequences = boundedCache<bigint>(MAX_SEQUENCES)

  constructor(datastore: Datastore) {
    this.#datastore = datastore
  }

  /** The zone's bytes, not verified. @throws DhtFault `storage` when the entry is damaged */
  async readZone(label: string): Promise<Uint8Array | undefined> {
    const octets = await this.#read(new Key(ZONES + label))
    if (!octets) return undefined
    return octets.subarray(decodeMark(octets).octets)
  }

  /** A damaged one is as good as none: the next zone that is kept writes it anew. */
  async readFloor(label: string): Promise<Floor | undefined> {
    const octets = await this.#read(new Key(FLOORS + label))
    return octets && isFloor(octets) ? decodeFloor(octets) : undefined
  }

  /** That of the floor: the highest that this node has from others, or others from it. */
  async sequenceOf(label: string): Promise<bigint> {
    const known = this.#sequences.get(label)
    if (known !== undefined) return known
    const sequence = (await this.readFloor(label))?.sequence ?? 0n
    // What was written meanwhile is newer than what was read.
    return this.#sequences.get(label) ?? this.#remember(label, sequence)
  }

  /** Both or neither are on disk afterwards. */
  async write(zone: SignedZone, mark: ShelfMark): Promise<void> {
    const batch = this.#datastore.batch()
    batch.put(zoneKey(zone), encodeZone(zone, mark))
    batch.put(new Key(FLOORS + zone.key.label), encodeFloor(zone))
    await batch.commit()
    this.#remember(zone.key.label, zone.sequence)
  }

  /** The zone alone; its floor stays as it is. */
  async writeZone(zone: SignedZone, mark: ShelfMark): Promise<void> {
    await this.#datastore.put(zoneKey(zone), encodeZone(zone, mark))
  }

  async writeFloor(zone: SignedZone): Promise<void> {
    await this.#datastore.put(new Key(FLOORS + zone.key.label), encodeFloor(zone))
    this.#remember(zone.key.label, zone.sequence)
  }

  async removeZone(label: string): Promise<void> {
    await this.#datastore.delete(new Key(ZONES + label))
  }

  async removeFloor(label: string): Promise<void> {
    await this.#datastore.delete(new Key(FLOORS + label))
    this.#sequences.delete(label)
  }

  /** Every stored zone; `mark` is undefined for a damaged one. */
  async *marks(): AsyncGenerator<{ label: string; mark: ShelfMark | undefined }> {
    for await (const { key, value } of this.#datastore.query({ prefix: ZONES })) {
      yield { label: key.name(), mark: readMark(value) }
    }
  }

  /** Every floor that can be read. */
  async *floors(): AsyncGenerator<{ label: string; floor: Floor }> {
    for await (const { key, value } of this.#datastore.query({ prefix: FLOORS })) {
      if (isFloor(value)) yield { label: key.name(), floor: decodeFloor(value) }
    }
  }

  #remember(label: string, sequence: bigint): bigint {
    this.#sequences.set(label, sequence)
    return sequence
  }

  async #read(key: Key): Promise<Buffer | undefined> {
    try {
      const value = await this.#datastore.get(key)
      return Buffer.from(value.buffer, value.byteOffset, value.length)
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'NotFoundError') return undefined
      throw cause
    }
  }
}

function zoneKey({ key }: SignedZone): Key {
  return new Key(ZONES + key.label)
}

function encodeZone({ bytes }: SignedZone, mark: ShelfMark): Buffer {
  return Buffer.concat([encodeMark(mark), bytes])
}

function encodeMark({ own, expires, bare, group }: ShelfMark): Buffer {
  const head = Buffer.alloc(HEAD_OCTETS)
  head[0] = (own ? OWN : 0) | (group === undefined ? 0 : GROUPED) | (bare ? BARE : 0)
  head.writeBigUInt64BE(Number.isFinite(expires) ? BigInt(Math.trunc(expires)) : 0n, 1)
  if (group === undefined) return head
  const text = Buffer.from(group)
  return Buffer.concat([head, Buffer.of(text.length), text])
}

/** With how many octets it takes. @throws DhtFault `storage` when there is no zone behind it */
function decodeMark(value: Uint8Array): { mark: ShelfMark; octets: number } {
  const octets = Buffer.from(value.buffer, value.byteOffset, value.length)
  const [flags = 0] = octets
  const end = HEAD_OCTETS + (flags & GROUPED ? 1 + (octets[HEAD_OCTETS] ?? 0) : 0)
  if (octets.length <= end) throw new DhtFault('storage', 'A stored zone is cut short.')
  const expires = Number(octets.readBigUInt64BE(1))
  const group = flags & GROUPED ? octets.toString('utf8', HEAD_OCTETS + 1, end) : undefined
  return {
    mark: {
      own: (flags & OWN) !== 0,
      expires: expires === 0 ? Infinity : expires,
      bare: (flags & BARE) !== 0,
      group,
    },
    octets: end,
  }
}

function readMark(value: Uint8Array): ShelfMark | undefined {
  try {
    return decodeMark(value).mark
  } catch {
    return undefined
  }
}

function encodeFloor(zone: SignedZone): Buffer {
  const sequence = Buffer.alloc(8)
  sequence.writeBigUInt64BE(zone.sequence)
  return Buffer.concat([sequence, digestOf(zone.bytes), Buffer.alloc(zone.bare ? 1 : 0)])
}

function isFloor({ length }: Uint8Array): boolean {
  return length === FLOOR_OCTETS || length === BARE_FLOOR_OCTETS
}

function decodeFloor(octets: Uint8Array): Floor {
  return {
    sequence: Buffer.from(octets.subarray(0, 8)).readBigUInt64BE(),
    digest: octets.subarray(8, FLOOR_OCTETS),
    bare: octets.length === BARE_FLOOR_OCTETS,
  }
}
