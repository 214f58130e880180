/** One question and its reply as a person sees them: over a real socket, told in lines of text. */
import assert from 'node:assert/strict'
import { formatRcode, formatType } from '../../src/dns/message.ts'
import { formatName } from '../../src/dns/name.ts'
import { formatRdata } from '../../src/dns/rdata-text.ts'
import { TcpClient, UdpClient } from './dns-clients.ts'
import { type QueryParts, queryPacket, type Reply } from './queries.ts'

export interface Asking extends QueryParts {
  readonly tcp?: boolean
}

/** @param server `host:port` @param question `name TYPE` */
export async function ask(server: string, question: string, asking: Asking = {}): Promise<Reply> {
  const [host = '', port = ''] = server.split(':')
  const packet = queryPacket(question, asking)
  await using client = await (asking.tcp ? TcpClient : UdpClient).connect({ host, port: Number(port) })
  client.send(packet)
  const reply = await client.reply()
  const asked = packet.subarray(12, 12 + reply.question.length)
  assert.deepEqual(reply.question, asked, 'the question comes back as it was asked')
  return reply
}

/** The answers as lines of `name ttl TYPE value`. */
export function answersOf({ answers }: Reply): string[] {
  return answers.map(
    ({ name, ttl, type, data }) =>
      `${formatName(name)} ${ttl} ${formatType(type)} ${formatRdata(type, data)}`,
  )
}

/** `NXDOMAIN, SOA`: the code, and the types in the authority section. */
export function verdictOf({ rcode, authority }: Reply): string {
  return [formatRcode(rcode), ...authority.map(({ type }) => formatType(type))].join(', ')
}
