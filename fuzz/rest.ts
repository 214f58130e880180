/** Requests made at random from what the API says of itself, to a running node: it may refuse, and must neither fail nor fall silent. */
import { type ClientRequest, request } from 'node:http'
import { emptyResult, type Plan, type Result } from './cases.ts'
import { KEY } from './corpus.ts'
import { FuzzedNode } from './node.ts'
import { Chance } from './random.ts'

/** Of OpenAPI, what is read here. */
interface Description {
  readonly paths: Record<string, Record<string, Operation>>
}
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> }
}
interface Schema {
  readonly type?: string
  readonly properties?: Record<string, Schema>
  readonly items?: Schema
}

interface Route {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

interface Made {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
}

/** Requests under way at once. */
const TOGETHER = 8
/** Milliseconds for a reply; a look into the network ends before. */
const PATIENCE = 20_000
/** What a node says in order: that others are not reached, or the disk is full. */
const FORESEEN = new Set([502, 503, 504, 507])
const HOSTILE = [
  '',
  '0',
  '-1',
  '1e400',
  '../../etc/passwd',
  '%00',
  'a'.repeat(300),
  '٣',
  '\u202e',
  '@',
  '*',
  '"',
  '\\',
  '\\000',
  'xn--',
  '__proto__',
  'constructor',
]
const WORDS = [
  'www',
  'A',
  'AAAA',
  'TXT',
  'NS',
  'SOA',
  'TYPE65280',
  '192.0.2.1',
  '"x"',
  '\\# 2 c00c',
  'kad.alt',
  '10 mail',
  '300',
]
const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  3_000_000_000,
  [],
  {},
  [[]],
  { __proto__: 1 },
  '',
]
const TYPES = [
  'application/json',
  'text/dns',
  'application/octet-stream',
  'text/plain',
  '',
  'application/json; charset=x',
]
const MAX_FINDINGS = 5

/** Runs `plan.count` cases from `plan.first` on; `plan.time` may end it sooner. */
export async function runRest(plan: Plan, progress: (result: Result) => void): Promise<Result> {
  await using node = await FuzzedNode.start()
  const result = emptyResult('rest')
  const { paths } = (await (await fetch(`${node.api}/openapi.json`)).json()) as Description
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const began = performance.now()
  let next = plan.first
  const isOver = () => {
    result.milliseconds = performance.now() - began
    const done = Math.max(result.milliseconds / plan.time, (next - plan.first) / plan.count)
    return done >= 1 || result.findings.length >= MAX_FINDINGS
  }
  const work = async () => {
    while (!isOver()) {
      const number = next++
      const made = requestOf(new Chance(plan.seed, 'rest', number), routes, node.token)
      await send(made, { number, url: node.api, result })
      result.inputs++
      result.rss.end = node.rss ?? 0
      progress(result)
    }
  }
  await Promise.all(Array.from({ length: TOGETHER }, work))
  const note = (what: string) => result.findings.push({ target: 'rest', number: 0, cases: 0, hex: '', what })
  for (const fault of await node.stop()) note(fault)
  if (node.complaint) note(node.complaint)
  return result
}

/** One in so many has a wrong token: ten in a minute, and the address is refused whatever it sends. */
const WRONG_TOKENS = 20_000

