/** `kadns key …`: copies of keys, and their end. */

import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { readKeyFile, readOwnersFile, readPassphrase, writeNewKeyFile } from '../publisher/key-file.ts'
import { type Backup, formatBackup, parseRevocation } from '../publisher/key-text.ts'
import { OwnZones, ZONES } from '../publisher/own-zones.ts'
import type { Passphrase } from '../publisher/sealing.ts'
import { type SignedZone, signRevocation, signZone } from '../zone/signed-zone.ts'
import { DEFAULT_SOA } from '../zone/soa.ts'
import { formatWords, parseWords } from './key-words.ts'
import { NodeClient, NotReachedFault, RefusedFault } from './node-client.ts'
import { labelFrom } from './own-key.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns key: copies of this node's keys, and their end. Without a copy, a lost disk is a lost name.

  kadns key list                             the keys in the data directory, and which have no backup
  kadns key backup KEY [--out FILE]          key, zone and revocation in one file, <key>.backup here where none is named
  kadns key backup KEY --words               the key as 24 words, to write on paper
  kadns key restore FILE [--empty]           a backup or key file back into the data directory
  kadns key restore --words [--empty]        the same from 24 words, read from standard input
  kadns key revoke KEY|FILE --yes            end a name for good, on every node; FILE is a backup. Nothing undoes it

--passphrase-file FILE seals a backup, and opens a sealed one. KEY is a key or its beginning. A restored key of which no node
holds a zone waits until one is found; with --empty it begins anew with an empty one. --json gives JSON, for programs.

