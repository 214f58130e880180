import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DhtFault } from '../../src/dht/fault.ts'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import {
  decodeReply,
  decodeReplyOrNotice,
  decodeRequest,
  encodeNotice,
  encodeReply,
  encodeRequest,
  MAX_FRAME_OCTETS,
  type Numbered,
  type Request,
  type TimedReply,
} from '../../src/dht/frames.ts'

const KEY = Buffer.from('79'.repeat(32), 'hex')
const DIGEST = Buffer.from('0f'.repeat(16), 'hex')
const ZONE = Buffer.from('2a'.repeat(5), 'hex')
const BUDGET = { hopsLeft: 2, messagesLeft: 6, millisecondsLeft: 1800 }
const CLOSER = [{ id: Buffer.from('0002aabb', 'hex'), addresses: [Buffer.from('047f000001061f90', 'hex')] }]
const CLOSER_HEX = '01 04 0002aabb 01 08 047f000001061f90'
const TIME = 1_795_406_400_000
const TIME_HEX = '000001a2068f8a00'

const requests: [name: string, request: Numbered<Request>, hex: string][] = [
  [
    'get without a copy',
    { kind: 'get', request: 7, replica: 0, ...BUDGET, key: KEY, have: undefined },
    `002b 01 00000007 00 02 06 0708 ${'79'.repeat(32)} 00`,
  ],
  [
    'get with a copy',
    { kind: 'get', request: 7, replica: 1, ...BUDGET, key: KEY, have: { sequence: 258n, digest: DIGEST } },
    `0043 01 00000007 01 02 06 0708 ${'79'.repeat(32)} 01 0000000000000102 ${'0f'.repeat(16)}`,
  ],
  [
    'put',
    { kind: 'put', request: 8, replica: 0, ...BUDGET, bytes: ZONE },
    '000f 02 00000008 00 02 06 0708 2a2a2a2a2a',
  ],
]

const replies: [name: string, reply: TimedReply, hex: string][] = [
  [
    'found',
    { kind: 'found', request: 7, time: TIME, bytes: ZONE, closer: CLOSER },
    `0024 81 00000007 ${TIME_HEX} 0005 2a2a2a2a2a ${CLOSER_HEX}`,
  ],
  [
    'relayed',
    { kind: 'relayed', request: 7, time: TIME, bytes: ZONE, closer: CLOSER },
    `0024 86 00000007 ${TIME_HEX} 0005 2a2a2a2a2a ${CLOSER_HEX}`,
  ],
  [
    'same',
    { kind: 'same', request: 7, time: TIME, closer: CLOSER },
    `001d 82 00000007 ${TIME_HEX} ${CLOSER_HEX}`,
  ],
  [
    'older',
    { kind: 'older', request: 7, time: TIME, sequence: 257n, closer: [] },
    `0016 83 00000007 ${TIME_HEX} 0000000000000101 00`,
  ],
  ['absent', { kind: 'absent', request: 7, time: TIME, closer: [] }, `000e 84 00000007 ${TIME_HEX} 00`],
  ['busy', { kind: 'busy', request: 7, time: TIME }, `000d 85 00000007 ${TIME_HEX}`],
  ['stored', { kind: 'stored', request: 8, time: TIME }, `000d 91 00000008 ${TIME_HEX}`],
  [
    'newer',
    { kind: 'newer', request: 8, time: TIME, bytes: ZONE },
    `0012 92 00000008 ${TIME_HEX} 2a2a2a2a2a`,
  ],
  [
    'refused',
    { kind: 'refused', request: 8, time: TIME, refusal: 'clock' },
    `000e 93 00000008 ${TIME_HEX} 03`,
  ],
]

const isFrameFault = (cause: unknown) => cause instanceof DhtFault && cause.reason === 'frame'

