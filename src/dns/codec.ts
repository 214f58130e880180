/** Messages to octets and back. dns2 is the codec; what it gets wrong is mended here and nowhere else (docs/decisions/0001). */
import { Packet } from 'dns2'
import { DnsFault } from './fault.ts'
import type { Edns, EdnsError, Flags, Message, Question, ResourceRecord } from './message.ts'
import { MAX_TTL, RecordType } from './message.ts'
import { type Name, ROOT } from './name.ts'
import { OctetWriter } from './octet-writer.ts'
import { decodeRdata, decodeRdataInMessage, encodeField, encodeRdata, fieldsOf, knownTypes } from './rdata.ts'
import { NameReader, type RecordBorders, walkMessage } from './walker.ts'

const EDE_OPTION = 15

/** What is used of dns2, as it is at run time; its published types say less. */
interface Dns2Reader {
  readonly buffer: Buffer
  /** In bits. */
  offset: number
  names?: NameReader
}
interface Dns2Record {
  name: Name
  type: number
  class: number
  ttl: number
  data?: Buffer
  rdata?: { ednsCode: number; infoCode?: number; extraText?: string }[]
}
interface Dns2Codec {
  decode(this: Dns2Record, reader: Dns2Reader, length: number): Dns2Record
  encode(record: Dns2Record, writer: OctetWriter): void
}
interface Dns2Packet {
  header: Record<string, number>
  questions: { name: Name; type: number; class: number }[]
  answers: Dns2Record[]
  authorities: Dns2Record[]
  additionals: Dns2Record[]
  errors: Error[]
  toBuffer(writer: OctetWriter): Buffer
}
interface Dns2 {
  new (): Dns2Packet
  parse(message: Buffer): Dns2Packet
  Name: { decode(reader: Dns2Reader): Name; encode(name: Name, writer: OctetWriter): void }
  Writer: typeof OctetWriter
  TYPE: Record<string, number>
  TYPE_NAME: Record<number, string>
  Resource: Record<string, Dns2Codec> & {
    EDNS: Pick<Dns2Codec, 'encode'> &
      ((options: object[], fields: object) => Dns2Record & Record<string, unknown>)
  }
}

const dns2 = Packet as unknown as Dns2
dns2.Writer = OctetWriter // its own is an array of bits, copied whole after every record
mendNames()
mendRdata()
mendOpt()

/** Names stay octets: dns2 joins labels with dots, so a dot inside a label would make two of it. */
function mendNames(): void {
  dns2.Name.decode = (reader) => {
    reader.names ??= new NameReader(reader.buffer, true)
    const name = reader.names.read(reader.offset / 8)
    reader.offset = reader.names.end * 8
    return name
  }
  dns2.Name.encode = (name, writer) => writeName(name, writer)
}

/** Records keep their RDATA as octets: a TXT that is no UTF-8, or a type dns2 has no codec for, comes out as it went in. */
function mendRdata(): void {
  for (const [text, type] of Object.entries(dns2.TYPE))
    if (type !== RecordType.OPT) delete dns2.Resource[text]
  for (const { type, hasNames, compress } of knownTypes()) {
    if (!hasNames) continue
    const text = `TYPE${type}`
    dns2.TYPE_NAME[type] = text
    dns2.Resource[text] = rdataCodec(type, compress)
  }
}

/** The TTL of OPT is no time (RFC 6891 6.1.3): dns2 cuts it to 31 bits, and with them an RCODE over 2047. */
function mendOpt(): void {
  const { encode } = dns2.Resource.EDNS
  dns2.Resource.EDNS.encode = (record, writer) => {
    // Behind the TTL only RDLENGTH has been written.
    writer.patch((writer.byteLength() - 6) * 8, record.ttl >>> 0, 32)
    encode(record, writer)
  }
}

/** For the types with names in them: pointers undone on the way in, put on the way out where RFC 3597 4 allows it. */
function rdataCodec(type: number, compress: boolean): Dns2Codec {
  return {
    decode(reader, length) {
      const at = reader.offset / 8
      reader.names ??= new NameReader(reader.buffer, true)
      const fields = decodeRdataInMessage(type, reader.buffer, { at, end: at + length, names: reader.names })
      this.data = encodeRdata(type, fields)
      reader.offset += length * 8
      return this
    },
    encode(record, writer) {
      const data = record.data ?? Buffer.alloc(0)
      if (compress) writeCompressed(type, data, writer)
      else writer.writeOctets(data)
    },
  }
}

function writeCompressed(type: number, data: Buffer, writer: OctetWriter): void {
  const kinds = fieldsOf(type) ?? []
  decodeRdata(type, data).forEach((field, at) => {
    const kind = kinds[at]
    if (kind === 'name') writeName(field as Name, writer)
    else if (kind) writer.writeOctets(encodeField(kind, field))
  })
}

// RFC 1035 4.1.4. Compared octet by octet, so that no name comes out in another's case.
function writeName(name: Name, writer: OctetWriter): void {
  for (let at = 0; name.charCodeAt(at) > 0; at += name.charCodeAt(at) + 1) {
    const suffix = name.slice(at)
    const known = writer.names.get(suffix)
    if (known !== undefined) {
      writer.write(0xc000 | known, 16)
      return
    }
    if (writer.byteLength() < 0x4000) writer.names.set(suffix, writer.byteLength())
    writer.writeOctets(Buffer.from(name.slice(at, at + name.charCodeAt(at) + 1), 'latin1'))
  }
  writer.write(0, 8)
}

