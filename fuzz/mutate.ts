/** Changes to good octets that parsers are known to stumble over, several on top of each other. */
import { RecordType } from '../src/dns/message.ts'
import { type RecordBorders, walkMessage } from '../src/dns/walker.ts'
import type { Chance } from './random.ts'

/** No input is longer: what a DNS message over TCP may have. */
export const MAX_INPUT = 0xffff
const MAX_CHANGES = 6
const MAX_SLICE = 64
const MAX_COPIES = 20
const OCTETS = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff]
const NUMBERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff]
/** Pieces of zone-file text that change what stands around them. */
const WORDS =
  `" \\ ( ) ; @ . * \n \t $ORIGIN $TTL $INCLUDE \\# \\000 \\255 \\999 \\" "" IN CH 0 1h30m -1 99999999999 TYPE65535
  TYPE0 SOA CNAME TXT HTTPS mandatory=alpn alpn=a,,b key65535=" ipv4hint= :: 1.2.3.4 \ufeff \u00e9 \ud83d\ude00`.split(
    ' ',
  )

export interface Mutating {
  readonly seeds: readonly Buffer[]
  readonly chance: Chance
  readonly changes: readonly Change[]
}

type Change = (octets: Buffer, from: Mutating) => Buffer

/** One of the seeds, changed up to six times; now and then as it is. */
export function mutate(from: Mutating): Buffer {
  let octets = Buffer.from(from.chance.pick(from.seeds))
  for (let left = from.chance.below(MAX_CHANGES + 1); left > 0; left--) {
    octets = from.chance.pick(from.changes)(octets, from).subarray(0, MAX_INPUT) as typeof octets
  }
  return octets
}

/** Cuts `octets` at two places, puts `middle` between. */
function insert(octets: Buffer, at: number, middle: Uint8Array, end = at): Buffer {
  return Buffer.concat([octets.subarray(0, at), middle, octets.subarray(end)])
}

function slice(octets: Buffer, chance: Chance): { at: number; end: number } {
  const at = chance.below(octets.length + 1)
  return { at, end: Math.min(octets.length, at + chance.below(MAX_SLICE)) }
}

function write(octets: Buffer, at: number, value: number, size: number): Buffer {
  if (at + size <= octets.length) octets.writeUIntBE(value, at, size)
  return octets
}

const anywhere: Change[] = [
  (octets, { chance }) => {
    const at = chance.below(octets.length + 1)
    return write(octets, at, (octets[at] ?? 0) ^ (1 << chance.below(8)), 1)
  },
  (octets, { chance }) => write(octets, chance.below(octets.length + 1), chance.below(256), 1),
  (octets, { chance }) => write(octets, chance.below(octets.length + 1), chance.pick(OCTETS), 1),
  (octets, { chance }) => octets.subarray(0, chance.below(octets.length + 1)),
  (octets, { chance }) =>
    Buffer.concat([octets, Buffer.alloc(1 + chance.below(MAX_SLICE), chance.below(256))]),
  (octets, { chance, seeds }) => {
    const other = chance.pick(seeds)
    return insert(
      octets,
      chance.below(octets.length + 1),
      other.subarray(chance.below(other.length + 1)),
      octets.length,
    )
  },
  (octets, { chance }) => {
    const { at, end } = slice(octets, chance)
    return insert(octets, at, octets.subarray(at, end))
  },
  (octets, { chance }) => {
    const { at, end } = slice(octets, chance)
    return insert(octets, at, Buffer.alloc(0), end)
  },
]

const numbers: Change[] = [2, 4].map((size) => (octets, { chance }) => {
  const value = chance.pick(NUMBERS) * (size === 4 ? chance.pick([1, 0x1_0000]) : 1)
  return write(octets, chance.below(octets.length + 1), value, size)
})

/** For signed zones and for frames: octets and numbers, wherever they are. */
export const OCTET_CHANGES: readonly Change[] = [...anywhere, ...numbers]

/** For DNS messages: also where their counts, lengths, pointers and options are. */
export const MESSAGE_CHANGES: readonly Change[] = [
  ...OCTET_CHANGES,
  (octets, { chance }) => write(octets, 4 + 2 * chance.below(4), chance.pick(NUMBERS), 2),
  (octets, { chance }) => {
    const target = chance.pick([0, 11, 12, chance.below(octets.length + 1), 0x3fff])
    return write(octets, chance.below(octets.length + 1), 0xc000 | target, 2)
  },
  atRecord((octets, { dataAt, dataLength }, chance) => {
    const length = chance.pick([dataLength - 1, dataLength + 1, ...NUMBERS])
    return write(octets, dataAt - 2, length & 0xffff, 2)
  }),
  atRecord((octets, { dataAt, dataLength }, chance) =>
    write(octets, dataAt + chance.below(dataLength + 1), chance.pick(OCTETS), 1),
  ),
  atRecord((octets, { ttlAt }, chance) => write(octets, ttlAt - 4, chance.pick(TYPES), 2)),
  copiedRecord,
  copiedOption,
]

const TYPES = [...Object.values(RecordType), 0, 65_280]

/** For zone-file text. */
export const TEXT_CHANGES: readonly Change[] = [
  ...anywhere,
  (octets, { chance }) => insert(octets, chance.below(octets.length + 1), Buffer.from(chance.pick(WORDS))),
  (octets, { chance }) => {
    const { at, end } = slice(octets, chance)
    return insert(octets, at, Buffer.from(` ${chance.pick(WORDS)} `), end)
  },
]

function recordsOf(octets: Buffer): readonly RecordBorders[] {
  try {
    return walkMessage(octets).records
  } catch {
    return [] // it was broken by a change before
  }
}

function atRecord(change: (octets: Buffer, record: RecordBorders, chance: Chance) => Buffer): Change {
  return (octets, { chance }) => {
    const records = recordsOf(octets)
    return records.length === 0 ? octets : change(octets, chance.pick(records), chance)
  }
}

/** The last record once more, and its section counts it. */
function copiedRecord(octets: Buffer, { chance }: Mutating): Buffer {
  const records = recordsOf(octets)
  const last = records.at(-1)
  if (!last) return octets
  const before = records.at(-2)
  const start = before ? before.dataAt + before.dataLength : last.ttlAt - 5
  const copies = 1 + chance.below(MAX_COPIES)
  const countAt = { answer: 6, authority: 8, additional: 10 }[last.section]
  const record = octets.subarray(start, last.dataAt + last.dataLength)
  const longer = Buffer.concat([octets, ...Array<Buffer>(copies).fill(record)])
  return write(longer, countAt, (octets.readUInt16BE(countAt) + copies) & 0xffff, 2)
}

/** The options of OPT several times over, and its length counts them. */
function copiedOption(octets: Buffer, { chance }: Mutating): Buffer {
  const opt = recordsOf(octets).find(({ type }) => type === RecordType.OPT)
  if (!opt) return octets
  const { dataAt, dataLength } = opt
  const copies = 1 + chance.below(MAX_COPIES)
  const options = octets.subarray(dataAt, dataAt + dataLength)
  const longer = insert(octets, dataAt, Buffer.concat(Array<Buffer>(copies).fill(options)))
  return write(longer, dataAt - 2, Math.min(0xffff, dataLength * (copies + 1)), 2)
}
