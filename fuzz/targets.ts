/** What is fuzzed in this process: for each target how an input is made, the work done on it, and what has to hold of the result. */
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { systemClock } from '../src/clock.ts'
import { DhtFault } from '../src/dht/fault.ts'
import { FrameSplitter } from '../src/dht/frame-splitter.ts'
import { decodeReplyOrNotice, decodeRequest } from '../src/dht/frames.ts'
import { decodeRecordKey } from '../src/dht/record-key.ts'
import { decodeMessage, encodeMessage } from '../src/dns/codec.ts'
import { DnsFault } from '../src/dns/fault.ts'
import { formatRcode, type Message, Rcode, type ResourceRecord } from '../src/dns/message.ts'
import { fold, formatName, parseName } from '../src/dns/name.ts'
import { decodeRdata, fieldsOf } from '../src/dns/rdata.ts'
import { formatRdata, parseRdata } from '../src/dns/rdata-text.ts'
import { MAX_EXPANDED_OCTETS, walkMessage } from '../src/dns/walker.ts'
import { Cookies } from '../src/resolver/cookies.ts'
import { ResolveFault } from '../src/resolver/fault.ts'
import type { Query } from '../src/resolver/query.ts'
import { askedName, makeReady, refuse } from '../src/resolver/reply.ts'
import { scanPacket } from '../src/resolver/scan.ts'
import { scrub } from '../src/resolver/scrub.ts'
import { settleWith } from '../src/resolver/upstreams/exchange.ts'
import { ZoneFault } from '../src/zone/fault.ts'
import { lookUp } from '../src/zone/look-up.ts'
import { parseRecords, RecordsFault } from '../src/zone/records.ts'
import {
  checkTime,
  compareZones,
  contentOf,
  MAX_ZONE_OCTETS,
  signedPart,
  signZone,
  verifyZone,
} from '../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../src/zone/soa.ts'
import { formatZoneFile, parseZoneFile } from '../src/zone/zone-file.ts'
import { ALL_MESSAGES, FRAMES, KEY, MESSAGES, SECRET, ZONE_FILES, ZONES } from './corpus.ts'
import { checkMessage, checkSplitting } from './frames-check.ts'
import { MESSAGE_CHANGES, mutate, OCTET_CHANGES, TEXT_CHANGES } from './mutate.ts'
import type { Chance } from './random.ts'

/** What was made of an input: a word for the summary, and what has to hold, which is not part of the time. */
export interface Outcome {
  readonly word: string
  readonly check?: () => void
}

export interface Target {
  make(chance: Chance): Buffer
  /** The code under test, and nothing else: this is timed. */
  work(input: Buffer): Outcome
  /** Reasons for which the input may be refused; any other throw is a finding. */
  readonly refusals: readonly string[]
}

/** The reason of a refusal, where the fault is one of ours; undefined for what nobody foresaw. */
export function reasonOf(fault: unknown): string | undefined {
  if (fault instanceof DnsFault || fault instanceof ZoneFault || fault instanceof DhtFault)
    return fault.reason
  if (fault instanceof RecordsFault) return 'records'
  return fault instanceof ResolveFault ? 'unresolved' : undefined
}

/** One case in so many begins with a large packet: they take a hundred times as long as others. */
const LARGE_EVERY = 50

function message(chance: Chance): Buffer {
  const seeds = chance.below(LARGE_EVERY) === 0 ? ALL_MESSAGES : MESSAGES
  return mutate({ seeds, chance, changes: MESSAGE_CHANGES })
}

const walker: Target = {
  make: message,
  refusals: ['malformed'],
  work(input) {
    const { records, questions, end, expanded } = walkMessage(input)
    return {
      word: 'walked',
      check() {
        assert.ok(end <= input.length && expanded <= MAX_EXPANDED_OCTETS)
        const borders = [...questions.map((question) => question.end), ...records.map(borderOf)]
        assert.deepEqual(
          borders,
          borders.toSorted((a, b) => a - b),
        )
        assert.equal(borders.at(-1) ?? 12, end)
        for (const { name } of [...questions, ...records]) assert.equal(parseName(formatName(name)), name)
      },
    }
  },
}

