/** `kadns resolve NAME [TYPE]`: asks the running node, over REST. */
import { configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

interface Resolved {
  readonly rcode: string
  readonly from: string
  readonly answers: readonly { name: string; type: string; ttl: number; value: string }[]
  readonly lookup?: { asked: number; hops: number; milliseconds: number }
  readonly error?: { code: number; text: string }
}

const USAGE = `kadns resolve NAME [TYPE] [--json] [--api-listen ADDRESS:PORT]: asks the running node for a name.

For example:  kadns resolve www.example.org AAAA
`
/** Milliseconds. */
const PATIENCE = 10_000
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
  const { host, port } = configFor(line).api.listen
  const reply = await ask(`http://${urlHost(host)}:${port}/v1/resolve?${new URLSearchParams({ name, type })}`)
  if (!reply) return Exit.notReached
  if (line.json) process.stdout.write(`${reply.text}\n`)
  return reply.status === 200 ? tell(reply.body as Resolved, line.json) : refused(reply)
}

// An address to listen on everywhere is none to connect to.
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

interface Reply {
  readonly status: number
  readonly text: string
  readonly body: unknown
}

/** Undefined, and a sentence on stderr, when no node of ours answers there. */
async function ask(url: string): Promise<Reply | undefined> {
  const { host } = new URL(url)
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), redirect: 'error' })
    const text = await response.text()
    return { status: response.status, text, body: JSON.parse(text) }
  } catch (cause) {
    const other = cause instanceof SyntaxError
    const sentence = other ? 'something else answers there' : 'is it running (kadns up)?'
    process.stderr.write(`kadns: no node answers at ${host}; ${sentence}\n`)
    return undefined
  }
}

/** What was asked for cannot be a name or a type, or the node refuses. */
function refused({ status, body }: Reply): number {
  const { detail } = body as { detail?: string }
  process.stderr.write(`kadns: ${detail ?? `the node answers with status ${status}.`}\n`)
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
