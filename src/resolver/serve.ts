/** The doorway: packets become queries and answers become packets here, and nowhere else. */
import { type Clock, timeLimit } from '../clock.ts'
import { decodeMessage } from '../dns/codec.ts'
import { ExtendedError, Rcode, RecordClass } from '../dns/message.ts'
import { type Name, nameToWire } from '../dns/name.ts'
import { type AnswerCache, ageOf, type CacheEntry } from './answer-cache.ts'
import type { DnsConfig } from './config.ts'
import { type Answer, type Client, emptyAnswer, type Query, type Resolve } from './query.ts'
import { askedName, type Door, fitReply, makeReady, octetsOf, type ReadyReply, refuse } from './reply.ts'
import { MIN_UDP_PAYLOAD, type Scan, scanPacket } from './scan.ts'

/** Octets in, octets out: all that a listener knows. undefined means say nothing. A reply from memory comes at once. */
export type Serve = (packet: Buffer, client: Client) => Buffer | undefined | Promise<Buffer>

export interface ServeDeps {
  readonly clock: Clock
  readonly config: DnsConfig
  readonly cache: AnswerCache
  readonly resolve: Resolve
}

const MAX_MESSAGE = 0xffff

export function serving(deps: ServeDeps): Serve {
  const { cache, config, clock } = deps
  const load = { pending: 0 }
  return (packet, client) => {
    const scan = scanPacket(packet)
    if (!scan) return undefined
    const door = doorOf(scan, client, config)
    if (scan.refusal !== Rcode.NoError) return refuse(scan, scan.refusal, { door })
    const now = Math.trunc(clock.monotonic())
    const plain = cache.get(scan.spelledKey, now) // remembered in lower case: most names need no folding
    if (plain) return fitReply(plain, scan, { age: ageOf(plain, now), door, respell: false })
    const respell = scan.key !== scan.spelledKey
    const hit = respell ? cache.get(scan.key, now) : undefined
    if (hit) return fitReply(hit, scan, { age: ageOf(hit, now), door, respell })
    if (load.pending >= config.maxPending) return refuse(scan, Rcode.ServFail, { door, error: BUSY })
    load.pending++
    return answerAnew(deps, { scan, client })
      .then(({ ready }) => fitReply(ready, scan, { age: 0, door, respell }))
      .finally(() => load.pending--)
  }
}

const BUSY = { code: ExtendedError.NotReady, text: 'too many questions at once' }

// RFC 6891 6.2.3, 6.2.5: what the client takes, what we send at most (RFC 9715), 512 without EDNS.
function doorOf(scan: Scan, { transport }: Client, { maxUdpPayload }: DnsConfig): Door {
  const udp = scan.edns ? Math.min(scan.payloadSize, maxUdpPayload) : MIN_UDP_PAYLOAD
  return { limit: transport === 'udp' ? udp : MAX_MESSAGE, maxUdpPayload }
}

async function answerAnew(
  deps: ServeDeps,
  { scan, client }: { scan: Scan; client: Client },
  parent?: AbortSignal,
): Promise<Made> {
  const question = { name: askedName(scan), type: scan.type, class: scan.class }
  const { recursionDesired, dnssecOk, checkingDisabled } = scan
  using limit = timeLimit(deps.clock, deps.config.answerTimeout, parent)
  const answer = await deps.resolve({
    question,
    client,
    recursionDesired,
    dnssecOk,
    checkingDisabled,
    signal: limit.signal,
  })
  return { answer, ready: ready(deps.cache, answer, { key: scan.key, question }) }
}

/** An answer as the layers gave it, and as it is sent. */
interface Made {
  readonly answer: Answer
  readonly ready: ReadyReply
}

function ready(
  cache: AnswerCache,
  answer: Answer,
  { key, question }: { key: string; question: Query['question'] },
): ReadyReply {
  try {
    const reply = makeReady(answer, question)
    cache.remember(key, reply, answer)
    return reply
  } catch {
    // More records than a message holds: nobody can be told all of them.
    const error = { code: ExtendedError.Other, text: 'the answer does not fit a DNS message' }
    return makeReady(emptyAnswer(Rcode.ServFail, 'failure', error), question)
  }
}

/** Asks the same way a packet would, for the API: from memory, else anew. */
export function asking(
  deps: ServeDeps,
): (question: { name: Name; type: number }, signal: AbortSignal) => Promise<Answer> {
  return async ({ name, type }, signal) => {
    const scan = scanPacket(questionPacket(name, type))
    if (!scan || scan.refusal !== Rcode.NoError) return emptyAnswer(scan?.refusal ?? Rcode.FormErr, 'local')
    const now = Math.trunc(deps.clock.monotonic())
    const hit = deps.cache.get(scan.key, now)
    if (hit) return fromMemory(hit, ageOf(hit, now))
    const { answer } = await answerAnew(deps, { scan, client: { address: '', transport: 'api' } }, signal)
    return answer
  }
}

function questionPacket(name: Name, type: number): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, nameToWire(name), Buffer.from([type >> 8, type & 0xff, 0, RecordClass.IN])])
}

function fromMemory(entry: CacheEntry, age: number): Answer {
  const { rcode, error, effort } = entry
  const { answers, authority } = decodeMessage(octetsOf(entry), { trailing: 'refuse' })
  const older = (records: typeof answers) =>
    records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - age) }))
  return {
    rcode,
    records: older(answers),
    authority: older(authority),
    origin: 'cache',
    error,
    zones: [],
    effort,
  }
}
