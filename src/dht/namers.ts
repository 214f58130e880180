/** Who named the hosts this node may come to dial, and what that word has been worth. */
import type { Multiaddr } from '@multiformats/multiaddr'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'

/** Addresses remembered with who named them, and namers with their credit. */
const MAX_NAMED = 10_000
const MAX_NAMERS = 2000
/** Dials that may fail in a row of what a stranger named, what each that succeeds earns, and the most that anybody has. */
const START = 4
const EARNED = 4
const MOST = 16
/** Milliseconds in which a namer that has nothing left has as much as it began with. */
const REFILL = 600_000
/** Multicodecs, and octets of an address with its TCP port behind it. */
const IP4 = 4
const IP6 = 41
const OCTETS: Readonly<Record<number, number>> = { [IP4]: 8, [IP6]: 20 }

interface Credit {
  left: number
  /** Milliseconds of the monotonic clock. */
  at: number
}

/** Protocol 5, "Dials". A namer is an IP group: peer ids cost nothing. */
export class Namers {
  readonly #clock: Clock
  readonly #trusted: ReadonlySet<string>
  readonly #namers = boundedCache<string>(MAX_NAMED)
  readonly #credits = boundedCache<Credit>(MAX_NAMERS)

  /** @param trusted IP groups of the nodes to join by: a newcomer hears of everybody by them, all at once */
  constructor(clock: Clock, trusted: ReadonlySet<string>) {
    this.#clock = clock
    this.#trusted = trusted
  }

  /** Who was first to name an address answers for it, as long as his word is good for a dial. */
  named(namer: string, address: Uint8Array): void {
    const endpoint = endpointOf(address)
    if (endpoint === undefined) return
    const before = this.#namers.get(endpoint)
    if (before === undefined || (before !== namer && this.#creditOf(before).left < 1))
      this.#namers.set(endpoint, namer)
  }

  /** Whether an address may be dialled, for all that is known of who named it. */
  has(address: Multiaddr): boolean {
    const credit = this.#creditFor(address)
    return credit === undefined || credit.left >= 1
  }

  /** It is dialled: that has failed until it has succeeded. */
  take(address: Multiaddr): void {
    const credit = this.#creditFor(address)
    if (credit) credit.left--
  }

  succeeded(address: Multiaddr): void {
    const credit = this.#creditFor(address)
    if (credit) credit.left = Math.min(MOST, credit.left + 1 + EARNED)
  }

  #creditFor({ bytes }: Multiaddr): Credit | undefined {
    const endpoint = endpointOf(bytes)
    const namer = endpoint === undefined ? undefined : this.#namers.get(endpoint)
    return namer === undefined ? undefined : this.#creditOf(namer)
  }

  #creditOf(namer: string): Credit {
    const now = this.#clock.monotonic()
    const start = this.#trusted.has(namer) ? MOST : START
    const credit = this.#credits.get(namer) ?? { left: start, at: now }
    if (credit.left < start) credit.left = Math.min(start, credit.left + (start * (now - credit.at)) / REFILL)
    credit.at = now
    this.#credits.set(namer, credit)
    return credit
  }
}

/** The octets of host and port; undefined for anything else, which is not dialled either. */
function endpointOf(address: Uint8Array): string | undefined {
  const octets = OCTETS[address[0] ?? 0]
  if (octets === undefined || address.length < octets) return undefined
  return Buffer.from(address.buffer, address.byteOffset, octets).toString('latin1')
}
