/** `kadns token`: prints the token that writing over REST takes, and makes others that may do less. */
import { readToken, TokenFault, tokenFile } from '../api/token.ts'
import { NodeClient } from './node-client.ts'
import { labelFrom } from './own-key.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns token: the tokens that REST takes.

  kadns token                                    prints the node's own, which may do everything
  kadns token create read|publish [--about WHO]  one that may read what is private, or publish
  kadns token create KEY NAME [TYPE...]          one for the records of one name, such as a router's (A and AAAA)
  kadns token create … --tsig                    the same for UPDATE (RFC 2136): id and secret, as nsupdate -y takes them
  kadns token list                               those there are, without themselves
  kadns token remove ID                          takes one back

--json gives JSON, for programs. KEY is a key or its beginning; NAME is relative to the zone.

For example:  kadns token create 7g4q home --about router
              curl -u "router:$TOKEN" "http://127.0.0.1:8053/nic/update?hostname=home.7g4q….kad.alt"
`

interface Listed {
  readonly id: string
  readonly about: string
  readonly created: string
  readonly scope: {
    readonly kind: string
    readonly zone?: string
    readonly name?: string
    readonly types?: readonly string[]
  }
}

export async function token(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['about'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const config = configFor(line)
  const [word, ...words] = line.words
  const client = new NodeClient(config)
  if (word === undefined) return printToken(config.data, line.json)
  if (word === 'create') await create(words, { client, about: own.about ?? '', line })
  else if (word === 'list' && words.length === 0) await list(client, line.json)
  else if (word === 'remove' && words.length === 1) await client.text('DELETE', `/v1/tokens/${words[0]}`)
  else
    throw new UsageFault(['kadns token takes create, list, remove or nothing; kadns token --help shows how.'])
  return Exit.done
}

async function create(
  words: readonly string[],
  { client, about, line }: { client: NodeClient; about: string; line: CommandLine },
): Promise<void> {
  const scope = await scopeFrom(words, client)
  const tsig = line.switches.has('tsig')
  const body = { scope, about, tsig }
  const made = await client.json<{ id: string; token: string }>('POST', '/v1/tokens', { body })
  const told = tsig ? `hmac-sha256:${made.id}:${made.token}` : made.token
  process.stdout.write(line.json ? `${JSON.stringify(made)}\n` : `${told}\n`)
  process.stderr.write(`It is told this once. Take it back: kadns token remove ${made.id}\n`)
}

async function scopeFrom(words: readonly string[], client: NodeClient): Promise<object> {
  const [word = '', name, ...types] = words
  if (name === undefined && (word === 'read' || word === 'publish')) return { kind: word }
  if (name === undefined)
    throw new UsageFault(['kadns token create takes read, publish, or a key and a name.'])
  const { zones } = await client.json<{ zones: readonly { key: string }[] }>('GET', '/v1/zones')
  const zone = labelFrom(
    word,
    zones.map(({ key }) => key),
  )
  const named = types.map((type) => type.toUpperCase())
  return { kind: 'set', zone, name, types: named.length > 0 ? named : ['A', 'AAAA'] }
}

async function list(client: NodeClient, json: boolean): Promise<void> {
  const found = await client.json<{ tokens: readonly Listed[] }>('GET', '/v1/tokens', { withToken: true })
  const rows = found.tokens.map(({ id, about, created, scope }) => {
    const what =
      scope.kind === 'set' ? `${scope.types?.join(' ')} of ${scope.name} in ${scope.zone}` : scope.kind
    return `${id}\t${created.slice(0, 10)}\t${what}\t${about}\n`
  })
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : rows.join(''))
}

async function printToken(dataDirectory: string, json: boolean): Promise<number> {
  try {
    const found = await readToken(tokenFile(dataDirectory))
    process.stdout.write(json ? `${JSON.stringify({ token: found })}\n` : `${found}\n`)
    return Exit.done
  } catch (fault) {
    if (!(fault instanceof TokenFault)) throw fault
    process.stderr.write(`kadns: ${fault.message}\n`)
    return Exit.refused
  }
}