function requestOf(chance: Chance, routes: readonly Route[], token: string): Made {
  const { method, path, operation } = chance.pick(routes)
  // The zone all other requests are about is not to be put away.
  const isEnd = method === 'DELETE' && path === '/v1/zones/{key}'
  const filled = path.replace(/\{(\w+)\}/g, (_, name) =>
    encoded(name === 'key' && !isEnd ? keyOf(chance) : textOf(chance), chance),
  )
  const query = (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query' && chance.below(2) === 0)
    .map(({ name }) => `${name}=${encoded(textOf(chance), chance)}`)
  const body = chance.below(8) === 0 ? noise(chance) : bodyOf(operation, chance)
  const headers: Record<string, string> = {}
  if (chance.below(8) > 0)
    headers['authorization'] =
      `Bearer ${chance.below(WRONG_TOKENS) === 0 ? textOf(chance).replace(/[^ -~]/g, '') : token}`
  if (body) headers['content-length'] = String(body.length) // which Node leaves out where a body is unusual
  if (body) headers['content-type'] = chance.below(4) > 0 ? typeOf(operation, chance) : chance.pick(TYPES)
  if (chance.below(4) === 0)
    headers['accept'] = chance.pick(['text/dns', 'text/event-stream', '*/*', 'a/b;q=x'])
  if (chance.below(8) === 0) headers['if-match'] = chance.pick(['*', '"1"', 'W/"x', ','])
  const target = filled + (query.length > 0 ? `?${query.join('&')}` : '')
  return { method: isRarelyWanted(method, path, chance) ? 'GET' : method, path: target, headers, body }
}

// Each would be a key and two flushed files more: a few are enough.
function isRarelyWanted(method: string, path: string, chance: Chance): boolean {
  return method === 'POST' && path === '/v1/zones' && chance.below(50) > 0
}

function typeOf({ requestBody }: Operation, chance: Chance): string {
  return chance.pick(Object.keys(requestBody?.content ?? { 'application/json': 0 }))
}

function keyOf(chance: Chance): string {
  return chance.below(4) === 0 ? textOf(chance) : KEY.label
}

function textOf(chance: Chance): string {
  if (chance.below(3) === 0) return chance.pick(HOSTILE)
  const words = Array.from({ length: 1 + chance.below(3) }, () => chance.pick(WORDS))
  return words.join(chance.pick(['.', ' ', '']))
}

/** Mostly as it should be; sometimes as no client should. */
function encoded(text: string, chance: Chance): string {
  return chance.below(10) === 0 ? text.replace(/[^!-~]|[#?]/g, '') : encodeURIComponent(text)
}

function noise(chance: Chance): Buffer {
  return Buffer.from(Array.from({ length: chance.below(200) }, () => chance.below(256)))
}

function bodyOf({ requestBody }: Operation, chance: Chance): Buffer | undefined {
  const schema = requestBody?.content['application/json']?.schema
  if (!schema) return undefined
  if (chance.below(6) === 0) return Buffer.from(zoneFile(chance))
  return Buffer.from(JSON.stringify(madeOf(schema, chance)) ?? '')
}

function zoneFile(chance: Chance): string {
  const line = () =>
    Array.from({ length: chance.below(7) }, () => textOf(chance)).join(chance.pick([' ', '\t', '(', '\n']))
  return Array.from({ length: chance.below(5) }, line).join('\n')
}

function madeOf(schema: Schema, chance: Chance): unknown {
  if (chance.below(12) === 0) return chance.pick(VALUES)
  if (schema.type === 'array')
    return Array.from({ length: chance.below(4) }, () => madeOf(schema.items ?? {}, chance))
  if (schema.type === 'object') {
    const members = Object.entries(schema.properties ?? {}).filter(() => chance.below(10) > 0)
    return Object.fromEntries(members.map(([name, member]) => [name, madeOf(member, chance)]))
  }
  if (schema.type === 'integer' || schema.type === 'number') return chance.below(1000)
  return textOf(chance)
}

interface Sending {
  readonly number: number
  readonly url: string
  readonly result: Result
}

/** Never rejects. */
async function send(made: Made, { number, url, result }: Sending): Promise<void> {
  const began = performance.now()
  const outcome = await statusOf(made, url)
  const milliseconds = performance.now() - began
  const word = typeof outcome === 'number' ? String(outcome) : 'no reply'
  result.outcomes[word] = (result.outcomes[word] ?? 0) + 1
  const hex = Buffer.from(
    `${made.method} ${made.path} ${JSON.stringify(made.headers)}\n${made.body ?? ''}`,
  ).toString('hex')
  if (milliseconds > result.slowest.milliseconds) result.slowest = { milliseconds, number, hex }
  const isGood = typeof outcome === 'number' && (outcome < 500 || FORESEEN.has(outcome))
  if (!isGood)
    result.findings.push({
      target: 'rest',
      number,
      cases: 1,
      hex,
      what: `${made.method} ${made.path}: ${outcome}`,
    })
}

/** The status, or why there is none. */
async function statusOf({ method, path, headers, body }: Made, url: string): Promise<number | string> {
  const done = Promise.withResolvers<number | string>()
  let sent: ClientRequest
  try {
    sent = request(url, { method, path, headers, agent: false, timeout: PATIENCE })
  } catch {
    return 400 // not even this machine's client lets it out
  }
  sent.on('response', (reply) => {
    reply.resume()
    reply.on('end', () => done.resolve(reply.statusCode ?? 'no status'))
    reply.on('error', (fault) => done.resolve(fault.message))
  })
  sent.on('timeout', () => sent.destroy(new Error('no reply in time')))
  sent.on('error', (fault) => done.resolve(fault.message))
  sent.end(body)
  return await done.promise
}
