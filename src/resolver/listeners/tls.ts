/** The door of DNS over TLS (RFC 7858): the TCP door, and nobody in between who reads or changes anything. */
import { createServer } from 'node:tls'
import { type CertificateFiles, readCertificate, watchCertificate } from './certificate.ts'
import type { Listener, Place } from './listener.ts'
import { Connection, Guests, openServer, type TcpDeps } from './tcp.ts'

/** @throws ListenFault, CertificateFault */
export async function listenTls(place: Place, files: CertificateFiles, deps: TcpDeps): Promise<Listener> {
  const guests = new Guests(deps)
  const pair = await readCertificate(files)
  const server = createServer(
    {
      ...pair,
      allowHalfOpen: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['dot'], // RFC 7858 has none: a client without ALPN is served too
      handshakeTimeout: deps.config.tcpMessageTimeout,
    },
    (socket) => new Connection(socket, 'tls', deps).start(),
  )
  // Before the handshake, which is what costs: who may not ask gets none.
  server.on('connection', (socket) => void guests.admit(socket))
  server.on('tlsClientError', (error, socket) => {
    deps.logger.debug({ err: error }, 'a TLS connection failed')
    socket.destroy()
  })
  const open = await openServer(server, place, { purpose: 'DNS over TLS', guests, deps })
  const watch = watchCertificate({ files, pair }, (fresh) => server.setSecureContext(fresh), deps)
  return {
    endpoint: open.endpoint,
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]()
      await open[Symbol.asyncDispose]()
    },
  }
}
