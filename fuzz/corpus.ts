/** What is good before it is changed: questions as clients ask them, replies, signed zones, frames, zone files. */
import { encodeNotice, encodeReply, encodeRequest } from '../src/dht/frames.ts'
import { encodeMessage } from '../src/dns/codec.ts'
import { formatType, NO_FLAGS, RecordClass, RecordType, type ResourceRecord } from '../src/dns/message.ts'
import { type Name, nameFromLabels, parseName } from '../src/dns/name.ts'
import { encodeRdata, type Field, fieldsOf, type Kind, knownTypes } from '../src/dns/rdata.ts'
import type { PublicKey } from '../src/zone/key.ts'
import { publicKeyOf } from '../src/zone/signature.ts'
import { type SignedZone, signRevocation, signZone } from '../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../src/zone/soa.ts'
import { formatZoneFile } from '../src/zone/zone-file.ts'
import { DEADLY } from '../test/support/deadly.ts'
import { messageOf } from '../test/support/messages.ts'
import { type OptParts, queryPacket } from '../test/support/queries.ts'
import { octets, wireName } from '../test/support/wire.ts'

/** The key of all zones here; a change can be signed with it again. */
export const SECRET = new Uint8Array(32).fill(0x5a)
export const KEY: PublicKey = publicKeyOf(SECRET)
const SEQUENCE = BigInt(Date.UTC(2026, 10, 23)) * 1000n
const HOST = parseName('www.Example.org.')

/** Values of every kind of field, plain ones first. A kind that is new in the table has to be given some here. */
const SAMPLES: Record<Kind, readonly [Field, ...Field[]]> = {
  u8: [5, 0, 255], // 5: no digest of DS, SSHFP or TLSA whose length is known
  algorithm: [13, 0, 255],
  u16: [10, 0, 0xffff],
  u32: [3600, 0, 0xffff_ffff],
  ipv4: [octets('c0000201')],
  ipv6: [octets('20010db8000000000000000000000001')],
  name: [parseName('mail.Example.org.'), parseName('.'), nameFromLabels(Array(4).fill('x'.repeat(62)))],
  string: [Buffer.from('text'), Buffer.alloc(0), Buffer.alloc(150, '"\\')],
  strings: [[Buffer.from('v=spf1 -all')], [Buffer.alloc(0)], [Buffer.alloc(255, 0xff), Buffer.from('\0;')]],
  tag: [Buffer.from('issue')],
  value: [Buffer.from('ca.example'), Buffer.alloc(0)],
  params: [
    octets('0001 0003 02 6832'), // alpn=h2
    Buffer.alloc(0),
    octets(
      '0000 0004 0001 0004',
      '0001 0006 02 6832 02 6833',
      '0002 0000',
      '0003 0002 01bb',
      '0004 0004 c0000201',
    ),
    octets(
      '0005 0004 deadbeef',
      '0006 0010 20010db8000000000000000000000001',
      '0007 000a 2f646e737b3f646e737d',
      'fffe 0000',
    ),
  ],
  hex: [octets('deadbeef'), Buffer.alloc(32, 1)],
  uri: [Buffer.from('https://example.org/')],
  location: [octets('00 12 16 13 8b3556e0 6c2a1ee0 0098a1e0')], // 1m, 10000m, 10m; altitude 25 m
}

/** One record of `type` for each sample, made from its row in the table. */
function recordsOf(type: number, name: Name): ResourceRecord[] {
  const kinds = fieldsOf(type) ?? []
  const count = Math.max(...kinds.map((kind) => SAMPLES[kind].length))
  return Array.from({ length: count }, (_, at) => {
    const fields = kinds.map((kind) => SAMPLES[kind][at % SAMPLES[kind].length] as Field)
    return { name, type, class: RecordClass.IN, ttl: 300, data: encodeRdata(type, fields) }
  })
}

const types = knownTypes().map(({ type }) => type)
const opaque = { name: HOST, type: 65_280, class: RecordClass.IN, ttl: 60, data: octets('c00c 00') }

function reply(type: number, answers: readonly ResourceRecord[]): Buffer {
  return encodeMessage(
    messageOf({
      id: 0x4b4e,
      flags: { ...NO_FLAGS, response: true, recursionAvailable: true },
      questions: [{ name: HOST, type, class: RecordClass.IN }],
      answers,
      authority: recordsOf(RecordType.SOA, parseName('example.org.')).slice(0, 1),
      additional: [opaque],
      edns: { payloadSize: 1232, version: 0, dnssecOk: true, error: { code: 22, text: 'nobody' } },
    }),
  )
}

/** SRV whose target is a pointer, as no sender should and every reader must (RFC 2782, RFC 3597 4). */
const POINTER_IN_SRV = octets(
  '4b4e 8180 0001 0002 0000 0000',
  ...[wireName('_ldap._tcp.example.org.'), '0021 0001'],
  'c00c 0021 0001 0000003c 0008 0000 0000 0185 c017',
  'c017 0005 0001 0000003c 0002 c00c',
)

/** The name that the zone of the node at the ports has an address for. */
export const WHO = `www.${KEY.label}.kad.alt`
const OPTS: readonly (OptParts | undefined)[] = [
  undefined,
  { payload: 512 },
  { payload: 4096, flags: 0x8000 },
  { options: '000a 0008 0123456789abcdef' }, // COOKIE, RFC 7873
  { options: '000a 0018 0123456789abcdef 0123456789abcdef0123456789abcdef' },
  { options: '0008 0007 0001 18 00 c00002' }, // ECS, RFC 7871
  { options: '0008 000b 0002 38 00 20010db8000000' },
  { options: `000c 0080 ${'00'.repeat(128)}` }, // padding, RFC 7830
  { options: '0003 0000 000a 0008 fedcba9876543210 000b 0000 000f 0002 0016' }, // NSID, keepalive, EDE
  { version: 1 },
]

