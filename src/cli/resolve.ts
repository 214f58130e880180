/** `kadns resolve NAME [TYPE]`: asks the running node, over REST. */
import { configFor, parseCommandLine, UsageFault } from './usage.ts'

interface Resolved {
  readonly rcode: string
  readonly from: string
  readonly answers: readonly { name: string; type: string; ttl: number; value: string }[]
  readonly lookup?: { asked: number; hops: number; milliseconds: number }
  readonly error?: { code: number; text: string }
}

const USAGE = `kadns resolve NAME [TYPE] [--json] [--api-listen HOST:PORT]: asks the running node for a name.

For example:  kadns resolve www.example.org AAAA
`
const PATIENCE = 10_000

export async function resolve(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  const [name, type = 'A', ...more] = line.words
  if (line.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (name === undefined || more.length > 0)
    throw new UsageFault([
      'kadns resolve takes a name and perhaps a type: kadns resolve www.example.org AAAA.',
    ])
  const { host, port } = configFor(line).api.listen
  const reply = await ask(`http://${urlHost(host)}:${port}/v1/resolve?${new URLSearchParams({ name, type })}`)
  if (!reply) return 3
  const body = await reply.text()
  if (!reply.ok) return refused(body, line.json)
  const resolved = JSON.parse(body) as Resolved
  process.stdout.write(line.json ? `${body}\n` : tableOf(resolved))
  if (!line.json) process.stderr.write(wordsFor(resolved))
  return resolved.rcode === 'NOERROR' && resolved.answers.length > 0 ? 0 : 1
}

// An address to listen on everywhere is none to connect to.
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function ask(url: string): Promise<Response | undefined> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(PATIENCE) })
  } catch {
    process.stderr.write(`kadns: no node answers at ${new URL(url).host}; is it running (kadns up)?\n`)
    return undefined
  }
}

function refused(body: string, json: boolean): number {
  if (json) process.stdout.write(`${body}\n`)
  else process.stderr.write(`kadns: ${JSON.parse(body).detail}\n`)
  return 1
}

function tableOf({ answers }: Resolved): string {
  return answers.map(({ name, type, ttl, value }) => `${name}\t${ttl}\t${type}\t${value}\n`).join('')
}

function wordsFor({ rcode, from, lookup, error }: Resolved): string {
  const way = lookup && lookup.asked > 0 ? `, found ${lookup.hops} hop(s) away, ${lookup.asked} asked` : ''
  const why = error ? `: ${error.text}` : ''
  return `${rcode} from ${from}${way}${why}\n`
}
