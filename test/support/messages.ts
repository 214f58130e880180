import type { Flags, Message } from '../../src/dns/message.ts'

export const NO_FLAGS: Flags = {
  response: false,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
}

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
