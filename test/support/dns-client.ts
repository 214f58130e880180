/** An ordinary DNS client: asks over a real socket, over TCP when told to, and checks that the reply is to its question. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { formatRcode, formatType } from '../../src/dns/message.ts'
import { formatName } from '../../src/dns/name.ts'
import { formatRdata } from '../../src/dns/rdata-text.ts'
import { MessageSplitter, withLength } from '../../src/resolver/stream-framing.ts'
import { type QueryParts, queryPacket, type Reply, readReply } from './queries.ts'

export interface Asking extends QueryParts {
  readonly tcp?: boolean
}

/** @param server `host:port` @param question `name TYPE` */
export async function ask(server: string, question: string, asking: Asking = {}): Promise<Reply> {
  const [host = '', port = ''] = server.split(':')
  const packet = queryPacket(question, asking)
  const reply = readReply(await (asking.tcp ? overTcp : overUdp)(host, Number(port), packet))
  assert.deepEqual(
    reply.question,
    packet.subarray(12, 12 + reply.question.length),
    'the question comes back as it was asked',
  )
  return reply
}

async function overUdp(host: string, port: number, packet: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4')
  socket.send(packet, port, host)
  const [reply] = await once(socket, 'message')
  socket.close()
  return reply
}

async function overTcp(host: string, port: number, packet: Buffer): Promise<Buffer> {
  const socket = connect(port, host)
  socket.write(withLength(packet))
  const splitter = new MessageSplitter()
  for await (const piece of socket) {
    const [reply] = splitter.push(piece)
    if (reply) return reply
  }
  throw new Error('the server closed the connection without a word')
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
