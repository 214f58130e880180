/** This node over HTTP: what it is, whether it is well, and what it answers to a question. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DnsFault } from '../dns/fault.ts'
import { formatRcode, formatType, parseType, Rcode, RecordType, type ResourceRecord } from '../dns/message.ts'
import { formatName, type Name, nameFromLabels, parseName } from '../dns/name.ts'
import { formatRdata } from '../dns/rdata-text.ts'
import { formatMetrics } from '../metrics.ts'
import type { Answer } from '../resolver/query.ts'
import { HttpFault } from './problem.ts'
import { Health, NodeInfo, Refusals, ReloadResult, Resolved, ResolveQuery, TOKEN_NEEDED } from './schemas.ts'
import type { ApiDeps } from './server.ts'

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const METRICS = {
  summary: 'What this node counts, for Prometheus; no names and no addresses of clients',
  produces: ['text/plain', 'application/openmetrics-text'],
}

const Readiness = Type.Object({ status: Type.String() })
const READY = {
  summary: 'Whether it answers: a question goes through the whole resolver, and asks nobody outside',
  response: { 200: Readiness, 503: Readiness },
}

type Asked = { Querystring: { name: string; type?: string } }

export function nodeRoutes(app: FastifyInstance, { resolve, node, reload, metrics }: ApiDeps): void {
  app.get('/v1/node', { schema: { summary: 'This node', response: { 200: NodeInfo } } }, async () => node())

  app.get(
    '/healthz',
    {
      schema: { summary: 'Whether it is up: the API opens last and closes first', response: { 200: Health } },
    },
    async () => ({ status: 'ok' }),
  )

  app.get('/readyz', { schema: READY }, async ({ signal }, reply) => {
    const name = nameFromLabels(['localhost'])
    const { rcode } = await resolve({ name, type: RecordType.A }, signal)
    if (rcode !== Rcode.NoError) return reply.code(503).send({ status: 'not ready' })
    return { status: 'ready' }
  })

  app.get('/metrics', { schema: METRICS }, async ({ headers }, reply) => {
    const isOpenMetrics = headers.accept?.includes('application/openmetrics-text') ?? false
    reply.type(isOpenMetrics ? OPEN_METRICS : PROMETHEUS).serializer(String)
    return reply.send(formatMetrics(metrics(), isOpenMetrics))
  })

  app.post(
    '/v1/reload',
    {
      schema: {
        summary:
          'Take up what has changed in records, lists, upstream servers and their settings; with a fault in them all stays as it was',
        security: TOKEN_NEEDED,
        response: { 200: ReloadResult, ...Refusals },
      },
    },
    async () => {
      const { faults, ...result } = await reload()
      if (faults.length === 0) return result
      const sentence = 'Nothing was reloaded; what is wrong stands in faults.'
      throw new HttpFault(
        422,
        sentence,
        faults.map((message) => ({ message })),
      )
    },
  )

  app.get<Asked>(
    '/v1/resolve',
    {
      schema: {
        summary: 'Ask as a DNS client would',
        querystring: ResolveQuery,
        response: { 200: Resolved, ...Refusals },
      },
    },
    async ({ query, signal }) => {
      const question = { name: nameFrom(query.name), type: typeFrom(query.type ?? 'A') }
      return describe(question, await resolve(question, signal))
    },
  )
}

/** @throws HttpFault 400 */
export function nameFrom(text: string): Name {
  try {
    return parseName(text)
  } catch (fault) {
    if (fault instanceof DnsFault) throw new HttpFault(400, fault.message)
    throw fault
  }
}

/** @throws HttpFault 400 */
export function typeFrom(text: string): number {
  const type = parseType(text)
  if (type === undefined)
    throw new HttpFault(400, `"${text}" is no record type; unknown ones are written TYPE65280.`)
  return type
}

/** An answer as JSON tells it. */
export function describe({ name, type }: { name: Name; type: number }, answer: Answer) {
  return {
    name: formatName(name),
    type: formatType(type),
    rcode: formatRcode(answer.rcode),
    answers: answer.records.map(formatAnswer),
    from: answer.origin === 'failure' ? 'local' : answer.origin,
    lookup: answer.effort,
    error: answer.error && { code: answer.error.code, text: answer.error.text },
  }
}

function formatAnswer({ name, type, ttl, data }: ResourceRecord) {
  return { name: formatName(name), type: formatType(type), ttl, value: formatRdata(type, data) }
}