describe('frames', () => {
  for (const [name, request, hex] of requests) {
    test(`the vector of a ${name} is encoded and decoded`, () => {
      const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex')
      assert.equal(Buffer.from(encodeRequest(request)).toString('hex'), octets.toString('hex'))
      assert.deepEqual(decodeRequest(octets.subarray(2)), request)
    })
  }

  for (const [name, reply, hex] of replies) {
    test(`the vector of a reply "${name}" is encoded and decoded`, () => {
      const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex')
      assert.equal(Buffer.from(encodeReply(reply)).toString('hex'), octets.toString('hex'))
      assert.deepEqual(decodeReply(octets.subarray(2)), reply)
    })
  }

  test('the vector of a notice is encoded and decoded', () => {
    const notice = { kind: 'changed', key: Buffer.alloc(32, 0x2a), sequence: 257n } as const
    const octets = Buffer.from(
      `002d a1 00000000 ${'2a'.repeat(32)} 0000000000000101`.replaceAll(' ', ''),
      'hex',
    )
    assert.equal(Buffer.from(encodeNotice(notice)).toString('hex'), octets.toString('hex'))
    assert.deepEqual(decodeReplyOrNotice(octets.subarray(2)), notice)
    assert.throws(() => decodeReplyOrNotice(octets.subarray(2, -1)), isFrameFault)
    assert.throws(() => decodeReplyOrNotice(Buffer.concat([octets.subarray(2), octets])), isFrameFault)
  })

  test('whatever is cut short or has octets behind it is a fault', () => {
    for (const [, request] of requests.filter(([, { kind }]) => kind === 'get')) {
      const octets = encodeRequest(request).subarray(2)
      for (let end = 0; end < octets.length; end++)
        assert.throws(() => decodeRequest(octets.subarray(0, end)), isFrameFault)
      assert.throws(() => decodeRequest(Buffer.concat([octets, Buffer.of(0)])), isFrameFault)
    }
    for (const [, reply] of replies.filter(([, { kind }]) => kind !== 'newer')) {
      const octets = encodeReply(reply).subarray(2)
      for (let end = 0; end < octets.length; end++)
        assert.throws(() => decodeReply(octets.subarray(0, end)), isFrameFault)
      assert.throws(() => decodeReply(Buffer.concat([octets, Buffer.of(0)])), isFrameFault)
    }
  })

  test('octets from anywhere decode or are a frame fault, and nothing else', () => {
    const kinds = fc.constantFrom(0x01, 0x02, 0x81, 0x82, 0x83, 0x84, 0x85, 0x91, 0x92, 0x93, 0x00)
    const octets = fc
      .tuple(kinds, fc.uint8Array({ maxLength: 400 }))
      .map(([kind, rest]) => Buffer.of(kind, ...rest))
    const decodes = (decode: (octets: Uint8Array) => unknown) => (input: Uint8Array) => {
      try {
        decode(input)
      } catch (cause) {
        assert.ok(isFrameFault(cause), String(cause))
      }
    }
    fc.assert(fc.property(octets, decodes(decodeRequest)), { numRuns: 2000 })
    fc.assert(fc.property(octets, decodes(decodeReply)), { numRuns: 2000 })
  })

  test('a replier tells at most eight peers of eight addresses, and the largest reply fits a frame', () => {
    const address = Buffer.alloc(100, 4)
    const contact = { id: Buffer.alloc(38, 1), addresses: [...Array(12).fill(address), Buffer.alloc(101)] }
    const closer = Array(12).fill(contact)
    const octets = encodeReply({ kind: 'found', request: 1, time: TIME, bytes: Buffer.alloc(1100), closer })
    assert.ok(octets.length - 2 <= MAX_FRAME_OCTETS, `${octets.length} octets`)
    const reply = decodeReply(octets.subarray(2))
    assert.ok(reply.kind === 'found')
    assert.deepEqual(
      reply.closer.map(({ addresses }) => addresses.length),
      Array(8).fill(8),
    )
  })

  test('more peers than eight, or a longer zone than any, are refused', () => {
    const nine = Buffer.from(`84 00000007 ${TIME_HEX} 09`.replaceAll(' ', ''), 'hex')
    assert.throws(() => decodeReply(nine), isFrameFault)
    const long = encodeRequest({ kind: 'put', request: 1, replica: 0, ...BUDGET, bytes: Buffer.alloc(1101) })
    assert.throws(() => decodeRequest(long.subarray(2)), isFrameFault)
  })
})

describe('the frame splitter', () => {
  test('finds the same frames however the stream is cut', () => {
    const frames = [
      Buffer.alloc(0),
      Buffer.from('one'),
      Buffer.alloc(MAX_FRAME_OCTETS, 7),
      Buffer.from('two'),
    ]
    const stream = Buffer.concat(
      frames.flatMap((frame) => [Buffer.of(frame.length >> 8, frame.length & 255), frame]),
    )
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
        const splitter = new FrameSplitter()
        const borders = [0, ...cuts.sort((a, b) => a - b), stream.length]
        const found = borders.flatMap((at, n) =>
          [...splitter.push(stream.subarray(at, borders[n + 1]))].map((f) => Buffer.from(f)),
        )
        assert.deepEqual(found, frames)
      }),
      { numRuns: 100 },
    )
  })

  test('refuses a frame over 8192 octets as soon as its length is there', () => {
    const splitter = new FrameSplitter()
    assert.throws(() => [...splitter.push(Buffer.from('2001', 'hex'))], isFrameFault)
  })
})
