/** `kadns resolve NAME [TYPE]`: asks the running node, over REST. */
import { apiUrl } from './node-url.ts'
import { trace } from './trace.ts'
import { configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

interface Resolved {
  readonly rcode: string
  readonly from: string
  readonly answers: readonly { name: string; type: string; ttl: number; value: string }[]
  readonly lookup?: { asked: number; hops: number; milliseconds: number }
  readonly error?: { code: number; text: string }
}

const USAGE = `kadns resolve NAME [TYPE] [--trace] [--json] [--api-listen ADDRESS:PORT]: asks the running node for a name.

--trace shows how a key's zone is looked for among other nodes: each that is asked, what it says, how long it took.

For example:  kadns resolve www.example.org AAAA
`
/** Milliseconds. */
const PATIENCE = 10_000
const OK = 200
const BAD_REQUEST = 400

export async function resolve(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [name, type = 'A', ...more] = line.words
  if (name === undefined || more.length > 0)
    throw new UsageFault([
      'kadns resolve takes a name and perhaps a type: kadns resolve www.example.org AAAA.',
    ])
  if (line.switches.has('trace')) return await trace({ name, type }, line)
  const url = `${apiUrl(configFor(line))}/v1/resolve?${new URLSearchParams({ name, type })}`
  const reply = await ask(url)
  if (!reply) return Exit.notReached
  if (line.json) process.stdout.write(`${reply.text}\n`)
  return 'resolved' in reply ? tell(reply.resolved, line.json) : refused(reply)
}

type Reply = { readonly text: string } & (
  | { readonly resolved: Resolved }
  /** What was asked for cannot be a name or a type, or the node refuses. */
  | { readonly status: number; readonly detail: string }
)

/** Undefined, and a sentence on stderr, when no node of ours answers there. */
async function ask(url: string): Promise<Reply | undefined> {
  const { host } = new URL(url)
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), redirect: 'error' })
    return read(response.status, await response.text())
  } catch (cause) {
    const other = cause instanceof SyntaxError
    const sentence = other ? 'something else answers there.' : 'is it running (kadns up)?'
    process.stderr.write(`kadns: no node answers at ${host}; ${sentence}\n`)
    return undefined
  }
}

/** @throws SyntaxError when it is not what a node of ours says */
function read(status: number, text: string): Reply {
  const body: unknown = JSON.parse(text)
  if (status === OK && isResolved(body)) return { text, resolved: body }
  if (status !== OK && isObject(body) && typeof body['detail'] === 'string')
    return { text, status, detail: body['detail'] }
  throw new SyntaxError('This is neither an answer nor a problem.')
}

/** As far as it is printed. */
function isResolved(body: unknown): body is Resolved {
  if (!isObject(body) || !Array.isArray(body['answers'])) return false
  return (
    typeof body['rcode'] === 'string' && typeof body['from'] === 'string' && body['answers'].every(isObject)
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function refused({ status, detail }: { status: number; detail: string }): number {
  process.stderr.write(`kadns: ${detail}\n`)
  return status === BAD_REQUEST ? Exit.usage : Exit.refused
}

function tell(resolved: Resolved, json: boolean): number {
  if (!json) process.stdout.write(tableOf(resolved))
  process.stderr.write(wordsFor(resolved))
  return resolved.rcode === 'NOERROR' && resolved.answers.length > 0 ? Exit.done : Exit.refused
}

function tableOf({ answers }: Resolved): string {
  return answers.map(({ name, type, ttl, value }) => `${name}\t${ttl}\t${type}\t${value}\n`).join('')
}

function wordsFor({ rcode, from, answers, lookup, error }: Resolved): string {
  const what = rcode === 'NOERROR' && answers.length === 0 ? 'NOERROR, but no such record,' : rcode
  const way = lookup && lookup.asked > 0 ? `, ${lookup.hops} hop(s) away, ${lookup.asked} asked` : ''
  const why = error?.text ? `: ${error.text}` : ''
  return `${what} from ${from}${way}${why}\n`
}
