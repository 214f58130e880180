import { type Message, NO_FLAGS } from '../../src/dns/message.ts'

/** A message with nothing in it but what is given. */
export function messageOf(parts: Partial<Message>): Message {
  return {
    id: 0,
    opcode: 0,
    flags: NO_FLAGS,
    rcode: 0,
    questions: [],
    answers: [],
    authority: [],
    additional: [],
    edns: undefined,
    ...parts,
  }
}
