/** The wide area and the local network as one: asked beside each other, and given what each may carry. */
import type { SignedZone } from '../zone/signed-zone.ts'
import type { Findings } from './findings.ts'
import type { Contact } from './frames.ts'
import type { LookupGoal } from './lookup-goal.ts'
import { mergeFindings } from './merge-findings.ts'
import type { Network } from './network.ts'
import { carries } from './scope.ts'

/** One of the two, as it is used here. */
export type OneNetwork = Pick<Network, 'side' | 'peerCount' | 'search' | 'put' | 'correct'>

export class Networks {
  readonly #networks: readonly OneNetwork[]
  /** Where a contact was met: it can be corrected there only. */
  readonly #metIn = new WeakMap<Contact, OneNetwork>()

  /** @param networks the wide area first */
  constructor(networks: readonly OneNetwork[]) {
    this.#networks = networks
  }

  /** Until `first`: the first good answer of either; otherwise what both have found. */
  async search(goal: LookupGoal, signal?: AbortSignal): Promise<Findings> {
    const asked = this.#networks.filter((each) => each.side === 'wan' || each.peerCount() > 0)
    const searches = asked.map((each) => this.#searchIn(each, goal, signal))
    const first = goal.until === 'first' ? await firstAnswer(searches) : undefined
    return first ?? mergeFindings(await Promise.all(searches), goal.have)
  }

  /** Never rejects. */
  async correct(contacts: readonly Contact[], zone: SignedZone): Promise<void> {
    const carrying = this.#networks.filter(({ side }) => carries(side, zone))
    const corrections = carrying.map((each) => {
      const met = contacts.filter((contact) => this.#metIn.get(contact) === each)
      return each.correct(met, zone)
    })
    await Promise.all(corrections)
  }

  /**
   * @param acknowledged called for each other node that acknowledged the zone, at once
   * @returns how many did
   * @throws ZoneFault `older` when one of them holds a newer one
   */
  async put(zone: SignedZone, signal: AbortSignal, acknowledged?: (by: Contact) => void): Promise<number> {
    const carrying = this.#networks.filter(({ side }) => carries(side, zone))
    const storedOn = await Promise.all(carrying.map((each) => each.put(zone, signal, acknowledged)))
    return storedOn.reduce((sum, count) => sum + count, 0)
  }

  async #searchIn(network: OneNetwork, goal: LookupGoal, signal?: AbortSignal): Promise<Findings> {
    const { have } = goal
    // What is not for a network is not told there either, not even that there is one.
    const known = have && carries(network.side, have) ? have : undefined
    const findings = await network.search({ ...goal, have: known }, signal)
    for (const contact of findings.behind) this.#metIn.set(contact, network)
    for (const contact of findings.holders) this.#metIn.set(contact, network)
    return findings
  }
}

/** Undefined when none of them is an answer, or one has failed: then whoever waits for all of them hears why. */
async function firstAnswer(searches: readonly Promise<Findings>[]): Promise<Findings | undefined> {
  const answers = searches.map(async (search) => {
    const findings = await search
    const { kind } = findings.verdict
    if (kind !== 'found' && kind !== 'same') throw new Error('This is no answer.')
    return findings
  })
  return await Promise.any(answers).catch(() => undefined)
}
