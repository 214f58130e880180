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
/** Addresses of which the octets are remembered. */
const MAX_ADDRESSES = 256

interface Secret {
  readonly key: Int32Array
  /** Milliseconds of the monotonic clock. */
  readonly since: number
}

/** What is hashed of a client at an address: 20 octets with IPv4, 32 with IPv6, and the padding; and the same as halves. */
interface Input {
  readonly octets: Buffer
  readonly words: Int32Array
}

export class Cookies {
  readonly #clock: Clock
  readonly #makeSecret: () => Uint8Array
  readonly #inputs = boundedCache<Input>(MAX_ADDRESSES)
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
   * @param given what the client sent, 8 or 16 to 40 octets
   */
  write(reply: Uint8Array, at: number, given: Uint8Array, address: string): void {
    const now = Math.trunc(this.#clock.now() / 1000)
    const input = this.#inputOf(address)
    const { octets } = input
    octets.set(given.subarray(0, CLIENT_COOKIE_OCTETS))
    const age = this.#ageOf(given, input, now)
    if (age !== undefined && age <= RENEW_AFTER) {
      reply.set(given, at)
      return
    }
    this.#renewSecret()
    octets.fill(0, CLIENT_COOKIE_OCTETS, TIME_AT)
    octets[CLIENT_COOKIE_OCTETS] = VERSION
    octets.writeUInt32BE(now >>> 0, TIME_AT)
    sipHash(this.#secret.key, input.words, this.#hash)
    reply.set(octets.subarray(0, HASH_AT), at)
    reply.set(this.#hash, at + HASH_AT)
  }

  /** Seconds since the server's cookie was made; undefined when this is none of ours, or too old. */
  #ageOf(given: Uint8Array, input: Input, now: number): number | undefined {
    if (given.length !== COOKIE_OCTETS || given[CLIENT_COOKIE_OCTETS] !== VERSION) return undefined
    input.octets.set(given.subarray(CLIENT_COOKIE_OCTETS, HASH_AT), CLIENT_COOKIE_OCTETS)
    const age = (now - input.octets.readInt32BE(TIME_AT)) | 0 // RFC 1982: the time goes round
    if (age > VALID_FOR || age < -MAX_AHEAD) return undefined
    const isOurs = this.#isHash(given, input, this.#secret) || this.#isHash(given, input, this.#before)
    return isOurs ? age : undefined
  }

  #isHash(given: Uint8Array, input: Input, secret: Secret | undefined): boolean {
    if (!secret) return false
    sipHash(secret.key, input.words, this.#hash)
    let differs = 0 // in the same time for all: how far a guess was right is not told
    for (let at = 0; at < this.#hash.length; at++)
      differs |= (this.#hash[at] as number) ^ (given[HASH_AT + at] as number)
    return differs === 0
  }

  #inputOf(address: string): Input {
    const known = this.#inputs.get(address)
    if (known) return known
    const host = octetsOf(address)
    const length = HASH_AT + host.length
    const octets = Buffer.alloc((length & ~7) + 8)
    octets.set(host, HASH_AT)
    octets[octets.length - 1] = length
    const input = { octets, words: new Int32Array(octets.buffer, octets.byteOffset, octets.length / 4) }
    this.#inputs.set(address, input)
    return input
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

/** @param address as the socket tells it, perhaps with the interface behind it (RFC 4007 11) */
function octetsOf(address: string): Uint8Array {
  return isIPv4(address) ? parseIPv4(address) : parseIPv6(address.replace(/%.*/, ''))
}
