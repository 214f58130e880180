/** The frames of `/kadns/zone/1`: u16 length, u8 kind, u32 request id, body. Pure: octets to values and back. */
import { KEY_OCTETS } from '../zone/key.ts'
import { MAX_ZONE_OCTETS } from '../zone/signed-zone.ts'
import { DhtFault } from './fault.ts'
import { OctetReader } from './octet-reader.ts'
import type { Replica } from './record-key.ts'

export const ZONE_PROTOCOL = '/kadns/zone/1'
/** Octets of a frame behind its length. */
export const MAX_FRAME_OCTETS = 8192
export const MAX_CLOSER = 8
export const MAX_CONTACT_ADDRESSES = 8
/** With this bound the largest reply fits a frame. */
export const MAX_ADDRESS_OCTETS = 100
/** A multihash of up to 64 octets with its two of head. */
const MAX_PEER_ID_OCTETS = 66
const DIGEST_OCTETS = 16

const Kind = {
  get: 0x01,
  put: 0x02,
  found: 0x81,
  same: 0x82,
  older: 0x83,
  absent: 0x84,
  busy: 0x85,
  relayed: 0x86,
  stored: 0x91,
  newer: 0x92,
  refused: 0x93,
  changed: 0xa1,
} as const

/** `older`: a newer one was seen, but is held no more. */
const REFUSALS = { 1: 'invalid', 2: 'full', 3: 'clock', 4: 'expired', 5: 'older' } as const
export type Refusal = (typeof REFUSALS)[keyof typeof REFUSALS]

/** A peer by what the wire says of it. */
export interface Contact {
  /** Its peer id as a multihash. */
  readonly id: Uint8Array
  /** Multiaddrs in binary form. */
  readonly addresses: readonly Uint8Array[]
}

/** What a request may spend: how often a get is passed on to somebody nearer, and how many requests that may make in all. */
export interface Budget {
  readonly hopsLeft: number
  readonly messagesLeft: number
  readonly millisecondsLeft: number
}

export interface GetRequest extends Budget {
  readonly kind: 'get'
  readonly replica: Replica
  readonly key: Uint8Array
  /** The copy the asker could serve. */
  readonly have?: { readonly sequence: bigint; readonly digest: Uint8Array } | undefined
}

export interface PutRequest extends Budget {
  readonly kind: 'put'
  readonly replica: Replica
  readonly bytes: Uint8Array
}

export type Request = GetRequest | PutRequest

export type GetReply =
  | { readonly kind: 'found'; readonly bytes: Uint8Array; readonly closer: readonly Contact[] }
  /** The replier holds the copy the asker has. */
  | { readonly kind: 'same'; readonly closer: readonly Contact[] }
  /** The replier's copy is the older one; `sequence` is its. */
  | { readonly kind: 'older'; readonly sequence: bigint; readonly closer: readonly Contact[] }
  | { readonly kind: 'absent'; readonly closer: readonly Contact[] }
  | { readonly kind: 'busy' }
  /** The replier holds none; somebody nearer that it has asked does. */
  | { readonly kind: 'relayed'; readonly bytes: Uint8Array; readonly closer: readonly Contact[] }

export type PutReply =
  | { readonly kind: 'stored' }
  | { readonly kind: 'newer'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'busy' }

export type Reply = GetReply | PutReply

/** Said without being asked, to who asked for the zone lately: there is a newer one. */
export interface Notice {
  readonly kind: 'changed'
  readonly key: Uint8Array
  readonly sequence: bigint
}

/** A request or reply with the id that binds them; `time` is the replier's clock, milliseconds since the epoch. */
export type Numbered<Body> = Body & { readonly request: number }
export type TimedReply = Numbered<Reply> & { readonly time: number }

export function encodeRequest(request: Numbered<Request>): Uint8Array {
  const head = Buffer.of(request.replica, request.hopsLeft, request.messagesLeft)
  const budget = [head, u16(Math.max(0, Math.min(0xffff, Math.trunc(request.millisecondsLeft))))]
  if (request.kind === 'put') return frame(Kind.put, request.request, [...budget, request.bytes])
  const { have } = request
  const copy = have ? [Buffer.of(1), u64(have.sequence), have.digest] : [Buffer.of(0)]
  return frame(Kind.get, request.request, [...budget, request.key, ...copy])
}

/** @param octets a frame without its length; @throws DhtFault `frame` */
export function decodeRequest(octets: Uint8Array): Numbered<Request> {
  const reader = new OctetReader(octets)
  const kind = reader.u8()
  const head = { request: reader.u32(), replica: replicaOf(reader.u8()), ...decodeBudget(reader) }
  if (kind === Kind.put) return { ...head, kind: 'put', bytes: zoneOf(reader.rest()) }
  if (kind !== Kind.get) throw new DhtFault('frame', `There is no request of kind ${kind}.`)
  const key = reader.take(KEY_OCTETS)
  const have = flag(reader.u8()) ? { sequence: reader.u64(), digest: reader.take(DIGEST_OCTETS) } : undefined
  reader.end()
  return { ...head, kind: 'get', key, have }
}

function decodeBudget(reader: OctetReader): Budget {
  return { hopsLeft: reader.u8(), messagesLeft: reader.u8(), millisecondsLeft: reader.u16() }
}

