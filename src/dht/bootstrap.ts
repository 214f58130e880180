/** Joins the network by the configured nodes and those remembered, and again whenever this node is alone. */
import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { RoutingTable } from './kad.ts'

export interface BootstrapNeeds {
  readonly node: Pick<Libp2p, 'dial' | 'getConnections'>
  readonly routingTable: RoutingTable
  readonly addresses: readonly Multiaddr[]
  /** Where peers were that this node knew before, the likeliest first. */
  remembered(): readonly Multiaddr[]
  /** The addresses of this machine, as they are now: others than before are another network, perhaps the first. */
  ownAddresses(): string
  readonly clock: Clock
  readonly logger: Logger
}

/** Milliseconds from one round of dials to the next: twice as long each time. */
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000
/** Milliseconds from one look at this machine's addresses to the next while it is alone. */
const LOOK = 1000
/** Milliseconds from one look at the routing table to the next while it has peers. */
const WATCH_INTERVAL = 10_000
/** Milliseconds a node that was reached may take to be identified, pinged and put into the routing table. */
const SETTLING = 3000
/** Remembered peers dialled at once, and so many are enough: they tell of the others. */
const REMEMBERED_AT_ONCE = 8
const ENOUGH = 3

export class Bootstrap implements Disposable {
  readonly #needs: BootstrapNeeds
  #pause = FIRST_PAUSE
  #next: Disposable | undefined
  /** What the machine's addresses were when it last dialled. */
  #dialledFrom = ''
  /** The round under way; undefined in a pause. */
  #round: Promise<void> | undefined
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(needs: BootstrapNeeds) {
    this.#needs = needs
    needs.routingTable.addEventListener('peer:add', this.#wake)
  }

  /** Returns at once. */
  start(): void {
    this.#begin()
  }

  /** Waits, at most `milliseconds`, for a first peer while there is reason to expect one. */
  async firstPeer(milliseconds: number): Promise<void> {
    if (this.#round && this.#needs.routingTable.size === 0) {
      await Promise.race([this.#round, this.#settled(milliseconds)])
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#next?.[Symbol.dispose]()
    this.#needs.routingTable.removeEventListener('peer:add', this.#wake)
    this.#wake()
  }

  #begin(): void {
    this.#dialledFrom = this.#needs.ownAddresses()
    this.#round = this.#dialAll().finally(() => {
      this.#round = undefined
      this.#later()
    })
  }

  /** Without a peer in the table, or with a table of peers none of which is connected: as after a night without network. */
  #isAlone(): boolean {
    const { node, routingTable } = this.#needs
    return routingTable.size === 0 || node.getConnections().length === 0
  }

  #later(): void {
    if (this.#closed) return
    const { clock } = this.#needs
    if (this.#isAlone()) {
      this.#watchUntil(clock.monotonic() + this.#pause)
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
      return
    }
    this.#next = clock.after(WATCH_INTERVAL, () => this.#again())
    this.#pause = FIRST_PAUSE
  }

  /** A pause that ends early when this machine is given a network. */
  #watchUntil(end: number): void {
    const { clock, ownAddresses } = this.#needs
    this.#next = clock.after(Math.min(LOOK, end - clock.monotonic()), () => {
      const hasMoved = ownAddresses() !== this.#dialledFrom
      if (hasMoved) this.#pause = FIRST_PAUSE
      if (hasMoved || clock.monotonic() >= end) this.#again()
      else this.#watchUntil(end)
    })
  }

  #again(): void {
    if (this.#isAlone()) this.#begin()
    else this.#later()
  }

  /** Never rejects. */
  async #dialAll(): Promise<void> {
    const { addresses, logger } = this.#needs
    const remembered = [...this.#needs.remembered()]
    if (addresses.length + remembered.length === 0) return
    const [failures, met] = await Promise.all([this.#dialConfigured(), this.#dialRemembered(remembered)])
    if (failures.length < addresses.length || met > 0) return await this.#settled(SETTLING)
    if (!this.#closed) logger.warn({ err: failures[0] }, 'none of the nodes to join by could be reached')
  }

  /** @returns why those could not be dialled that could not */
  async #dialConfigured(): Promise<unknown[]> {
    const { node, addresses } = this.#needs
    const dials = await Promise.allSettled(addresses.map(async (address) => await node.dial(address)))
    return dials.flatMap((dial) => (dial.status === 'rejected' ? [dial.reason as unknown] : []))
  }

  /** @returns how many were reached */
  async #dialRemembered(left: Multiaddr[]): Promise<number> {
    let met = 0
    const work = async () => {
      while (met < ENOUGH && !this.#closed) {
        const address = left.shift()
        if (!address) return
        const reached = await this.#needs.node.dial(address).then(
          () => true,
          () => false,
        )
        if (reached) met++
      }
    }
    await Promise.all(Array.from({ length: REMEMBERED_AT_ONCE }, work))
    return met
  }

  /** When the routing table has a peer, this closes, or the time is over. */
  async #settled(milliseconds: number): Promise<void> {
    if (this.#needs.routingTable.size > 0 || this.#closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#needs.clock.after(milliseconds, resolve)
    this.#waiting.add(resolve)
    await promise
    this.#waiting.delete(resolve)
  }

  /** One listener for all who wait: an EventTarget with many is reported as a leak. */
  readonly #wake = () => {
    for (const resolve of this.#waiting) resolve()
  }
}
