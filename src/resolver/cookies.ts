/** DNS cookies (RFC 7873, made as RFC 9018 says): a client that sends one back has received what was sent to its address. */
import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { parseIPv4, parseIPv6 } from '../dns/address.ts'
import { sipHash } from './siphash.ts'

export const CLIENT_COOKIE_OCTETS = 8
/** Of both cookies together, in every reply. */
export const COOKIE_OCTETS = 24
/** RFC 7873 4: what a question may carry besides the client's alone. */
export const MIN_BOTH_OCTETS = 16
export const MAX_BOTH_OCTETS = 40

export const SECRET_OCTETS = 16
/** RFC 9018 4.3, in seconds: given anew when older than half an hour, refused after an hour or five minutes ahead. */
const RENEW_AFTER = 1800
const VALID_FOR = 3600
const MAX_AHEAD = 300
/** Milliseconds of one secret; the one before it holds as long as its cookies do (RFC 7873 7.1.2, which advises 26 hours). */
const SECRET_FOR = 26 * 3_600_000
/** RFC 9018 4.1 to 4.3: the server's cookie is version 1, three octets of zero, the time, and the hash. */
const VERSION = 1
const [TIME_AT, HASH_AT] = [12, 16]
/** Clients remembered, by address. */
const MAX_ADDRESSES = 256

interface Secret {
  readonly key: Int32Array
  /** Milliseconds of the monotonic clock. */
  readonly since: number
}

/** A client at one address. */
interface Known {
  readonly address: string
  /** What is hashed: 20 octets with IPv4, 32 with IPv6, and the padding; and the same as halves. */
  readonly octets: Buffer
  readonly words: Int32Array
  /** What it sent last and what it was given, in which second: a client sends the same with every question. */
  readonly sent: Uint8Array
  readonly given: Uint8Array
  sentLength: number
  second: number
}

/** Where the data of a COOKIE option lies: a Scan. */
export interface SentCookie {
  readonly packet: Uint8Array
  readonly cookieAt: number
  readonly cookieLength: number
}

export class Cookies {
  readonly #clock: Clock
  readonly #makeSecret: () => Uint8Array
  readonly #clients = boundedCache<Known>(MAX_ADDRESSES)
  /** The one that asked last often asks next. */
  #last: Known | undefined
  readonly #hash = new Uint8Array(COOKIE_OCTETS - HASH_AT)
  #secret: Secret
  #before: Secret | undefined

  /** @param makeSecret 16 octets nobody can guess */
  constructor(clock: Clock, makeSecret: () => Uint8Array = () => randomBytes(SECRET_OCTETS)) {
    this.#clock = clock
    this.#makeSecret = makeSecret
    this.#secret = this.#newSecret()
  }

  /**
   * Writes the 24 octets of a reply's COOKIE option: the client's own, then the server's, the same as it sent where that is
   * valid and fresh.
   * @param sent by the client, 8 or 16 to 40 octets
   */
  write(reply: Uint8Array, at: number, sent: SentCookie, address: string): void {
    const known = this.#knownAt(address)
    const second = Math.trunc(this.#clock.now() / 1000)
    if (known.second !== second || !isSame(sent, known)) this.#settle(known, sent, second)
    for (let octet = 0; octet < COOKIE_OCTETS; octet++) reply[at + octet] = known.given[octet] as number
  }

  #settle(known: Known, { packet, cookieAt, cookieLength }: SentCookie, second: number): void {
    const sent = packet.subarray(cookieAt, cookieAt + cookieLength)
    known.sent.set(sent)
    known.sentLength = cookieLength
    known.second = second
    const { octets, given } = known
    octets.set(sent.subarray(0, CLIENT_COOKIE_OCTETS))
    const age = this.#ageOf(sent, known, second)
    if (age !== undefined && age <= RENEW_AFTER) {
      given.set(sent)
      return
    }
    this.#renewSecret()
    octets.fill(0, CLIENT_COOKIE_OCTETS, TIME_AT)
    octets[CLIENT_COOKIE_OCTETS] = VERSION
    octets.writeUInt32BE(second >>> 0, TIME_AT)
    sipHash(this.#secret.key, known.words, this.#hash)
    given.set(octets.subarray(0, HASH_AT))
    given.set(this.#hash, HASH_AT)
  }

  /** Seconds since the server's cookie was made; undefined when this is none of ours, or too old. */
  #ageOf(sent: Uint8Array, known: Known, second: number): number | undefined {
    if (sent.length !== COOKIE_OCTETS || sent[CLIENT_COOKIE_OCTETS] !== VERSION) return undefined
    known.octets.set(sent.subarray(CLIENT_COOKIE_OCTETS, HASH_AT), CLIENT_COOKIE_OCTETS)
    const age = (second - known.octets.readInt32BE(TIME_AT)) | 0 // RFC 1982: the time goes round
    if (age > VALID_FOR || age < -MAX_AHEAD) return undefined
    const isOurs = this.#isHash(sent, known, this.#secret) || this.#isHash(sent, known, this.#before)
    return isOurs ? age : undefined
  }

  #isHash(sent: Uint8Array, { words }: Known, secret: Secret | undefined): boolean {
    if (!secret) return false
    sipHash(secret.key, words, this.#hash)
    let differs = 0 // in the same time for all: how far a guess was right is not told
    for (let at = 0; at < this.#hash.length; at++)
      differs |= (this.#hash[at] as number) ^ (sent[HASH_AT + at] as number)
    return differs === 0
  }

  #knownAt(address: string): Known {
    if (this.#last?.address === address) return this.#last
    const known = this.#clients.get(address) ?? newcomer(address)
    this.#clients.set(address, known)
    this.#last = known
    return known
  }

  #renewSecret(): void {
    const age = this.#clock.monotonic() - this.#secret.since
    if (age > VALID_FOR * 1000) this.#before = undefined
    if (age < SECRET_FOR) return
    this.#before = this.#secret
    this.#secret = this.#newSecret()
  }

  #newSecret(): Secret {
    const octets = Uint8Array.from(this.#makeSecret())
    return { key: new Int32Array(octets.buffer), since: this.#clock.monotonic() }
  }
}

/** Octet by octet: making a view of the packet would cost more. */
function isSame({ packet, cookieAt, cookieLength }: SentCookie, { sent, sentLength }: Known): boolean {
  if (cookieLength !== sentLength) return false
  for (let at = 0; at < cookieLength; at++) if (packet[cookieAt + at] !== sent[at]) return false
  return true
}

function newcomer(address: string): Known {
  const host = octetsOf(address)
  const length = HASH_AT + host.length
  const octets = Buffer.alloc((length & ~7) + 8)
  octets.set(host, HASH_AT)
  octets[octets.length - 1] = length
  return {
    address,
    octets,
    words: new Int32Array(octets.buffer, octets.byteOffset, octets.length / 4),
    sent: new Uint8Array(MAX_BOTH_OCTETS),
    given: new Uint8Array(COOKIE_OCTETS),
    sentLength: 0,
    second: 0,
  }
}

/** @param address as the socket tells it, perhaps with the interface behind it (RFC 4007 11) */
function octetsOf(address: string): Uint8Array {
  return isIPv4(address) ? parseIPv4(address) : parseIPv6(address.replace(/%.*/, ''))
}
