/** What may be asked of an attacker's process, and what it answers; a real node's owner is one of its kind. Octets are base64: they go from process to process. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { endProcess, type Machine } from '../support/machines.ts'

export type Behaviour = 'old' | 'many' | 'absent' | 'silent' | 'garbage' | 'lying' | 'signature' | 'other'
/** Our protocol, or kad-dht's PUT_VALUE. */
export type Way = 'zone' | 'kad'

/** A peer of the attacker. */
export interface Peer {
  readonly behaviour: Behaviour
  /** Its multiaddr. */
  readonly listen: string
  /** It stands as near to this place, hexadecimal, as a thousand tries bring it. */
  readonly near?: string
  /** Of all chance. */
  readonly seed: string
  /** A signed zone: of the key under attack with `old`, else any. */
  readonly zone?: string
}

/** Zones signed by new keys, put as fast as they are taken, by several peers of this address. */
export interface Flood {
  readonly to: string
  readonly count: number
  readonly by: Way
}

export type Command =
  | ({ readonly do: 'listen' } & Peer)
  | { readonly do: 'meet'; readonly addresses: readonly string[] }
  | { readonly do: 'served' }
  | { readonly do: 'watch'; readonly port: number }
  | { readonly do: 'dials' }
  | { readonly do: 'call'; readonly host: string; readonly port: number }
  | { readonly do: 'publish'; readonly api: string; readonly token: string; readonly text: string }
  | ({ readonly do: 'flood' } & Flood)
  | { readonly do: 'put'; readonly to: string; readonly zone: string; readonly by: Way }
  | { readonly do: 'get'; readonly to: string; readonly key: string }
  | { readonly do: 'trickle'; readonly to: string; readonly by: Way; readonly octets: number }
  | { readonly do: 'hold'; readonly to: string; readonly by: Way; readonly octets: number }

export interface Outcomes {
  readonly listen: undefined
  readonly meet: undefined
  /** Requests its peers have answered, or were asked in vain. */
  readonly served: number
  readonly watch: undefined
  /** Addresses of this machine at which somebody called. */
  readonly dials: string[]
  readonly call: undefined
  /** What a new zone stands under, and on how many others it is. */
  readonly publish: { name: string; storedOn: number }
  /** How often each answer came. */
  readonly flood: Record<string, number>
  readonly put: string
  /** The zone held, or '' for none. */
  readonly get: string
  /** Octets written until it was cut off. */
  readonly trickle: number
  /** Streams that still stand with all the octets sent. */
  readonly hold: number
}

type Answer = { readonly id: number; readonly value?: unknown; readonly fault?: string }

/** The process, as whoever commands it sees it. */
export class Agent implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #last = 0

  constructor(machine: Machine) {
    const words = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'agent.ts')]
    this.#process = machine.spawn(words, ['ignore', 'ignore', 'inherit', 'ipc'])
    this.#process.on('message', ({ id, value, fault }: Answer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (fault === undefined) waiting?.resolve(value)
      else waiting?.reject(new Error(`An attacker failed: ${fault}`))
    })
    this.#process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('An attacker ended.'))
    })
  }

  async do<C extends Command>(command: C): Promise<Outcomes[C['do']]> {
    const id = ++this.#last
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#process.send({ id, command })
    return (await waiting.promise) as Outcomes[C['do']]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#process, 'SIGKILL')
  }
}
