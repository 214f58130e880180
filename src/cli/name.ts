/** `kadns name …`: what people here call keys. */
import { readFile } from 'node:fs/promises'
import { DnsFault } from '../dns/fault.ts'
import { RecordType } from '../dns/message.ts'
import { labelsOf } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
import { systemReason } from '../system.ts'
import { parseRecordLine } from '../zone/zone-file.ts'
import { NodeClient, RefusedFault } from './node-client.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns name: petnames, which are what people at this node call keys. alice.kad.alt and everything below it is then that key's.

  kadns name add NAME KEY [--yes]    call a key by a name; --yes: though it looks like another one
  kadns name remove NAME             no more
  kadns name list                    the book
  kadns name export                  the book as a zone file: put it into a zone of yours, and friends can follow it
  kadns name import FILE [--yes]     the names of such a file, beside those there are

A friend whose book is in the zone you call alice has names for you too: photos.mum.alice.kad.alt.
--json gives JSON, for programs.

For example:  kadns name add alice 7g4q…
`

interface Petname {
  readonly name: string
  readonly key: string
  readonly domain: string
}
interface Asked {
  readonly client: NodeClient
  readonly line: CommandLine
}
type Action = (words: readonly string[], asked: Asked) => Promise<void>

const ACTIONS: Readonly<Record<string, readonly [Action, number]>> = {
  add: [add, 2],
  remove: [remove, 1],
  list: [list, 0],
  export: [exportBook, 0],
  import: [importBook, 1],
}

export async function name(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [word = '', ...words] = line.words
  const found = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
  if (!found || words.length !== found[1])
    throw new UsageFault([
      `kadns name takes ${Object.keys(ACTIONS).join(', ')}; kadns name --help shows how.`,
    ])
  await found[0](words, { client: new NodeClient(configFor(line)), line })
  return Exit.done
}

async function add([text = '', key = '']: readonly string[], asked: Asked): Promise<void> {
  const told = await put(text, key, asked)
  process.stdout.write(asked.line.json ? `${JSON.stringify(told)}\n` : `${told.domain}\n`)
}

async function put(text: string, key: string, { client, line }: Asked): Promise<Petname> {
  const body = { key, anyway: line.switches.has('yes') }
  return await client.json<Petname>('PUT', `/v1/petnames/${encodeURIComponent(text)}`, { body })
}

async function remove([text = '']: readonly string[], { client }: Asked): Promise<void> {
  await client.text('DELETE', `/v1/petnames/${encodeURIComponent(text)}`)
}

async function list(_words: readonly string[], { client, line }: Asked): Promise<void> {
  const book = await client.json<{ petnames: readonly Petname[] }>('GET', '/v1/petnames')
  const rows = book.petnames.map(({ name, domain, key }) => `${name}\t${domain}\t${key}\n`)
  process.stdout.write(line.json ? `${JSON.stringify(book)}\n` : rows.join(''))
}

async function exportBook(_words: readonly string[], { client }: Asked): Promise<void> {
  process.stdout.write(await client.text('GET', '/v1/petnames', { accept: 'text/dns' }))
}

/** What is refused is told, and the others are put in all the same. */
async function importBook([file = '']: readonly string[], asked: Asked): Promise<void> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new RefusedFault(0, [`${file} cannot be read: ${systemReason(cause)}.`])
  })
  const refused: string[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith(';')) continue
    const sentence = await importLine(line, asked).catch((fault: unknown) => sentenceOf(fault))
    if (sentence !== undefined) refused.push(`Line ${at + 1}: ${sentence}`)
  }
  if (refused.length > 0) throw new RefusedFault(0, refused)
}

async function importLine(line: string, asked: Asked): Promise<undefined> {
  const { name, type, data } = parseRecordLine(line)
  const [label = '', ...more] = labelsOf(name)
  const [key = '', ...others] =
    type === RecordType.NS ? labelsOf(decodeRdata(type, data)[0] as typeof name) : []
  if (more.length > 0 || key === '' || others.length > 0)
    throw new DnsFault('bad-text', 'This is no NAME NS KEY.')
  await put(label, key, asked)
}

function sentenceOf(fault: unknown): string {
  if (fault instanceof RefusedFault || fault instanceof DnsFault) return fault.message
  throw fault
}
