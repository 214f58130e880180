/** `kadns keygen`: makes a key in a file, for a zone that is signed where no node runs. */
import { PublisherFault } from '../publisher/fault.ts'
import { newKey, readPassphrase, writeNewKeyFile } from '../publisher/key-file.ts'
import { formatKey } from '../publisher/key-text.ts'
import { Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns keygen [--out FILE] [--passphrase-file FILE] [--json]: makes a key and writes it to FILE, <key>.key here where none is
named; no node is needed. With a passphrase, the first line of a file of mode 0600, the key is sealed with it.

Whoever has the file owns the name, and without it nobody does: nothing brings it back. Keep a copy in a safe place.

For example:  kadns keygen --out family.key
`

export async function keygen(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const { out, 'passphrase-file': passphraseFile, ...unknown } = line.flags
  const [stray] = [...line.words, ...Object.keys(unknown).map((flag) => `--${flag}`)]
  if (stray !== undefined)
    throw new UsageFault([`kadns keygen takes --out, --passphrase-file and --json only, not "${stray}".`])
  const own = newKey()
  const file = out ?? `${own.key.label}.key`
  try {
    const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile)
    await writeNewKeyFile(file, await formatKey(own, passphrase))
  } catch (fault) {
    if (!(fault instanceof PublisherFault)) throw fault
    process.stderr.write(`kadns: ${fault.message}\n`)
    return Exit.refused
  }
  const made = { key: own.key.label, file }
  process.stdout.write(line.json ? `${JSON.stringify(made)}\n` : `${made.key}\n`)
  process.stderr.write(`The key is in ${file}, and nowhere else: keep a copy in a safe place.\n`)
  return Exit.done
}