/**
 * A whole message to values; the walker has bounded it before dns2 sees it.
 * @param options what to make of octets behind the last record
 * @throws DnsFault `malformed`
 */
export function decodeMessage(octets: Uint8Array, options: { trailing: 'refuse' | 'ignore' }): Message {
  const { end, records } = walkMessage(octets)
  if (options.trailing === 'refuse' && end !== octets.length) {
    throw new DnsFault('malformed', `${octets.length - end} octets follow the last record.`)
  }
  const opt = optOf(records)
  // A copy, so that no record keeps a socket's whole buffer alive.
  const packet = dns2.parse(Buffer.from(octets.subarray(0, end)))
  const [error] = packet.errors
  if (error)
    throw new DnsFault('malformed', `The message cannot be read: ${error.message}.`, { cause: error })
  return messageFrom(packet, opt)
}

// RFC 6891 6.1.1: one at most, owned by the root, in the additional section.
function optOf(records: readonly RecordBorders[]): RecordBorders | undefined {
  const [opt, ...more] = records.filter(({ type }) => type === RecordType.OPT)
  if (more.length > 0) throw new DnsFault('malformed', 'The message has more than one OPT record.')
  if (opt && (opt.section !== 'additional' || opt.name !== ROOT)) {
    throw new DnsFault('malformed', 'An OPT record stands where none may be.')
  }
  return opt
}

function messageFrom(packet: Dns2Packet, opt: RecordBorders | undefined): Message {
  const { header } = packet
  return {
    id: header['id'] ?? 0,
    opcode: header['opcode'] ?? 0,
    flags: flagsFrom(header),
    rcode: ((header['rcode'] ?? 0) & 0xf) | (((opt?.ttl ?? 0) >>> 24) << 4),
    questions: packet.questions.map(({ name, type, class: dnsClass }) => ({ name, type, class: dnsClass })),
    answers: packet.answers.map(recordFrom),
    authority: packet.authorities.map(recordFrom),
    additional: packet.additionals.filter(({ type }) => type !== RecordType.OPT).map(recordFrom),
    edns: opt && ednsFrom(opt, packet.additionals.find(({ type }) => type === RecordType.OPT)?.rdata),
  }
}

function flagsFrom(header: Record<string, number>): Flags {
  const flag = (bit: string) => header[bit] === 1
  return {
    response: flag('qr'),
    authoritative: flag('aa'),
    truncated: flag('tc'),
    recursionDesired: flag('rd'),
    recursionAvailable: flag('ra'),
    authenticData: flag('ad'),
    checkingDisabled: flag('cd'),
  }
}

function recordFrom({ name, type, class: dnsClass, ttl, data }: Dns2Record): ResourceRecord {
  return { name, type, class: dnsClass, ttl, data: data ?? new Uint8Array(0) }
}

// RFC 6891 6.1.3, from the TTL as it was sent: dns2 has cut it to 31 bits.
function ednsFrom({ class: payloadSize, ttl }: RecordBorders, options: Dns2Record['rdata']): Edns {
  const option = options?.find(({ ednsCode }) => ednsCode === EDE_OPTION)
  const error: EdnsError | undefined = option && { code: option.infoCode ?? 0, text: option.extraText ?? '' }
  return { payloadSize, version: (ttl >>> 16) & 0xff, dnssecOk: (ttl & 0x8000) !== 0, error }
}

/** A message to octets, names compressed. @throws DnsFault `too-large` when it is over 65535 octets */
export function encodeMessage(message: Message): Buffer {
  const packet = new dns2()
  packet.header = headerFor(message)
  packet.questions = message.questions.map((question: Question) => ({ ...question }))
  packet.answers = message.answers.map(recordFor)
  packet.authorities = message.authority.map(recordFor)
  packet.additionals = [...message.additional.map(recordFor), ...(message.edns ? [optFor(message.edns)] : [])]
  const octets = packet.toBuffer(new OctetWriter())
  if (octets.length > 0xffff) throw new DnsFault('too-large', `A message would have ${octets.length} octets.`)
  return octets
}

function headerFor({ id, opcode, flags, rcode }: Message): Record<string, number> {
  return {
    id,
    opcode,
    rcode,
    qr: Number(flags.response),
    aa: Number(flags.authoritative),
    tc: Number(flags.truncated),
    rd: Number(flags.recursionDesired),
    ra: Number(flags.recursionAvailable),
    ad: Number(flags.authenticData),
    cd: Number(flags.checkingDisabled),
  }
}

function recordFor(record: ResourceRecord): Dns2Record {
  return { ...record, ttl: Math.min(record.ttl, MAX_TTL), data: Buffer.from(record.data) }
}

function optFor(edns: Edns): Dns2Record {
  const options = edns.error
    ? [{ ednsCode: EDE_OPTION, infoCode: edns.error.code, extraText: edns.error.text }]
    : []
  const opt = dns2.Resource.EDNS(options, { version: edns.version, doFlag: edns.dnssecOk })
  return { ...opt, name: ROOT, class: edns.payloadSize } // dns2 takes a size of 0 for none
}
