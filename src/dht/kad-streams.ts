/** Bounds on kad-dht's own streams: left to itself it buffers messages of four megabytes before it looks at them. */
import { isPeerId, type PeerId, type Stream, type StreamHandler } from '@libp2p/interface'
import type { kadDHT } from '@libp2p/kad-dht'
import { isDialRefused } from './dial-budget.ts'
import { DhtFault } from './fault.ts'
import { MAX_FRAME_OCTETS } from './frames.ts'
import type { Kad } from './kad.ts'

type MakeKad = ReturnType<typeof kadDHT>
type Components = Parameters<MakeKad>[0]
type Registrar = Components['registrar']
type ConnectionManager = Components['connectionManager']
type Pinger = Components['ping']

const VARINT_BITS = 7
/** A length of more is over the bound whatever its octets are. */
const MAX_LENGTH_OCTETS = 3
/** A question waits for the answer to the one before: messages that did not, however short, would pile up unread. */
const MAX_AHEAD = 1

/** kad-dht whose streams, in and out, end when a message announces more than 8 KiB, or more than one comes at a time. */
export function boundedKad(make: MakeKad): MakeKad {
  return (components) => {
    const registrar = boundRegistrar(components.registrar)
    const connectionManager = boundConnectionManager(components.connectionManager)
    const isKnown = async (peer: PeerId) =>
      (await (kad as unknown as Kad).routingTable.find(peer)) !== undefined
    const ping = toleratingPing(components.ping, isKnown)
    const kad = make(replacing(components, { registrar, connectionManager, ping }))
    return kad
  }
}

/** A contact that this node itself did not dial is as it was: kad-dht would put another in its place. */
function toleratingPing(pinger: Pinger, isKnown: (peer: PeerId) => Promise<boolean>): Pinger {
  const ping: Pinger['ping'] = async (peer, options) => {
    try {
      return await pinger.ping(peer, options)
    } catch (cause) {
      if (isDialRefused(cause) && isPeerId(peer) && (await isKnown(peer))) return 0
      throw cause
    }
  }
  return replacing(pinger, { ping })
}

function boundRegistrar(registrar: Registrar): Registrar {
  const handle: Registrar['handle'] = async (protocol, handler, options) => {
    const bounded: StreamHandler = (stream, connection) => {
      watch(stream)
      return handler(stream, connection)
    }
    await registrar.handle(protocol, bounded, options)
  }
  return replacing(registrar, { handle })
}

function boundConnectionManager(manager: ConnectionManager): ConnectionManager {
  const openStream: ConnectionManager['openStream'] = async (...to) => {
    const stream = await manager.openStream(...to)
    watch(stream)
    return stream
  }
  return replacing(manager, { openStream })
}

/** The same object but for these parts; its own methods still find their private fields. */
function replacing<Whole extends object>(whole: Whole, parts: Partial<Whole>): Whole {
  return new Proxy(whole, {
    get: (target, name) => {
      if (Object.hasOwn(parts, name)) return Reflect.get(parts, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function watch(stream: Stream): void {
  const lengths = new MessageLengths()
  let sent = 0
  const send = stream.send.bind(stream)
  stream.send = (octets) => {
    sent++
    return send(octets)
  }
  let ended = false
  stream.addEventListener('message', (event) => {
    const chunks = event.data instanceof Uint8Array ? [event.data] : Array.from(event.data)
    ended ||= !chunks.every((chunk) => lengths.hear(chunk)) || lengths.begun > sent + MAX_AHEAD
    if (!ended) return
    event.stopImmediatePropagation() // before kad-dht, which listens after this, takes it into its buffer
    stream.abort(new DhtFault('frame', `More came than one message of ${MAX_FRAME_OCTETS} octets.`))
  })
}

/** Follows messages, each behind its length as a varint, without keeping any. */
export class MessageLengths {
  /** Messages that have begun. */
  begun = 0
  /** Octets of the message under way that are still to come. */
  #left = 0
  #length = 0
  #lengthOctets = 0

  /** @returns whether all lengths so far are within the bound */
  hear(octets: Uint8Array): boolean {
    let at = 0
    while (at < octets.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, octets.length - at)
        this.#left -= skipped
        at += skipped
      } else if (!this.#hearLength(octets[at++]!)) {
        return false
      }
    }
    return true
  }

  #hearLength(octet: number): boolean {
    if (this.#lengthOctets === 0) this.begun++
    this.#length += (octet & 0x7f) * 2 ** (VARINT_BITS * this.#lengthOctets)
    this.#lengthOctets++
    if (this.#length > MAX_FRAME_OCTETS || this.#lengthOctets > MAX_LENGTH_OCTETS) return false
    if ((octet & 0x80) !== 0) return true
    this.#left = this.#length
    this.#length = 0
    this.#lengthOctets = 0
    return true
  }
}
