/** The doorway: packets become queries and answers become packets here, and nowhere else. */
import { decodeMessage } from '../dns/codec.ts'
import { ExtendedError, Opcode, Rcode, RecordClass } from '../dns/message.ts'
import { type Name, nameToWire } from '../dns/name.ts'
import { type AnewDeps, type Asked, answerAnew, type Made, staleAtOnce } from './anew.ts'
import { ageOf } from './answer-cache.ts'
import type { ClientLimits } from './client-limits.ts'
import type { DnsConfig } from './config.ts'
import { Cookies } from './cookies.ts'
import { type Answer, type Client, emptyAnswer } from './query.ts'
import type { LoggedOrigin, QueryLog } from './query-log.ts'
import type { QuestionCounts } from './question-counts.ts'
import { askedName, type Door, fitReply, octetsOf, type ReadyReply, refuse, truncated } from './reply.ts'
import { MIN_UDP_PAYLOAD, type Scan, scanPacket } from './scan.ts'

/** Octets in, octets out: all that a listener knows. undefined means say nothing. A reply from memory comes at once. */
export type Serve = (packet: Buffer, client: Client) => Buffer | undefined | Promise<Buffer>

const MAX_MESSAGE = 0xffff
/** RFC 7828 3.1: 100 ms, in 16 bits. */
const KEEP_ALIVE_UNIT = 100
const MAX_KEEP_ALIVE = 0xffff

export interface ServingNeeds {
  /** Of questions, where one is kept. */
  readonly log?: QueryLog | undefined
  readonly counts?: QuestionCounts | undefined
  /** Where questions are limited. */
  readonly limits?: ClientLimits | undefined
  /** Takes UPDATE (RFC 2136), where anybody may. */
  readonly update?: ((packet: Buffer) => Promise<Buffer>) | undefined
}

const OPCODE_BITS = 0x78
const UPDATE_BITS = Opcode.Update << 3

export function serving(deps: AnewDeps, { log, limits, update, counts }: ServingNeeds = {}): Serve {
  const { cache, config, clock } = deps
  const cookies = new Cookies(clock)
  const load = { pending: 0 }
  return (packet, client) => {
    const scan = scanPacket(packet)
    if (!scan) return undefined
    const door = doorOf(scan, client, { config, cookies })
    if (scan.refusal !== Rcode.NoError || !scan.hasQuestion) return noQuestion(scan, door)
    if (limits && !limits.questions.take(client.address)) return overLimit(scan, door, client)
    const now = Math.trunc(clock.monotonic())
    const plain = cache.get(scan.spelledKey, now) // remembered in lower case: most names need no folding
    if (plain) {
      log?.add({ key: scan.spelledKey, client, rcode: plain.rcode, origin: 'cache', since: now })
      counts?.fromMemory(client.transport, scan.type, plain.rcode)
      return fitReply(plain, scan, { age: ageOf(plain, now), door, respell: false })
    }
    const { key } = scan
    const respell = key !== scan.spelledKey
    const told = (rcode: number, origin: LoggedOrigin) => {
      log?.add({ key, client, rcode, origin, since: now })
      counts?.add({ transport: client.transport, type: scan.type, rcode, origin })
    }
    const hit = respell ? cache.get(key, now) : undefined
    if (hit) {
      told(hit.rcode, 'cache')
      return fitReply(hit, scan, { age: ageOf(hit, now), door, respell })
    }
    return answerMiss({ scan, client, door, now, respell }, told)
  }

  function noQuestion(scan: Scan, door: Door): Buffer | Promise<Buffer> {
    const isUpdate = scan.refusal === Rcode.NotImp && (scan.packet.readUInt8(2) & OPCODE_BITS) === UPDATE_BITS
    return isUpdate && update ? update(scan.packet) : refuse(scan, scan.refusal, { door })
  }

  /** Nothing fresh is remembered: a stale answer at once, or the question is asked. */
  function answerMiss(
    { scan, client, door, now, respell }: Missed,
    told: (rcode: number, origin: LoggedOrigin) => void,
  ): Buffer | Promise<Buffer> {
    const mayAsk = load.pending < config.maxPending
    const stale = staleAtOnce(deps, scan, { now, mayAsk })
    if (stale) {
      told(stale.rcode, 'stale')
      return fitReply(stale, scan, { age: 0, door, respell })
    }
    if (!mayAsk) {
      told(Rcode.ServFail, 'refused')
      return refuse(scan, Rcode.ServFail, { door, error: BUSY })
    }
    load.pending++
    const { made, over } = answerAnew(deps, askedOf(scan, client))
    over.catch(() => undefined).finally(() => load.pending--) // `made` tells of it
    return made.then((answered) => {
      told(answered.ready.rcode, originOf(answered))
      counts?.took(clock.monotonic() - now)
      return fitReply(answered.ready, scan, { age: 0, door, respell })
    })
  }
}