const borderOf = ({ dataAt, dataLength }: { dataAt: number; dataLength: number }) => dataAt + dataLength

const codec: Target = {
  make: message,
  refusals: ['malformed'],
  work(input) {
    const decoded = decodeMessage(input, { trailing: 'ignore' })
    return { word: 'decoded', check: () => checkCodec(decoded) }
  },
}

/** What was decoded is encoded, decoded, written as text and read again, and stays the same. */
function checkCodec(decoded: Message): void {
  for (const { type, data } of [...decoded.answers, ...decoded.authority, ...decoded.additional]) {
    // What breaks its type's own rule has a text that says so, and is refused when it is read (RFC 3597 5).
    if (fieldsOf(type) && !attempt(() => decodeRdata(type, data), 'malformed')) continue
    const text = formatRdata(type, data)
    assert.ok(Buffer.from(parseRdata(type, text)).equals(data), `type ${type}: ${text}`)
  }
  const encoded = attempt(() => encodeMessage(decoded), 'too-large')
  if (encoded) assert.deepEqual(decodeMessage(encoded, { trailing: 'refuse' }), decoded)
}

/** The result, or undefined where it is refused for this reason. */
function attempt<Result>(run: () => Result, reason: string): Result | undefined {
  try {
    return run()
  } catch (fault) {
    if (reasonOf(fault) === reason) return undefined
    throw fault
  }
}

const DOOR = { limit: 1232, maxUdpPayload: 1232, cookies: new Cookies(systemClock), address: '192.0.2.1' }

const scan: Target = {
  make: message,
  refusals: [],
  work(input) {
    const scanned = scanPacket(input)
    if (!scanned) return { word: 'silence' }
    if (scanned.refusal !== Rcode.NoError || !scanned.hasQuestion) {
      const refused = refuse(scanned, scanned.refusal, { door: DOOR })
      return { word: formatRcode(scanned.refusal), check: () => checkRefusal(refused, input) }
    }
    const { key } = scanned
    const name = askedName(scanned)
    return {
      word: 'asked',
      check() {
        assert.equal(parseName(formatName(name)), name)
        assert.ok(key.length >= name.length && scanned.questionEnd <= input.length)
        const walked = attempt(() => walkMessage(input), 'malformed')
        if (walked) assert.equal(walked.questions[0]?.name, name)
      },
    }
  },
}

function checkRefusal(reply: Buffer, input: Buffer): void {
  const { id, flags } = decodeMessage(reply, { trailing: 'refuse' })
  assert.deepEqual([id, flags.response], [input.readUInt16BE(0), true])
  assert.ok(reply.length <= 512, 'a refusal is no means to send much for little')
}

const yes = () => true
const ORDINARY = { maxTtl: 86_400, maxNegativeTtl: 3600, maxAliases: 16, isOrdinary: yes, mayRedirect: yes }

/** A reply of an upstream, to the very question it carries. */
const upstream: Target = {
  make: message,
  refusals: ['malformed', 'unresolved', 'too-large'],
  work(input) {
    const [question] = walkMessage(input).questions
    if (!question) return { word: 'no question' }
    const query = { question, dnssecOk: true } as unknown as Query
    const outgoing = { id: input.readUInt16BE(0), query, packet: input }
    let reply: Message | undefined
    settleWith(input, outgoing, { resolve: (message) => (reply = message as Message), reject: fail })
    if (!reply) return { word: 'no reply' }
    makeReady(scrub(reply, query, ORDINARY), question)
    return { word: 'believed' }
  },
}

function fail(fault: unknown): never {
  throw fault
}

const MESSAGE_AT = 104

const zoneBytes = ZONES.map(({ bytes }) => Buffer.from(bytes))
const zoneMessages = zoneBytes.map((bytes) => bytes.subarray(MESSAGE_AT))
const NOW = Date.UTC(2026, 10, 23)

