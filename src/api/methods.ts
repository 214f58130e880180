/** What a path can do: other methods there are told so (RFC 9110 15.5.6), where the router alone would say that there is no such path. */
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { HttpFault } from './problem.ts'

/** Watches the routes being added. Call what it returns once all are. */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set()
    for (const word of [method].flat()) known.add(word)
    methods.set(url, known)
  })
  return () => {
    for (const [url, known] of [...methods]) refuse(app, url, known)
  }
}

function refuse(app: FastifyInstance, url: string, known: ReadonlySet<string>): void {
  const allowed = [...known].sort().join(', ')
  const others = app.supportedMethods.filter((method) => !known.has(method)) as HTTPMethods[]
  app.route({
    method: others,
    url,
    schema: { hide: true },
    // Before a body is read: whatever is in it has no place to go.
    onRequest: async ({ method }, reply) => {
      reply.header('allow', allowed)
      throw new HttpFault(405, `${method} is not for this path; it takes ${allowed}.`)
    },
    handler: async () => undefined,
  })
}