/** As captured from dig 9.18, glibc, systemd-resolved, Windows and Unbound; ids, cookie and names made up. */
const CAPTURED = [
  '1c2d 0120 0001 0000 0000 0001 076578616d706c65 036f7267 00 0001 0001 00 0029 04d0 0000 0000 000c 000a 0008 8e1f00c3a1b2c3d4',
  'a4f3 0100 0001 0000 0000 0000 03777777 076578616d706c65 036f7267 00 001c 0001',
  '7d01 0100 0001 0000 0000 0001 076578616d706c65 036f7267 00 0041 0001 00 0029 0200 0000 8000 0000',
  '0003 0100 0001 0000 0000 0000 05 5f6c646170 04 5f746370 02 6463 06 5f6d73646373 07 6578616d706c65 03 6f7267 00 0021 0001',
  '90be 0110 0001 0000 0000 0001 07 4578416d506c45 03 4f5267 00 0030 0001 00 0029 04d0 0000 8000 0000',
].map((hex) => octets(hex))

export const QUESTIONS: readonly Buffer[] = [
  ...CAPTURED,
  ...OPTS.flatMap((edns) =>
    [`${WHO} A`, 'WwW.eXample.Org HTTPS', '_x._tcp.localhost SRV', `x.alt ANY`].map((question) =>
      queryPacket(question, edns ? { edns } : {}),
    ),
  ),
  ...[...new Set([...types, ...Object.values(RecordType)])].map((type) =>
    queryPacket(`${WHO} ${formatType(type)}`),
  ),
]

export const MESSAGES: readonly Buffer[] = [
  ...QUESTIONS,
  ...types.map((type) => reply(type, recordsOf(type, HOST))),
  reply(
    RecordType.ANY,
    types.flatMap((type) => recordsOf(type, HOST)),
  ),
  reply(RecordType.A, recordsOf(RecordType.CNAME, HOST)),
  POINTER_IN_SRV,
]

/** Those and the packets of death, which are large: where an input is to be changed only now and then. */
export const ALL_MESSAGES: readonly Buffer[] = [...MESSAGES, ...DEADLY.map(({ packet }) => packet)]

const zone = (records: readonly ResourceRecord[]) =>
  signZone(SECRET, { sequence: SEQUENCE, soa: DEFAULT_SOA, records })

const X = nameFromLabels(['x', KEY.label])
const data = types.filter((type) => type !== RecordType.SOA).map((type) => recordsOf(type, X))
const mixed = zone(data.slice(0, 8).map(([first]) => first as ResourceRecord))
const hosts = Array.from({ length: 40 }, (_, at) => nameFromLabels([`${at}`, KEY.label]))
const many = zone(hosts.flatMap((host) => recordsOf(RecordType.A, host)))

export const ZONES: readonly SignedZone[] = [
  ...data.flat().map((record) => zone([record])),
  mixed,
  many,
  zone([]),
  signRevocation(SECRET),
]

const BUDGET = { request: 7, hopsLeft: 0, messagesLeft: 0, millisecondsLeft: 800 }
const TIMED = { request: 7, time: Date.UTC(2026, 10, 23) }
const ASKED = { kind: 'get', replica: 0, key: KEY.bytes, ...BUDGET } as const
const { bytes } = mixed
const closer = Array.from({ length: 8 }, (_, at) => ({
  id: octets('0024 0801 1220', Buffer.alloc(32, at)),
  addresses: [octets('047f000001061f90'), Buffer.alloc(at * 12, at)],
}))

const frames = [
  encodeRequest(ASKED),
  encodeRequest({ ...ASKED, replica: 2, have: { sequence: SEQUENCE, digest: Buffer.alloc(16, 1) } }),
  encodeRequest({ kind: 'put', replica: 1, bytes, ...BUDGET }),
  ...(['found', 'same', 'absent'] as const).map((kind) => encodeReply({ kind, bytes, closer, ...TIMED })),
  encodeNotice({ kind: 'changed', key: KEY.bytes, sequence: SEQUENCE }),
  encodeReply({ kind: 'older', sequence: SEQUENCE, closer, ...TIMED }),
  ...(['busy', 'stored'] as const).map((kind) => encodeReply({ kind, ...TIMED })),
  encodeReply({ kind: 'newer', bytes, ...TIMED }),
  encodeReply({ kind: 'refused', refusal: 'clock', ...TIMED }),
].map((frame) => Buffer.from(frame))

/** Streams of one frame, and of all. */
export const FRAMES: readonly Buffer[] = [...frames, Buffer.concat(frames)]

const BY_HAND = `$TTL 1h30m ; a comment
@ IN SOA ns hostmaster ( 1 2 ; in the middle
  3 4 5 )
@ 300 A 192.0.2.1
  TXT "one \\"quoted\\"" two \\; "\\255\\000"
$ORIGIN sub
*.deep\\.er 60 IN HTTPS 1 . alpn="h2,h\\\\,3" port=443 key667="\\001"
www CNAME www.example.org.
raw TYPE65280 \\# 4 0a 00 (
  00 01 )
`

export const ZONE_FILES: readonly Buffer[] = [BY_HAND, ...ZONES.map(formatZoneFile)].map((text) =>
  Buffer.from(text),
)