For example:  kadns key backup 7g4q --out family.backup
`

interface Asked {
  readonly line: CommandLine
  readonly config: Config
  readonly files: OwnZones
  readonly out: string | undefined
  /** Of backups, not of the data directory. */
  readonly passphrase: Passphrase | undefined
}
type Action = (word: string | undefined, asked: Asked) => Promise<void>

const ACTIONS: Readonly<Record<string, Action>> = { list, backup, restore, revoke }

export async function key(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['out', 'passphrase-file'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [word = '', about, ...more] = line.words
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
  if (!action || more.length > 0)
    throw new UsageFault([`kadns key takes ${Object.keys(ACTIONS).join(', ')}; kadns key --help shows how.`])
  const config = configFor(line)
  const files = new OwnZones(join(config.data, ZONES), await passphraseIn(config.names.passphraseFile))
  const passphrase = await passphraseIn(own['passphrase-file'])
  await action(about, { line, config, passphrase, out: own.out, files })
  return Exit.done
}

async function passphraseIn(file = ''): Promise<Passphrase | undefined> {
  return file === '' ? undefined : await readPassphrase(file)
}

async function list(_word: string | undefined, { files, line }: Asked): Promise<void> {
  const keys = await files.readKeys()
  const rows = await Promise.all(
    keys.map(async ({ key }) => {
      const backedUp = await files.backedUpAt(key)
      const zone = await files.readZone(key)
      return { key: key.label, revoked: zone?.revoked === true, backup: backedUp?.toISOString() ?? null }
    }),
  )
  const format = ({ key, revoked, backup }: (typeof rows)[number]) =>
    `${key}\t${backup === null ? 'no backup' : `backed up ${backup.slice(0, 10)}`}${revoked ? '\trevoked' : ''}\n`
  print(line, { keys: rows }, rows.map(format).join(''))
}

async function backup(word: string | undefined, asked: Asked): Promise<void> {
  const { files, line, passphrase } = asked
  const own = await ownBackup(word, asked)
  const { label } = own.key
  if (line.switches.has('words')) {
    const words = formatWords(own.secret)
    print(line, { key: label, words: words.match(/[a-z]+/g)?.join(' ') }, words)
    process.stderr.write(
      `These 24 words are the key ${label}: whoever has them owns the name. Back: kadns key restore --words\n`,
    )
  } else {
    const file = asked.out ?? `${label}.backup`
    await writeNewKeyFile(file, await formatBackup(own, passphrase))
    print(line, { key: label, file }, `${file}\n`)
    process.stderr.write('Keep it where this machine cannot take it with it: whoever has it owns the name.\n')
  }
  await files.noteBackup(own.key)
}

async function restore(word: string | undefined, asked: Asked): Promise<void> {
  const { files, line } = asked
  const found = await readBackup(word, asked)
  const { key } = found
  if ((await files.readKeys()).some((own) => own.key.label === key.label))
    throw new RefusedFault(0, [`The data directory has the key ${key.label} already.`])
  const zone = found.zone ?? (line.switches.has('empty') ? emptyZone(found) : undefined)
  // The zone first: a key without one would wait for the network to tell what it signed.
  if (zone && !(await files.readZone(key))) await files.writeZone(zone)
  await files.writeKey(found)
  await files.noteBackup(key)
  const isTaken = await tellNode(asked)
  print(line, { key: key.label, taken: isTaken }, `${key.label}\n`)
  if (!isTaken) process.stderr.write('The node takes it up when it is started.\n')
}

/** Whether a running node has taken it up. */
async function tellNode({ config }: Asked): Promise<boolean> {
  try {
    await new NodeClient(config).text('POST', '/v1/reload')
    return true
  } catch (fault) {
    if (fault instanceof NotReachedFault || (fault as Error).name === 'TokenFault') return false
    throw fault
  }
}

async function readBackup(word: string | undefined, { line, passphrase }: Asked): Promise<Backup> {
  if (line.switches.has('words')) {
    if (word !== undefined)
      throw new UsageFault(['Words are read from standard input: a command line is seen by others.'])
    if (process.stdin.isTTY) process.stderr.write('The 24 words, then Ctrl-D:\n')
    return { ...parseWords(await text(process.stdin)), zone: undefined }
  }
  if (word === undefined) throw new UsageFault(['kadns key restore takes a file, or --words.'])
  return await readKeyFile(word, passphrase)
}

function emptyZone({ secret }: Backup): SignedZone {
  return signZone(secret, { sequence: BigInt(Date.now()) * 1000n, soa: DEFAULT_SOA, records: [] })
}

async function revoke(word: string | undefined, asked: Asked): Promise<void> {
  const { line, config } = asked
  const { key, bytes } = await revocationOf(word, asked)
  if (!line.switches.has('yes'))
    throw new UsageFault([
      `This ends ${key.label} for good, on every node, and nothing undoes it; say --yes if that is what you want.`,
    ])
  const sent = { body: Buffer.from(bytes), type: 'application/octet-stream' }
  const { storedOn } = await new NodeClient(config).json<{ storedOn: number }>(
    'PUT',
    `/v1/zones/${key.label}/packet`,
    sent,
  )
  print(line, { key: key.label, storedOn }, `${key.label} is revoked, and ${storedOn} other node(s) know.\n`)
}

/** From a backup, which needs no passphrase for that, or of a key of this node. */
async function revocationOf(word: string | undefined, asked: Asked): Promise<SignedZone> {
  const isFile = word !== undefined && /[./\\]/.test(word) && !word.endsWith('.alt')
  if (isFile) return parseRevocation(await readOwnersFile(word), `The file ${word}`)
  return signRevocation((await ownBackup(word, asked)).secret)
}

async function ownBackup(word: string | undefined, { files }: Asked): Promise<Backup> {
  const keys = await files.readKeys()
  if (word === undefined) throw new UsageFault(['Which key? kadns key list shows them.'])
  const labels = keys.map((own) => own.key.label)
  const label = labelFrom(word, labels)
  const own = keys.find((each) => each.key.label === label)
  if (!own) throw new RefusedFault(0, [`The data directory has no key ${label}.`])
  return { ...own, zone: await files.readZone(own.key) }
}

function print({ json }: CommandLine, value: object, said: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : said)
}
