/** Keys whose zones may lead to private addresses, over HTTP. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { HttpFault } from './problem.ts'
import { Refusals, TOKEN_NEEDED, ZoneParams } from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { keyFrom } from './zone-routes.ts'

const LIST = {
  summary: 'Keys of others whose zones may lead to private addresses',
  response: { 200: Type.Object({ keys: Type.Array(Type.String()) }), ...Refusals },
}
const PUT = {
  summary:
    'Let the zone of this key lead to private addresses: in those of strangers they are left out (DNS rebinding)',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  response: { 204: Type.Null(), ...Refusals },
}
const DELETE = {
  summary: 'Let it no more',
  security: TOKEN_NEEDED,
  params: ZoneParams,
  response: { 204: Type.Null(), ...Refusals },
}

type WithKey = { Params: { key: string } }

export function allowedRoutes(app: FastifyInstance, { allowed }: ApiDeps): void {
  app.get('/v1/allowed', { schema: LIST }, async () => ({ keys: allowed.list() }))

  app.put<WithKey>('/v1/allowed/:key', { schema: PUT }, async ({ params }, reply) => {
    await allowed.add(keyFrom(params.key))
    return reply.code(204).send()
  })

  app.delete<WithKey>('/v1/allowed/:key', { schema: DELETE }, async ({ params }, reply) => {
    if (!(await allowed.remove(keyFrom(params.key))))
      throw new HttpFault(404, `The key ${params.key} was not on the list.`)
    return reply.code(204).send()
  })
}
