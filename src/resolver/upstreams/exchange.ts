/** The question we send upstream, and which reply counts as its answer (RFC 5452 9.1). */
import { randomInt } from 'node:crypto'
import { decodeMessage, encodeMessage } from '../../dns/codec.ts'
import { DnsFault } from '../../dns/fault.ts'
import { type Message, NO_FLAGS, Opcode, RecordClass } from '../../dns/message.ts'
import { sameName } from '../../dns/name.ts'
import type { Query } from '../query.ts'

/** Octets of UDP we take from an upstream (RFC 9715). */
const PAYLOAD = 1232

export interface Outgoing {
  readonly id: number
  readonly query: Query
  readonly packet: Buffer
}

export function makeOutgoing(query: Query): Outgoing {
  const id = randomInt(0x10000)
  const { name, type } = query.question
  const packet = encodeMessage({
    id,
    opcode: Opcode.Query,
    flags: { ...NO_FLAGS, recursionDesired: true, checkingDisabled: query.checkingDisabled },
    rcode: 0,
    questions: [{ name, type, class: RecordClass.IN }],
    answers: [],
    authority: [],
    additional: [],
    edns: { payloadSize: PAYLOAD, version: 0, dnssecOk: query.dnssecOk },
  })
  return { id, query, packet }
}

/** The reply these octets are to our question; undefined when they are not: then the true one may still come. */
export function readReply(octets: Uint8Array, { id, query }: Outgoing): Message | undefined {
  const reply = attemptDecode(octets)
  const [question] = reply?.questions ?? []
  if (!reply?.flags.response || reply.id !== id || reply.opcode !== Opcode.Query) return undefined
  if (!question || reply.questions.length !== 1 || question.class !== RecordClass.IN) return undefined
  return question.type === query.question.type && sameName(question.name, query.question.name)
    ? reply
    : undefined
}

function attemptDecode(octets: Uint8Array): Message | undefined {
  try {
    return decodeMessage(octets, { trailing: 'ignore' })
  } catch (fault) {
    if (fault instanceof DnsFault) return undefined
    throw fault
  }
}