interface Missed {
  readonly scan: Scan
  readonly client: Client
  readonly door: Door
  /** Milliseconds of the monotonic clock. */
  readonly now: number
  readonly respell: boolean
}

function originOf({ answer, ready }: Made): LoggedOrigin {
  if (ready.error?.code === ExtendedError.Blocked) return 'blocked'
  return answer?.origin ?? 'stale'
}

/** Over UDP whoever is at that address may prove it over TCP; a forged source has got no more than it gave. */
function overLimit(scan: Scan, door: Door, { transport }: Client): Buffer {
  return transport === 'udp' ? truncated(scan, door) : refuse(scan, Rcode.Refused, { door, error: TOO_MANY })
}

const TOO_MANY = { code: ExtendedError.Prohibited, text: 'this client asks too many questions' }
const BUSY = { code: ExtendedError.NotReady, text: 'too many questions at once' }

interface DoorDeps {
  readonly config: DnsConfig
  readonly cookies: Cookies
}

// RFC 6891 6.2.3, 6.2.5: what the client takes, what we send at most (RFC 9715), 512 without EDNS.
function doorOf(scan: Scan, { transport, address }: Client, { config, cookies }: DoorDeps): Door {
  const { maxUdpPayload } = config
  const udp = scan.edns ? Math.min(scan.payloadSize, maxUdpPayload) : MIN_UDP_PAYLOAD
  if (transport === 'udp') return { limit: udp, maxUdpPayload, cookies, address }
  return {
    limit: MAX_MESSAGE,
    maxUdpPayload,
    cookies,
    address,
    keepAlive: transport === 'https' ? undefined : keepAliveOf(config),
    isEncrypted: transport === 'tls' || transport === 'https',
  }
}

function keepAliveOf({ tcpIdle }: DnsConfig): number {
  return Math.min(Math.floor(tcpIdle / KEEP_ALIVE_UNIT), MAX_KEEP_ALIVE)
}

function askedOf(scan: Scan, client: Client): Asked {
  const { key, recursionDesired, dnssecOk, checkingDisabled } = scan
  const question = { name: askedName(scan), type: scan.type, class: scan.class }
  return { key, question, client, recursionDesired, dnssecOk, checkingDisabled }
}

/** Asks the same way a packet would, for the API: from memory, else anew. */
export function asking(
  deps: AnewDeps,
): (question: { name: Name; type: number }, signal: AbortSignal) => Promise<Answer> {
  return async ({ name, type }, signal) => {
    const scan = scanPacket(questionPacket(name, type))
    if (!scan || scan.refusal !== Rcode.NoError) return emptyAnswer(scan?.refusal ?? Rcode.FormErr, 'local')
    const now = Math.trunc(deps.clock.monotonic())
    const hit = deps.cache.get(scan.key, now)
    if (hit) return fromMemory(hit, { age: ageOf(hit, now), origin: 'cache', effort: hit.effort })
    const stale = staleAtOnce(deps, scan, { now, mayAsk: true })
    if (stale) return fromMemory(stale, { age: 0, origin: 'stale' })
    const asked = askedOf(scan, { address: '', transport: 'api' })
    const { answer, ready } = await answerAnew(deps, asked, signal).made
    return answer ?? fromMemory(ready, { age: 0, origin: 'stale' })
  }
}

function questionPacket(name: Name, type: number): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, nameToWire(name), Buffer.from([type >> 8, type & 0xff, 0, RecordClass.IN])])
}

interface Remembered extends Pick<Answer, 'origin' | 'effort'> {
  /** Seconds. */
  readonly age: number
}

function fromMemory(ready: ReadyReply, { age, origin, effort }: Remembered): Answer {
  const { rcode, error } = ready
  const { answers, authority } = decodeMessage(octetsOf(ready), { trailing: 'refuse' })
  const older = (records: typeof answers) =>
    records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - age) }))
  return { rcode, records: older(answers), authority: older(authority), origin, error, zones: [], effort }
}
