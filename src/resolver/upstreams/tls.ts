/** TLS to a server (RFC 7858, 8484): it is whom its certificate names, or nobody is asked. */
import { connect, type TLSSocket } from 'node:tls'
import type { UpstreamServer } from '../config.ts'

/** Opens connections to a server, for DNS over TLS or HTTP/2, that take up the last session, which saves a round trip and the certificate. */
export function tlsOpener({ host, port, name }: UpstreamServer, protocol: 'dot' | 'h2'): () => TLSSocket {
  let session: Buffer | undefined
  return () => {
    const socket = connect({
      host,
      port,
      // Without a name Node checks the certificate against the address.
      ...(name === undefined ? {} : { servername: name }),
      ...(session ? { session } : {}),
      minVersion: 'TLSv1.2',
      ALPNProtocols: [protocol],
    })
    socket.on('session', (fresh) => {
      session = fresh
    })
    socket.on('error', () => {
      session = undefined
    })
    return socket
  }
}
