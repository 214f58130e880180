/** What comes back from a door: whether it is a reply at all, and the answer to a good question. */
import { readReply } from '../test/support/queries.ts'

/** What the good question is answered with. */
export const ADDRESS = '192.0.2.1'
/** Milliseconds for an answer. */
const PATIENCE = 1000

export function isAnswer(octets: Buffer, packet: Buffer): boolean {
  const { id, rcode, answers, question } = readReply(octets)
  const isOurs = id === packet.readUInt16BE(0) && packet.includes(question)
  return isOurs && rcode === 0 && answers.length === 1 && answers[0]?.data.join('.') === ADDRESS
}

export async function within(answer: Promise<boolean>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), PATIENCE)
  const answered = await Promise.race([answer, late.promise])
  clearTimeout(timer)
  return answered
}