const zone: Target = {
  // Every other one is signed again, so that it is refused, if at all, for what it says.
  make(chance) {
    const octets = mutate({ seeds: zoneBytes, chance, changes: OCTET_CHANGES })
    if (chance.below(2) === 0 || octets.length <= MESSAGE_AT) return octets
    const sequence = chance.below(4) === 0 ? octets.readBigUInt64BE(96) : BigInt(NOW) * 1000n
    return signedAnew(sequence, mutate({ seeds: zoneMessages, chance, changes: MESSAGE_CHANGES }))
  },
  refusals: ['size', 'key', 'signature', 'content'],
  work(input) {
    const signed = verifyZone(input)
    return { word: 'verified', check: () => checkZone(input, signed) }
  },
}

const signer = createPrivateKey({
  format: 'der',
  type: 'pkcs8',
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), SECRET]), // RFC 8410 7
})

function signedAnew(sequence: bigint, content: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(sequence)
  return Buffer.concat([KEY.bytes, sign(null, signedPart(sequence, content), signer), head, content])
}

function checkZone(input: Buffer, signed: ReturnType<typeof verifyZone>): void {
  assert.ok(isSigned(input), 'a zone was taken whose signature does not hold')
  assert.ok(input.equals(signed.bytes) && input.length <= MAX_ZONE_OCTETS)
  assert.equal(compareZones(signed, verifyZone(signed.bytes, signed.key)), 0)
  attempt(() => attempt(() => checkTime(signed, NOW), 'future'), 'expired')
  for (const { name, type } of signed.records) lookUp(signed, name, type)
  if (signed.revoked) return
  const records = contentOf(signed)
  const again = parseZoneFile(formatZoneFile(signed), signed.key)
  assert.equal(again.length, records.length)
  attempt(() => parseRecords(again, signed.key, parseName('kad.alt.')), 'records')
}

/** BEP 44 as node:crypto sees it, without a line of the code under test. */
function isSigned(input: Buffer): boolean {
  const x = input.toString('base64url', 0, 32)
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  const content = input.subarray(MESSAGE_AT)
  const head = `3:seqi${input.readBigUInt64BE(96)}e1:v${content.length}:`
  return verify(null, Buffer.concat([Buffer.from(head), content]), key, input.subarray(32, 96))
}

const frames: Target = {
  make: (chance) => mutate({ seeds: FRAMES, chance, changes: OCTET_CHANGES }),
  refusals: ['frame'],
  work(input) {
    const found = [...new FrameSplitter().push(input)]
    const decoded = found.map((frame) => [
      attempt(() => decodeRequest(frame), 'frame'),
      attempt(() => decodeReplyOrNotice(frame), 'frame'),
    ])
    return {
      word: found.length === 0 ? 'no frame' : 'split',
      check() {
        checkSplitting(input, found)
        for (const message of decoded.flat()) if (message) checkMessage(message)
        const recordKey = Buffer.concat([Buffer.from('/zone/'), input.subarray(12, 44 + (input.length % 3))])
        attempt(() => attempt(() => decodeRecordKey(recordKey), 'frame'), 'key')
      },
    }
  },
}

const zoneFile: Target = {
  make: (chance) => mutate({ seeds: ZONE_FILES, chance, changes: TEXT_CHANGES }),
  refusals: ['bad-text', 'bad-name', 'records', 'size', 'content', 'too-large', 'malformed'],
  work(input) {
    const entries = parseZoneFile(input.toString(), KEY)
    const records: ResourceRecord[] = parseRecords(entries, KEY, parseName('kad.alt.'))
    const signed = signZone(SECRET, { sequence: 1n, soa: DEFAULT_SOA, records })
    return {
      word: 'signed',
      check() {
        const again = parseRecords(parseZoneFile(formatZoneFile(signed), KEY), KEY, parseName('kad.alt.'))
        const folded = (all: readonly ResourceRecord[]) =>
          all.map((record) => ({ ...record, name: fold(record.name) }))
        assert.deepEqual(folded(again), folded(records))
      },
    }
  },
}

export const TARGETS: Readonly<Record<string, Target>> = {
  walker,
  codec,
  scan,
  upstream,
  zone,
  frames,
  'zone-file': zoneFile,
}
