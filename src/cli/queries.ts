/** `kadns queries [TEXT]`: the questions the running node was asked of late, where it keeps them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readToken, TokenFault, tokenFile } from '../api/token.ts'
import { apiUrl } from './node-url.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns queries [TEXT] [--rcode RCODE] [--follow] [--json]: the questions of late, the newest last; with TEXT those whose name has it.

The node keeps them when dns.query_log says how many, in memory and without addresses: a client is a word that is the same
until the node is started again. --follow goes on until it is interrupted; with --json each question is a line of its own.

For example:  kadns queries example --follow
`
/** Milliseconds the node may take, and between two looks. */
const PATIENCE = 10_000
const EVERY = 1000
/** As many as the node tells at once. */
const LIMIT = 1000
const OK = 200

interface Query {
  readonly number: number
  readonly time: string
  readonly name: string
  readonly type: string
  readonly client: string
  readonly transport: string
  readonly rcode: string
  readonly origin: string
  readonly milliseconds: number
}

export async function queries(given: readonly string[]): Promise<number> {
  const { rcode, ...line } = withRcode(parseCommandLine(given))
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [name, ...more] = line.words
  if (more.length > 0)
    throw new UsageFault(['kadns queries takes one piece of a name at most: kadns queries example.'])
  const config = configFor(line)
  const filter = {
    limit: String(LIMIT),
    ...(name !== undefined && { name }),
    ...(rcode !== undefined && { rcode }),
  }
  const token = await readToken(tokenFile(config.data)).catch((fault: unknown) => {
    if (!(fault instanceof TokenFault)) throw fault
    process.stderr.write(`kadns: ${fault.message}\n`)
    return undefined
  })
  if (token === undefined) return Exit.refused
  return await show({ url: `${apiUrl(config)}/v1/queries`, token, filter }, line)
}

/** `--rcode` is a word of this command, and no setting. */
function withRcode(line: CommandLine): CommandLine & { readonly rcode: string | undefined } {
  const { rcode, ...flags } = line.flags
  return { ...line, flags, rcode }
}

interface Wanted {
  readonly url: string
  readonly token: string
  readonly filter: Readonly<Record<string, string>>
}

async function show(wanted: Wanted, { follow, json }: CommandLine): Promise<number> {
  for (let after = 0; ; await sleep(EVERY)) {
    const told = await ask({ ...wanted, filter: { ...wanted.filter, after: String(after) } })
    if (typeof told === 'number') return told
    after = told[0]?.number ?? after
    for (const query of told.toReversed())
      process.stdout.write(json ? `${JSON.stringify(query)}\n` : lineOf(query))
    if (!follow) return Exit.done
  }
}

function lineOf({ time, name, type, rcode, origin, client, transport, milliseconds }: Query): string {
  const clock = time.slice(11, 19)
  return `${clock}  ${name} ${type}  ${rcode} from ${origin}, ${milliseconds.toFixed(0)} ms  (${client}, ${transport})\n`
}

/** The newest first; an exit code, and a sentence on stderr, where there are none to be had. */
async function ask({ url, token, filter }: Wanted): Promise<readonly Query[] | number> {
  try {
    const response = await fetch(`${url}?${new URLSearchParams(filter)}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(PATIENCE),
      redirect: 'error',
    })
    const body = (await response.json()) as { queries: readonly Query[]; detail?: string }
    if (response.status === OK) return body.queries
    process.stderr.write(`kadns: ${body.detail}\n`)
    return Exit.refused
  } catch {
    process.stderr.write(`kadns: no node answers at ${new URL(url).host}; is it running (kadns up)?\n`)
    return Exit.notReached
  }
}