export function encodeReply(reply: TimedReply): Uint8Array {
  return frame(Kind[reply.kind], reply.request, [u64(BigInt(Math.trunc(reply.time))), ...replyBody(reply)])
}

function replyBody(reply: Reply): Uint8Array[] {
  switch (reply.kind) {
    case 'found':
    case 'relayed':
      return [u16(reply.bytes.length), reply.bytes, ...encodeCloser(reply.closer)]
    case 'older':
      return [u64(reply.sequence), ...encodeCloser(reply.closer)]
    case 'same':
    case 'absent':
      return encodeCloser(reply.closer)
    case 'newer':
      return [reply.bytes]
    case 'refused':
      return [Buffer.of(refusalCode(reply.refusal))]
    case 'busy':
    case 'stored':
      return []
  }
}

export function encodeNotice({ key, sequence }: Notice): Uint8Array {
  return frame(Kind.changed, 0, [key, u64(sequence)])
}

/** What a replier sends: replies, and unasked notices. @param octets a frame without its length; @throws DhtFault `frame` */
export function decodeReplyOrNotice(octets: Uint8Array): TimedReply | Notice {
  return octets[0] === Kind.changed ? decodeNotice(octets) : decodeReply(octets)
}

/** @param octets a frame without its length; @throws DhtFault `frame` */
export function decodeReply(octets: Uint8Array): TimedReply {
  const reader = new OctetReader(octets)
  const kind = reader.u8()
  const head = { request: reader.u32(), time: Number(reader.u64()) }
  const reply = { ...head, ...decodeReplyBody(kind, reader) }
  reader.end()
  return reply
}

function decodeNotice(octets: Uint8Array): Notice {
  const reader = new OctetReader(octets.subarray(1))
  reader.u32() // the id of no request
  const notice = { kind: 'changed', key: reader.take(KEY_OCTETS), sequence: reader.u64() } as const
  reader.end()
  return notice
}

function decodeReplyBody(kind: number, reader: OctetReader): Reply {
  switch (kind) {
    case Kind.found:
    case Kind.relayed:
      return {
        kind: kind === Kind.found ? 'found' : 'relayed',
        bytes: zoneOf(reader.take(reader.u16())),
        closer: decodeCloser(reader),
      }
    case Kind.same:
      return { kind: 'same', closer: decodeCloser(reader) }
    case Kind.older:
      return { kind: 'older', sequence: reader.u64(), closer: decodeCloser(reader) }
    case Kind.absent:
      return { kind: 'absent', closer: decodeCloser(reader) }
    case Kind.busy:
      return { kind: 'busy' }
    case Kind.stored:
      return { kind: 'stored' }
    case Kind.newer:
      return { kind: 'newer', bytes: zoneOf(reader.rest()) }
    case Kind.refused:
      return { kind: 'refused', refusal: refusalOf(reader.u8()) }
    default:
      throw new DhtFault('frame', `There is no reply of kind ${kind}.`)
  }
}

/** Leaves out the addresses, and then the peers, that are over the bounds. */
function encodeCloser(contacts: readonly Contact[]): Uint8Array[] {
  const sent = contacts.slice(0, MAX_CLOSER)
  return [Buffer.of(sent.length), ...sent.flatMap(encodeContact)]
}

function encodeContact({ id, addresses }: Contact): Uint8Array[] {
  const fitting = addresses
    .filter((address) => address.length <= MAX_ADDRESS_OCTETS)
    .slice(0, MAX_CONTACT_ADDRESSES)
  const encoded = fitting.flatMap((address) => [Buffer.of(address.length), address])
  return [Buffer.of(id.length), id, Buffer.of(fitting.length), ...encoded]
}

function decodeCloser(reader: OctetReader): Contact[] {
  return Array.from({ length: atMost(reader.u8(), MAX_CLOSER) }, () => ({
    id: reader.take(atMost(reader.u8(), MAX_PEER_ID_OCTETS)),
    addresses: Array.from({ length: atMost(reader.u8(), MAX_CONTACT_ADDRESSES) }, () =>
      reader.take(atMost(reader.u8(), MAX_ADDRESS_OCTETS)),
    ),
  }))
}

function atMost(count: number, limit: number): number {
  if (count > limit) throw new DhtFault('frame', `A frame says ${count} where ${limit} is the most.`)
  return count
}

function zoneOf(octets: Uint8Array): Uint8Array {
  atMost(octets.length, MAX_ZONE_OCTETS)
  return octets
}

function replicaOf(octet: number): Replica {
  return atMost(octet, 2) as Replica
}

function flag(octet: number): boolean {
  return atMost(octet, 1) === 1
}

function refusalOf(code: number): Refusal {
  // A later version may know more reasons; to this one they all say no.
  return REFUSALS[code as keyof typeof REFUSALS] ?? 'invalid'
}

function refusalCode(refusal: Refusal): number {
  return Number(Object.entries(REFUSALS).find(([, name]) => name === refusal)?.[0])
}

function frame(kind: number, request: number, body: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(7)
  const length = body.reduce((sum, part) => sum + part.length, head.length - 2)
  head.writeUInt16BE(length)
  head[2] = kind
  head.writeUInt32BE(request, 3)
  return Buffer.concat([head, ...body])
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

function u64(value: bigint): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(value)
  return octets
}
