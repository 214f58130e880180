/** The question we send upstream, and which reply counts as its answer (RFC 5452 9.1). */
import { randomInt } from 'node:crypto'
import { decodeMessage, encodeMessage } from '../../dns/codec.ts'
import { DnsFault } from '../../dns/fault.ts'
import { type Message, NO_FLAGS, Opcode, RecordClass } from '../../dns/message.ts'
import { sameName } from '../../dns/name.ts'
import { HEADER_OCTETS } from '../../dns/walker.ts'
import type { Query } from '../query.ts'

/** Octets of UDP we take from an upstream (RFC 9715). */
const PAYLOAD = 1232

export interface Outgoing {
  readonly id: number
  readonly query: Query
  readonly packet: Buffer
}

/** @param recursionDesired false for a name server that answers for its own zones */
export function makeOutgoing(
  query: Query,
  { edns, recursionDesired = true }: { edns: boolean; recursionDesired?: boolean },
): Outgoing {
  const id = randomInt(0x10000)
  const { name, type } = query.question
  const packet = encodeMessage({
    id,
    opcode: Opcode.Query,
    flags: { ...NO_FLAGS, recursionDesired, checkingDisabled: query.checkingDisabled },
    rcode: 0,
    questions: [{ name, type, class: RecordClass.IN }],
    answers: [],
    authority: [],
    additional: [],
    edns: edns ? { payloadSize: PAYLOAD, version: 0, dnssecOk: query.dnssecOk } : undefined,
  })
  return { id, query, packet }
}

/** Octets that a question over an encrypted channel is a multiple of (RFC 8467 4.1). */
const PADDING_BLOCK = 128
const PADDING_OPTION = 12
const OPTION_HEADER_OCTETS = 4

/** The question with an option of zeros in its OPT (RFC 7830), so that its length tells less; without OPT as it is. */
export function padded({ packet, ...outgoing }: Outgoing, { edns }: { edns: boolean }): Outgoing {
  if (!edns) return { ...outgoing, packet }
  const length = Math.ceil((packet.length + OPTION_HEADER_OCTETS) / PADDING_BLOCK) * PADDING_BLOCK
  const longer = Buffer.alloc(length)
  packet.copy(longer)
  // OPT is the last record and has no options, so its RDLENGTH stands in the last two octets.
  longer.writeUInt16BE(length - packet.length, packet.length - 2)
  longer.writeUInt16BE(PADDING_OPTION, packet.length)
  longer.writeUInt16BE(length - packet.length - OPTION_HEADER_OCTETS, packet.length + 2)
  return { ...outgoing, packet: longer }
}

/** The same question under another id. */
export function withId({ packet, query }: Outgoing, id: number): Outgoing {
  const copy = Buffer.from(packet)
  copy.writeUInt16BE(id)
  return { id, query, packet: copy }
}

/**
 * Settles with the reply these octets are to our question; lets them pass when they are not: then the true one may still come.
 * @returns whether they are
 */
export function settleWith(
  octets: Uint8Array,
  outgoing: Outgoing,
  { resolve, reject }: Pick<PromiseWithResolvers<Message>, 'resolve' | 'reject'>,
): boolean {
  const head = readHead(octets)
  if (!head || !isReplyTo(head, outgoing)) return false
  try {
    resolve(decodeMessage(octets, { trailing: 'ignore' }))
  } catch (fault) {
    // RFC 2181 9: what was cut short may be cut anywhere. Otherwise this was the reply, and waiting brings no better one.
    if (head.flags.truncated) resolve(head)
    else reject(fault)
  }
  return true
}

function isReplyTo({ id, opcode, flags, questions }: Message, outgoing: Outgoing): boolean {
  const { name, type } = outgoing.query.question
  const [question] = questions
  if (!flags.response || id !== outgoing.id || opcode !== Opcode.Query) return false
  if (!question || questions.length !== 1 || question.class !== RecordClass.IN) return false
  return question.type === type && sameName(question.name, name)
}

const COUNTS_AT = 6

/** Header and question alone, as if no record followed; undefined when not even they can be read. */
function readHead(octets: Uint8Array): Message | undefined {
  try {
    return decodeMessage(Buffer.from(octets).fill(0, COUNTS_AT, HEADER_OCTETS), { trailing: 'ignore' })
  } catch (fault) {
    if (fault instanceof DnsFault) return undefined
    throw fault
  }
}
