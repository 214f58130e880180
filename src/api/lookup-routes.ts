/** A lookup as it happens, over HTTP: each peer that is asked, what it says, who it says is closer, until the zone is found. */
import type { FastifyInstance } from 'fastify'
import { formatName, type Name } from '../dns/name.ts'
import { whoseName } from '../names/whose.ts'
import type { PublicKey } from '../zone/key.ts'
import { EVENT_STREAM, type EventWriter, NDJSON, openEvents } from './event-stream.ts'
import { describe, nameFrom, typeFrom } from './node-routes.ts'
import { HttpFault } from './problem.ts'
import { LookupParams, LookupQuery, Refusals, StreamReply } from './schemas.ts'
import type { ApiDeps } from './server.ts'

const FOLLOW = {
  summary: 'Follow a lookup among the other nodes, step by step, whatever this node holds itself',
  description:
    'One JSON object a line, or Server-Sent Events where Accept says text/event-stream: step is "asked", "answered" or, at the ' +
    'end, "done" with what was found and how the name is answered.',
  params: LookupParams,
  querystring: LookupQuery,
  produces: [NDJSON, EVENT_STREAM],
  response: { 200: StreamReply, ...Refusals },
}
type Asked = { Params: { name: string }; Querystring: { type?: string; until?: 'first' | 'closest' } }

interface Walk {
  readonly key: PublicKey
  readonly until: 'first' | 'closest'
  readonly question: { readonly name: Name; readonly type: number }
}

export function lookupRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'directory' | 'petnames' | 'suffix' | 'resolve'>,
): void {
  app.get<Asked>('/v1/lookups/:name', { schema: FOLLOW }, (request, reply) => {
    const { until = 'first', type = 'A' } = request.query
    const name = nameFrom(request.params.name)
    const question = { name, type: typeFrom(type) }
    const whose = whoseName(name, deps.suffix, deps.petnames)
    if (whose.kind !== 'zone')
      throw new HttpFault(422, `${formatName(name)} is no name of a key; /v1/resolve answers others.`)
    const events = openEvents(request, reply)
    void tellWalk({ key: whose.key, until, question }, deps, events)
    return reply
  })
}

/** Never rejects: the reply has begun. */
async function tellWalk(
  { key, until, question }: Walk,
  { directory, resolve }: Pick<ApiDeps, 'directory' | 'resolve'>,
  events: EventWriter,
): Promise<void> {
  try {
    const { signal } = events
    const found = await directory.follow(key, { signal, until, tell: (step) => events.tell(plain(step)) })
    const answer = describe(question, await resolve(question, signal))
    events.tell({ step: 'done', ...plain(found), answer })
  } catch {
    events.tell({ step: 'done', kind: 'unreachable', copies: 0, cause: 'The lookup was ended.' })
  }
  events.end()
}

/** JSON knows no integers of 64 bits. */
function plain(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, typeof each === 'bigint' ? String(each) : each]),
  )
}
