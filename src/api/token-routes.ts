/** Tokens over HTTP: made, listed and taken back with the node's own. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { formatName, relativeTo } from '../dns/name.ts'
import { parseDataType, parseOwner } from '../zone/records.ts'
import { type Scope, ScopeSchema } from './grants.ts'
import { HttpFault } from './problem.ts'
import { Refusals, TOKEN_NEEDED } from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { keyFrom, unknownZone } from './zone-routes.ts'

const Made = Type.Object({
  id: Type.String(),
  token: Type.String({ description: 'Told this once: the node keeps its digest alone.' }),
})
const Listed = Type.Object({
  tokens: Type.Array(
    Type.Object({
      id: Type.String(),
      about: Type.String(),
      created: Type.String(),
      scope: ScopeSchema,
      tsig: Type.Boolean(),
    }),
  ),
})
const Wanted = Type.Object(
  {
    scope: ScopeSchema,
    about: Type.Optional(Type.String({ maxLength: 100, description: 'Who has it.', examples: ['router'] })),
    tsig: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'For UPDATE (RFC 2136) in place of REST: its id is the name of the key, the token its secret.',
      }),
    ),
  },
  { additionalProperties: false },
)

const CREATE = {
  summary: 'Make a token that may do less: read what is private, publish, or write the records of one name',
  security: TOKEN_NEEDED,
  body: Wanted,
  response: { 201: Made, ...Refusals },
}
const LIST = {
  summary: 'The tokens there are, without themselves',
  security: TOKEN_NEEDED,
  response: { 200: Listed, ...Refusals },
}
const REMOVE = {
  summary: 'Take a token back',
  security: TOKEN_NEEDED,
  params: Type.Object({ id: Type.String() }),
  response: { 204: Type.Null(), ...Refusals },
}

export function tokenRoutes(app: FastifyInstance, { grants, publisher, suffix }: ApiDeps): void {
  const plain = (scope: Scope): Scope => {
    if (scope.kind !== 'set') return scope
    const key = keyFrom(scope.zone)
    if (!publisher.get(key)) throw unknownZone(scope.zone)
    const name = formatName(relativeTo(parseOwner(scope.name, key, suffix), key.apex)).slice(0, -1)
    for (const type of scope.types) parseDataType(type)
    return { ...scope, name: name === '' ? '@' : name }
  }

  app.post<{ Body: { scope: Scope; about?: string; tsig?: boolean } }>(
    '/v1/tokens',
    { schema: CREATE },
    async ({ body }, reply) => {
      const made = await grants.create(plain(body.scope), {
        about: body.about ?? '',
        tsig: body.tsig ?? false,
      })
      return reply.code(201).send(made)
    },
  )

  app.get('/v1/tokens', { schema: LIST, config: { needs: 'admin' } }, async () => ({ tokens: grants.list() }))

  app.delete<{ Params: { id: string } }>('/v1/tokens/:id', { schema: REMOVE }, async ({ params }, reply) => {
    if (!(await grants.remove(params.id))) throw new HttpFault(404, `There is no token ${params.id}.`)
    return reply.code(204).send()
  })
}
