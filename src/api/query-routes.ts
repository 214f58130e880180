/** The questions of late over HTTP, for who runs this node and no one else. */
import type { FastifyInstance } from 'fastify'
import { formatRcode, formatType, parseRcode } from '../dns/message.ts'
import { formatName } from '../dns/name.ts'
import type { LoggedQuery, QueryLog } from '../resolver/query-log.ts'
import { HttpFault } from './problem.ts'
import { QueriesQuery, QueryList, Refusals, TOKEN_NEEDED } from './schemas.ts'
import type { ApiDeps } from './server.ts'

type Asked = { Querystring: { name?: string; rcode?: string; after?: string; limit?: string } }

const OFF = 'No questions are kept: dns.query_log says how many should be.'
const LIMIT = '100'

export function queryRoutes(app: FastifyInstance, { queries }: Pick<ApiDeps, 'queries'>): void {
  app.get<Asked>(
    '/v1/queries',
    {
      config: { needs: 'read' },
      schema: {
        summary: 'Questions of late, the newest first; 404 where none are kept',
        security: TOKEN_NEEDED,
        querystring: QueriesQuery,
        response: { 200: QueryList, ...Refusals },
      },
    },
    async ({ query: { name, rcode, after = '0', limit = LIMIT } }) => {
      const filter = {
        name: name?.toLowerCase(),
        rcode: rcodeFrom(rcode),
        after: Number(after),
        limit: Number(limit),
      }
      return { queries: kept(queries).read(filter, formatName).map(describe) }
    },
  )

  app.delete(
    '/v1/queries',
    {
      schema: {
        summary: 'Forget the questions of late',
        security: TOKEN_NEEDED,
        response: { 204: { type: 'null', description: 'They are forgotten.' }, ...Refusals },
      },
    },
    async (_request, reply) => {
      kept(queries).clear()
      return reply.code(204).send()
    },
  )
}

function kept(queries: QueryLog | undefined): QueryLog {
  if (!queries) throw new HttpFault(404, OFF)
  return queries
}

function rcodeFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const rcode = parseRcode(text)
  if (rcode === undefined) throw new HttpFault(400, `"${text}" is no RCODE, such as NXDOMAIN.`)
  return rcode
}

function describe({ time, name, type, rcode, ...rest }: LoggedQuery) {
  return {
    ...rest,
    time: new Date(time).toISOString(),
    name: formatName(name),
    type: formatType(type),
    rcode: formatRcode(rcode),
  }
}
