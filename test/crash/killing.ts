/** A node that is killed while it publishes and started again, beside a witness; what was acknowledged is held against what is there. */
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Chance } from '../../fuzz/random.ts'
import type { Workplace } from '../cli/kadns.ts'
import { RunningNode } from '../cli/running-node.ts'
import { type Left, readLeftBehind } from './left-behind.ts'
import { PublishedZone } from './published-zone.ts'

/** Milliseconds from the first publish to the kill, at most. */
const LONGEST = 300
const DATA = 'node'

export class Killing {
  readonly #place: Workplace
  readonly #witness: RunningNode
  readonly #own: PublishedZone
  readonly #foreign: PublishedZone
  #node: RunningNode
  kills = 0
  /** Publishes that REST acknowledged; those of them that the witness has; those of the foreign zone that the node took. */
  readonly acknowledged = { own: 0, onWitness: 0, foreign: 0 }
  /** Publishes the node had not answered when it was killed; those of them that were there afterwards. */
  readonly inFlight = { all: 0, kept: 0 }
  /** A sentence for each miss. */
  readonly lost: string[] = []
  readonly lowered: string[] = []
  /** Milliseconds of each: until the store was open, and from the start of the process until REST answered. */
  readonly openings: number[] = []
  readonly starts: number[] = []

  private constructor(
    place: Workplace,
    nodes: { node: RunningNode; witness: RunningNode },
    zones: { own: PublishedZone; foreign: PublishedZone },
  ) {
    this.#place = place
    this.#node = nodes.node
    this.#witness = nodes.witness
    this.#own = zones.own
    this.#foreign = zones.foreign
  }

  static async begin(place: Workplace): Promise<Killing> {
    const witness = await RunningNode.start(place, 'witness')
    const node = await startBeside(place, witness)
    const zones = { own: await PublishedZone.make(node), foreign: await PublishedZone.make(witness) }
    return new Killing(place, { node, witness }, zones)
  }

  /** After half of the kills the node is in a network of its own: it has what is on its disk, and publishes to nobody. */
  async round(chance: Chance): Promise<void> {
    await this.#killAfter(chance.below(LONGEST + 1))
    await this.#judgeDisk()
    const began = performance.now()
    const isApart = chance.below(2) === 0
    this.#node = await (isApart
      ? RunningNode.start(this.#place, DATA, '--dht-network=apart')
      : startBeside(this.#place, this.#witness))
    this.starts.push(performance.now() - began)
    await this.#judgeNode()
  }

  /** Both zones are published, one publish of each at a time, until the kill. */
  async #killAfter(moment: number): Promise<void> {
    const killed = new AbortController()
    const publishing = [this.#publishOwn(killed.signal), this.#publishForeign(killed.signal)]
    // A publish that is refused ends the run at once, not after the moment.
    await Promise.race([setTimeout(moment), ...publishing])
    const { process } = this.#node
    const exited = once(process, 'exit')
    killed.abort()
    process.kill('SIGKILL')
    this.kills++
    await Promise.all([exited, ...publishing])
  }

  async #publishOwn(killed: AbortSignal): Promise<void> {
    while (!killed.aborted) {
      try {
        await this.#publishOnce()
      } catch (cause) {
        // What fetch throws when the connection breaks; a refusal is a plain Error.
        if (!killed.aborted || !(cause instanceof TypeError)) throw cause
        this.inFlight.all++
      }
    }
  }

  async #publishOnce(): Promise<void> {
    const before = this.#own.seen
    const outcome = await this.#own.publish(this.#node)
    const { sequence, number, storedOn } = outcome
    if (sequence <= before)
      this.lowered.push(this.#miss(`publish ${number} has ${sequence}, not above ${before}`))
    this.#own.acknowledge(outcome)
    this.acknowledged.own++
    if (storedOn > 0) this.acknowledged.onWitness++
  }

  /** There is no third node: what the witness has stored on another is stored on the node under test. */
  async #publishForeign(killed: AbortSignal): Promise<void> {
    while (!killed.aborted) {
      const outcome = await this.#foreign.publish(this.#witness)
      if (outcome.storedOn === 0) continue
      this.#foreign.acknowledge(outcome)
      this.acknowledged.foreign++
    }
  }

  async #judgeDisk(): Promise<void> {
    const keys = { own: this.#own.key, foreign: this.#foreign.key }
    const left = await readLeftBehind(join(this.#place.directory, DATA), keys)
    this.openings.push(left.opening)
    if (left.file < this.#own.acknowledged.sequence)
      this.lost.push(
        this.#miss(`the file of the own zone has ${left.file}, below ${this.#own.acknowledged.sequence}`),
      )
    this.#judgeLeft('own', this.#own, left.own)
    this.#judgeLeft('foreign', this.#foreign, left.foreign)
    this.#own.see(left.file)
  }

  #judgeLeft(which: string, zone: PublishedZone, { held, floor }: Left): void {
    const floorKnown = zone.floor > zone.acknowledged.sequence ? zone.floor : zone.acknowledged.sequence
    if (held < zone.seen)
      this.lost.push(this.#miss(`the ${which} zone in the store has ${held}, below ${zone.seen}`))
    if (floor < floorKnown)
      this.lowered.push(this.#miss(`the ${which} zone's floor is ${floor}, below ${floorKnown}`))
    zone.see(held)
    if (floor > zone.floor) zone.floor = floor
  }

  async #judgeNode(): Promise<void> {
    const own = this.#own
    const path = `/v1/zones/${own.key.label}`
    const shown = await this.#node.get<{ sequence?: string; records?: { value: string }[] }>(path)
    const sequence = BigInt(shown.sequence ?? 0)
    const number = numberIn(shown.records)
    const isThere = sequence >= own.seen && number >= own.acknowledged.number && number <= own.sent
    if (!isThere)
      this.lost.push(
        this.#miss(
          `REST has ${number} as ${sequence}, not ${own.acknowledged.number} as ${own.seen} or newer`,
        ),
      )
    if (number > own.acknowledged.number) this.inFlight.kept++
    own.see(sequence)
    await this.#judgeForeign()
    await this.#publishOnce()
  }

  async #judgeForeign(): Promise<void> {
    const wanted = this.#foreign.acknowledged.number
    if (wanted === 0) return
    const path = `/v1/resolve?name=${this.#foreign.name}&type=TXT`
    const { answers, rcode } = await this.#node.get<{ answers: { value: string }[]; rcode: string }>(path)
    const number = numberIn(answers)
    if (number < wanted)
      this.lost.push(this.#miss(`the foreign zone is answered ${rcode} with ${number}, below ${wanted}`))
  }

  #miss(what: string): string {
    return `kill ${this.kills}: ${what}`
  }
}

async function startBeside(place: Workplace, witness: RunningNode): Promise<RunningNode> {
  return await RunningNode.start(place, DATA, `--dht-bootstrap=${witness.address}`)
}

/** That of the TXT record; 0: there is none. */
function numberIn(records: readonly { value: string }[] = []): number {
  return Number(/^"(\d+)"$/.exec(records[0]?.value ?? '')?.[1] ?? 0)
}
