/** `kadns zone …`: the zones of the running node. */
import { readFile, writeFile } from 'node:fs/promises'
import { systemReason } from '../system.ts'
import { NodeClient, RefusedFault } from './node-client.ts'
import { labelFrom } from './own-key.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns zone: the zones of the running node.

  kadns zone create [ZONEFILE] [--scope lan|wan]    a new key and its zone, empty or of that file; for this local network only,
                                                    or never there
  kadns zone list                                   those of this node
  kadns zone show KEY                               the records of one, this node's or anybody's
  kadns zone set KEY NAME TYPE VALUE... [--ttl N]   the records of one name and type, in place of what was there
  kadns zone unset KEY NAME TYPE                    no records of that name and type any more
  kadns zone import KEY ZONEFILE                    a zone file in place of all records
  kadns zone export KEY [--out FILE]                the zone as a zone file
  kadns zone status KEY [--follow]                  how far it has got among other nodes
  kadns zone forget KEY                             sign it no more; its key is put away, not deleted

KEY is a key, a name below it, or the beginning of one of this node's keys. NAME is relative to the zone; @ is the zone itself.
--json gives JSON, for programs.

For example:  kadns zone set 7g4q www A 192.0.2.1 192.0.2.2 --ttl 600
`
const ZONE_FILE = 'text/dns'

interface Zone {
  readonly key: string
  readonly name: string
  readonly expires: string | null
  readonly backup?: boolean
}
interface Shown extends Zone {
  readonly records: readonly { name: string; ttl: number; type: string; value: string }[]
}
interface Written {
  readonly sequence: string
  readonly storedOn: number
  readonly left?: readonly string[]
}
interface Status {
  readonly state: string
  readonly storedOn: number
  readonly nextPut: string | null
}

interface Asked {
  readonly client: NodeClient
  readonly line: CommandLine
  readonly ttl?: string
  readonly out?: string
  readonly scope?: string
}
type Action = (words: readonly string[], asked: Asked) => Promise<void>

/** By its word: what it does, and how many words it takes, from and to. */
const ACTIONS: Readonly<Record<string, readonly [Action, number, number]>> = {
  create: [create, 0, 1],
  list: [list, 0, 0],
  show: [show, 1, 1],
  set: [set, 4, Infinity],
  unset: [unset, 3, 3],
  import: [importFile, 2, 2],
  export: [exportFile, 1, 1],
  status: [status, 1, 1],
  forget: [forget, 1, 1],
}

export async function zone(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['ttl', 'out', 'scope'])
  const [word = '', ...words] = line.words
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const found = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
  if (!found) throw new UsageFault([`kadns zone takes ${Object.keys(ACTIONS).join(', ')}, not "${word}".`])
  const [action, least, most] = found
  if (words.length < least || words.length > most)
    throw new UsageFault([`That is no way to use kadns zone ${word}; kadns zone --help shows how.`])
  await action(words, { client: new NodeClient(configFor(line)), line, ...own })
  return Exit.done
}

async function create([file]: readonly string[], { client, line, scope }: Asked): Promise<void> {
  const sent = file === undefined ? {} : { body: await readText(file), type: ZONE_FILE }
  const path = scope === undefined ? '/v1/zones' : `/v1/zones?scope=${encodeURIComponent(scope)}`
  const made = await client.json<Zone & Written>('POST', path, sent)
  tellLeft(made)
  print(line, made, `${made.key}\n`)
  process.stderr.write(
    `Its name is ${made.name}. Keep a copy of the key: kadns key backup ${made.key.slice(0, 8)}\n`,
  )
}

async function list(_words: readonly string[], { client, line }: Asked): Promise<void> {
  const { zones } = await client.json<{ zones: readonly Zone[] }>('GET', '/v1/zones')
  const rows = zones.map(({ name, expires, backup }) => {
    const until = expires === null ? 'revoked' : `until ${expires}`
    return `${name}\t${until}\t${backup ? 'backed up' : 'no backup'}\n`
  })
  print(line, { zones }, rows.join(''))
}

async function show([word = '']: readonly string[], asked: Asked): Promise<void> {
  const found = await asked.client.json<Shown>('GET', `/v1/zones/${await labelOf(word, asked)}`)
  const rows = found.records.map(({ name, ttl, type, value }) => `${name}\t${ttl}\t${type}\t${value}\n`)
  print(asked.line, found, rows.join(''))
}

async function set(
  [word = '', name = '', type = '', ...values]: readonly string[],
  asked: Asked,
): Promise<void> {
  const { client, ttl } = asked
  if (ttl !== undefined && !/^\d{1,10}$/.test(ttl))
    throw new UsageFault([`--ttl takes seconds, not "${ttl}".`])
  const records = values.map((value) => ({ value, ...(ttl !== undefined && { ttl: Number(ttl) }) }))
  const path = await setPath(word, { name, type }, asked)
  tellWritten(await client.json<Written>('PUT', path, { body: { records } }), asked.line)
}

async function unset([word = '', name = '', type = '']: readonly string[], asked: Asked): Promise<void> {
  const path = await setPath(word, { name, type }, asked)
  tellWritten(await asked.client.json<Written>('DELETE', path), asked.line)
}

async function importFile([word = '', file = '']: readonly string[], asked: Asked): Promise<void> {
  const path = `/v1/zones/${await labelOf(word, asked)}/records`
  const sent = { body: await readText(file), type: ZONE_FILE }
  const written = await asked.client.json<Written>('PUT', path, sent)
  tellLeft(written)
  tellWritten(written, asked.line)
}

async function exportFile([word = '']: readonly string[], asked: Asked): Promise<void> {
  const text = await asked.client.text('GET', `/v1/zones/${await labelOf(word, asked)}`, {
    accept: ZONE_FILE,
  })
  if (asked.out === undefined) process.stdout.write(text)
  else await writeFile(asked.out, text).catch(unusable(asked.out, 'written'))
}

async function status([word = '']: readonly string[], asked: Asked): Promise<void> {
  const { client, line } = asked
  const path = `/v1/zones/${await labelOf(word, asked)}/status`
  const tell = (state: Status) =>
    print(line, state, `${state.state}\t${state.storedOn} node(s)\t${state.nextPut ?? ''}\n`)
  if (!line.follow) return tell(await client.json<Status>('GET', path))
  for await (const event of client.events<Status>(path)) tell(event)
}

async function forget([word = '']: readonly string[], asked: Asked): Promise<void> {
  const put = await asked.client.json<{ directory: string }>(
    'DELETE',
    `/v1/zones/${await labelOf(word, asked)}`,
  )
  print(asked.line, put, `Its key is in ${put.directory} now.\n`)
}

async function setPath(
  word: string,
  { name, type }: { name: string; type: string },
  asked: Asked,
): Promise<string> {
  const key = await labelOf(word, asked)
  return `/v1/zones/${key}/records/${encodeURIComponent(name)}/${encodeURIComponent(type)}`
}

async function labelOf(word: string, { client }: Asked): Promise<string> {
  const { zones } = await client.json<{ zones: readonly Zone[] }>('GET', '/v1/zones')
  return labelFrom(
    word,
    zones.map(({ key }) => key),
  )
}

async function readText(file: string): Promise<Buffer> {
  return await readFile(file).catch(unusable(file, 'read'))
}

function unusable(file: string, what: string): (cause: unknown) => never {
  return (cause) => {
    throw new RefusedFault(0, [`${file} cannot be ${what}: ${systemReason(cause)}.`])
  }
}

function tellLeft({ left = [] }: Pick<Written, 'left'>): void {
  process.stderr.write(left.map((sentence) => `${sentence}\n`).join(''))
}

function tellWritten(written: Written, line: CommandLine): void {
  const alone = written.storedOn === 0 ? ': it is sent when one appears' : ''
  print(line, written, `Published to ${written.storedOn} other node(s)${alone}.\n`)
}

function print({ json }: CommandLine, value: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : text)
}
