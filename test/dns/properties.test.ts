/** What holds for every message, every RDATA and any octets at all. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeMessage, encodeMessage } from '../../src/dns/codec.ts'
import { DnsFault } from '../../src/dns/fault.ts'
import { formatType, RecordType } from '../../src/dns/message.ts'
import { decodeRdata, encodeRdata } from '../../src/dns/rdata.ts'
import { formatRdata, parseRdata } from '../../src/dns/rdata-text.ts'
import { MAX_EXPANDED_OCTETS, NameReader } from '../../src/dns/walker.ts'
import { anyMessage, KNOWN_TYPES, OPAQUE_TYPE, rdataOf } from '../support/arbitraries.ts'
import { header, octets, uint16, wireRecord } from '../support/wire.ts'

const trailing = fc.constantFrom('refuse' as const, 'ignore' as const)

/** What `run` returns; undefined when it throws this room's fault. Anything else thrown fails. */
function resultOrFault<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch (fault) {
    assert.ok(fault instanceof DnsFault, `${fault}`)
    assert.match(fault.message, /\.$/)
    return undefined
  }
}

describe('any message', () => {
  test('comes back from its octets as it was', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        assert.deepEqual(decodeMessage(encodeMessage(message), { trailing: 'refuse' }), message)
      }),
    )
  })
})

describe('RDATA of every type in the table', () => {
  for (const type of KNOWN_TYPES) {
    test(`${formatType(type)} comes out of its text and out of its fields as it went in`, () => {
      fc.assert(
        fc.property(rdataOf(type), (data) => {
          const text = formatRdata(type, data)
          assert.match(text, /^[ -~]*$/)
          assert.deepEqual(Buffer.from(parseRdata(type, text)), data)
          assert.deepEqual(encodeRdata(type, decodeRdata(type, data)), data)
        }),
        { numRuns: 50 },
      )
    })
  }

  test('of octets that may be none is shown; the text means the same octets, or is refused as they are', () => {
    const anyType = fc.constantFrom(...KNOWN_TYPES, OPAQUE_TYPE)
    fc.assert(
      fc.property(anyType, fc.uint8Array({ maxLength: 40 }), (type, data) => {
        const text = formatRdata(type, data)
        const again = resultOrFault(() => parseRdata(type, text))
        const isRight = type === OPAQUE_TYPE || resultOrFault(() => decodeRdata(type, data)) !== undefined
        assert.deepEqual(again && Buffer.from(again), isRight ? Buffer.from(data) : undefined)
      }),
      { numRuns: 500 },
    )
  })
})

describe('any octets', () => {
  test('are a message or a fault of this room', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), trailing, (wire, mode) => {
        resultOrFault(() => decodeMessage(wire, { trailing: mode }))
      }),
      { numRuns: 500 },
    )
  })

  test('behind a header that counts them are a message or a fault of this room', () => {
    const counts = fc.record({ qd: fc.nat(2), an: fc.nat(3), ns: fc.nat(1), ar: fc.nat(2) })
    fc.assert(
      fc.property(counts, fc.uint8Array({ maxLength: 80 }), trailing, (sections, rest, mode) => {
        resultOrFault(() => decodeMessage(octets(header(sections), rest), { trailing: mode }))
      }),
      { numRuns: 500 },
    )
  })

  test('that were a message before some of them were changed, cut or doubled are a message or a fault', () => {
    const change = fc.tuple(fc.nat(0xffff), fc.nat(0xff))
    const changes = fc.array(change, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        anyMessage,
        changes,
        fc.nat(0xffff),
        fc.nat(20),
        trailing,
        (message, list, cut, extra, mode) => {
          const wire = encodeMessage(message)
          for (const [at, octet] of list) wire[at % wire.length] = octet
          const end = cut % (wire.length * 2)
          const changed = octets(wire.subarray(0, end), wire.subarray(0, extra))
          const decoded = resultOrFault(() => decodeMessage(changed, { trailing: mode }))
          // What was read can be written, and means the same again.
          const again = decoded && resultOrFault(() => encodeMessage(decoded))
          if (decoded && again) assert.deepEqual(decodeMessage(again, { trailing: 'refuse' }), decoded)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('cost no more octets of names than are allowed, however their pointers lie', (context) => {
    let expanded = 0
    const read = NameReader.prototype.read
    context.mock.method(NameReader.prototype, 'read', function (this: NameReader, start: number) {
      const name = read.call(this, start)
      expanded += name.length
      return name
    })
    const pointer = fc.integer({ min: 12, max: 300 }).map((at) => uint16(0xc000 | at))
    const record = fc
      .tuple(pointer, fc.constantFrom(RecordType.A, RecordType.NS, RecordType.SOA), pointer)
      .map(([owner, type, data]) => wireRecord(owner, type, data))
    const few = fc.array(record, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.nat(120), few, fc.nat(500), (labels, list, times) => {
        expanded = 0
        const all = Array.from({ length: times }, () => list).flat()
        const first = wireRecord(octets('0161'.repeat(labels), '00'), RecordType.A, '')
        const wire = octets(header({ an: all.length + 1 }), first, ...all)
        resultOrFault(() => decodeMessage(wire, { trailing: 'refuse' }))
        // The walker's names, and those of the codec behind it.
        assert.ok(expanded <= 2 * MAX_EXPANDED_OCTETS, `${expanded} octets`)
      }),
      { numRuns: 60 },
    )
  })
})
