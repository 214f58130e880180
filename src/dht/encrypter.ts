/** Noise as libp2p has it, with one write to the socket for each message, and nothing thrown for a message that is whole. */
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'

type Components = Parameters<ReturnType<typeof noise>>[0]
type Octets = Parameters<MessageStream['send']>[0]

/** A field of libp2p's class that is not in its interface; the exact version is pinned. */
interface Decoding {
  readonly decoder?: { lengthDecoder(octets: Octets): number }
}

/** How libp2p's decoder is told that the length has not come yet: once made, since a stack costs more than a decryption. */
const TOO_SHORT = new RangeError('A message of noise ends before its length does.')

export function encrypter(): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const inner = noise()(components)
    const { secureInbound, secureOutbound } = inner
    return Object.assign(inner, {
      secureInbound: async (...[connection, options]: Parameters<typeof secureInbound>) =>
        decodingQuietly(await secureInbound.call(inner, sendingWhole(connection), options)),
      secureOutbound: async (...[connection, options]: Parameters<typeof secureOutbound>) =>
        decodingQuietly(await secureOutbound.call(inner, sendingWhole(connection), options)),
    })
  }
}

/** Noise sends a message's length and its octets as a list of two, each of which the socket would write by itself. */
function sendingWhole(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data instanceof Uint8Array ? data : data.subarray())
  return connection
}

/** After each message libp2p looks for the next one's length, and throws and catches when there is none. */
function decodingQuietly<Secured extends SecuredConnection>(secured: Secured): Secured {
  const { decoder } = secured.connection as unknown as Decoding
  if (!decoder) return secured
  const lengthOf = decoder.lengthDecoder
  decoder.lengthDecoder = (octets) => {
    if (octets.byteLength < 2) throw TOO_SHORT
    return lengthOf(octets)
  }
  return secured
}
