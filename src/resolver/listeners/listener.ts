/** What every door to the resolver is once it stands open, and why one may not. */
import { type Endpoint, formatEndpoint } from '../config.ts'

export interface Listener extends AsyncDisposable {
  /** Where it listens: the port it was given when it asked for any. */
  readonly endpoint: Endpoint
}

/** Where a door is to be: an address and port, or a socket that is open already. */
export type Place = Endpoint | { readonly fd: number }

/** @param address what the system says of the socket */
export function endpointOf(address: { address: string; port: number }, place: Place): Endpoint {
  return { host: 'fd' in place ? address.address : place.host, port: address.port }
}

/** A door that cannot be opened. The message is a sentence that names it. */
export class ListenFault extends Error {
  override readonly name = 'ListenFault'

  constructor(door: Pick<WantedPort, 'purpose' | 'protocol'>, place: Place, cause: unknown) {
    const sentence =
      'fd' in place
        ? `${door.purpose} cannot use the ${door.protocol} socket it was handed as descriptor ${place.fd}: ${listenReason(cause)}.`
        : listenSentence({ ...door, endpoint: place }, cause)
    super(sentence, { cause })
  }
}

/** Who wants to listen where. */
export interface WantedPort {
  /** "DNS", "DNS over TLS", "REST". */
  readonly purpose: string
  readonly protocol: 'UDP' | 'TCP'
  readonly endpoint: Endpoint
  /** It does without, where the machine has no such address; a port that is taken stays a fault. */
  readonly dispensable?: boolean
}

export function listenSentence({ purpose, protocol, endpoint }: WantedPort, cause: unknown): string {
  return `${purpose} cannot listen on ${protocol} ${formatEndpoint(endpoint)}: ${listenReason(cause)}.`
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'another program holds this port',
  EACCES: 'this needs more rights than the program has (ports below 1024 usually do)',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** Why the system refused, in words. */
export function listenReason(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message
}
