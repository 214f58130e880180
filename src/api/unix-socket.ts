/** REST on a unix socket besides: no page in a browser reaches it, and the file's rights say who may. */
import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Owner and group. */
const RIGHTS = 0o660

/** @throws the system's error, EADDRINUSE also where another process answers there or the file is no socket */
export async function openSocket(app: FastifyInstance, path: string): Promise<AsyncDisposable> {
  await removeStale(path)
  const { headersTimeout, keepAliveTimeout, requestTimeout, maxConnections } = app.server
  const server = createServer({ headersTimeout, keepAliveTimeout, requestTimeout }, (request, reply) =>
    app.routing(request, reply),
  )
  server.maxConnections = maxConnections
  const before = process.umask(0o777 & ~RIGHTS) // from its first moment nobody else's
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject).listen(path, resolve)
    await promise
  } finally {
    process.umask(before)
  }
  await chmod(path, RIGHTS)
  return {
    [Symbol.asyncDispose]: async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      server.closeAllConnections()
      await promise
    },
  }
}

/** A node that was killed leaves its socket behind, and nobody could listen there again. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found?.isSocket()) return
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path)
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  const isAnswered = await promise
  socket.destroy()
  if (!isAnswered) await rm(path)
}
