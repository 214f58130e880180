/** The peers of this network with an open connection that serve zones: to ask one of them takes one round trip. */
import type { IdentifyResult, Libp2p, PeerId } from '@libp2p/interface'
import { contactOf, pointOf } from './contacts.ts'
import { type Contact, ZONE_PROTOCOL } from './frames.ts'
import { nearest, type Placed, placed } from './nearest.ts'

interface Link extends Placed {
  readonly contact: Contact
}

type Events = Pick<Libp2p, 'addEventListener' | 'removeEventListener'>

export class Links implements Disposable {
  readonly #node: Events
  readonly #links = new Map<string, Link>()
  readonly #identified = ({ detail }: CustomEvent<IdentifyResult>) => this.#add(detail)
  readonly #gone = ({ detail }: CustomEvent<PeerId>) => void this.#links.delete(nameOf(contactOf(detail)))

  constructor(node: Events) {
    this.#node = node
    node.addEventListener('peer:identify', this.#identified)
    node.addEventListener('peer:disconnect', this.#gone)
  }

  has(contact: Contact): boolean {
    return this.#links.has(nameOf(contact))
  }

  /** Those nearest to a place, nearest first. @param within only those nearer to it than this point */
  nearest(target: Uint8Array, count: number, within?: Uint8Array): Contact[] {
    const options = { count, within: within && placed(within) }
    return nearest(this.#links.values(), placed(target), options).map(({ contact }) => contact)
  }

  [Symbol.dispose](): void {
    this.#node.removeEventListener('peer:identify', this.#identified)
    this.#node.removeEventListener('peer:disconnect', this.#gone)
  }

  #add({ peerId, protocols, connection }: IdentifyResult): void {
    if (!protocols.includes(ZONE_PROTOCOL) || connection.status !== 'open') return
    const contact = contactOf(peerId)
    this.#links.set(nameOf(contact), { contact, ...placed(pointOf(contact)) })
  }
}

function nameOf({ id }: Contact): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}
