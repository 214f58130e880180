/** Packets that have killed DNS servers, each with few octets for much work. */
import { Rcode } from '../../src/dns/message.ts'
import { octets, uint16, wireName } from './wire.ts'

export interface Deadly {
  readonly name: string
  readonly packet: Buffer
  /** What a client is told that sends it. */
  readonly rcode: number
}

const head = (qd: number, an: number, ns = 0, ar = 0) =>
  octets('4b4e 0100', uint16(qd), uint16(an), uint16(ns), uint16(ar))
const times = (count: number, piece: Uint8Array) => Buffer.alloc(count * piece.length, piece)
const record = octets('c00c 0001 0001 0000003c 0000')
const WWW = octets(wireName('www.example.org.'), '0001 0001')

/** A name of so many labels of one letter, and so many records with a pointer to it. */
function labelsAndPointers(labels: number, records: number): Buffer {
  const name = octets(times(labels, octets('01 61')), '00')
  return octets(head(1, records), name, '0001 0001', times(records, record))
}

/** Each name is a label and a pointer to the name before. */
function chain(records: number): Buffer {
  const first = octets('01 61 00 0001 0001')
  const links = Array.from({ length: records }, (_, at) =>
    octets('01 61', uint16(0xc000 | (at === 0 ? 12 : 12 + first.length + (at - 1) * 14)), record.subarray(2)),
  )
  return octets(head(1, records), first, ...links)
}

function withOpt(options: Buffer): Buffer {
  return octets(head(1, 0, 0, 1), WWW, '00 0029 04d0 00000000', uint16(options.length), options)
}

const { FormErr, NoError } = Rcode

/** The two that break no rule are questions for www.example.org A. */
export const DEADLY: readonly Deadly[] = [
  { name: 'counts of 65535 each', packet: head(0xffff, 0xffff, 0xffff, 0xffff), rcode: FormErr },
  {
    name: '13,000 questions',
    packet: octets(head(13_000, 0), times(13_000, octets('00 0001 0001'))),
    rcode: FormErr,
  },
  { name: '90 pointers to a name of 100 labels', packet: labelsAndPointers(100, 90), rcode: FormErr },
  { name: '4,000 pointers to a name of 120 labels', packet: labelsAndPointers(120, 4000), rcode: FormErr },
  { name: '5,000 pointers to a name of 120 labels', packet: labelsAndPointers(120, 5000), rcode: FormErr },
  {
    name: '5,900 records of the root',
    packet: octets(head(0, 5900), times(5900, octets('00', record.subarray(2)))),
    rcode: FormErr,
  },
  {
    name: '4,096 records of the root',
    packet: octets(head(0, 4096), times(4096, octets('00', record.subarray(2)))),
    rcode: FormErr,
  },
  { name: 'a chain of 90 pointers', packet: chain(90), rcode: FormErr },
  { name: '16,000 options', packet: withOpt(times(16_000, octets('fde9 0000'))), rcode: NoError },
  { name: '20 cookies', packet: withOpt(times(20, octets('000a 0008 0123456789abcdef'))), rcode: NoError },
  { name: 'OPT as an answer', packet: octets(head(1, 1), WWW, '00 0029 04d0 00000000 0000'), rcode: FormErr },
  { name: 'OPT as the question', packet: octets(head(1, 0), '00 0029 0001'), rcode: FormErr },
]
