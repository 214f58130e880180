/** `kadns sign ZONEFILE --key FILE`: signs a zone file where no node runs. */
import { open } from 'node:fs/promises'
import { DnsFault } from '../dns/fault.ts'
import type { Name } from '../dns/name.ts'
import { writeDurably } from '../publisher/durable.ts'
import { PublisherFault } from '../publisher/fault.ts'
import { readKeyFile, readPassphrase } from '../publisher/key-file.ts'
import type { OwnKey } from '../publisher/key-text.ts'
import { isSystemError, systemReason } from '../system.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type SignedZone, signZone } from '../zone/signed-zone.ts'
import { DEFAULT_SOA } from '../zone/soa.ts'
import { formatFault, readZoneFile, ZoneFileFault } from '../zone/zone-file.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns sign ZONEFILE --key FILE [--passphrase-file FILE] [--out FILE] [--json]: signs a zone file, without a node.

The signed zone is a file of 1104 octets at most, <key>.packet here where --out names none: pkarr's bytes, without a secret.
The SOA is made here, and one in the zone file is left out. It lives for seven days from now.

For example:  kadns sign family.zone --key family.key --out family.packet
`
/** Octets of the longest zone file read; what fits into a zone is written with far fewer. */
const MAX_ZONE_FILE = 65_536
const UTF8 = new TextDecoder('utf-8', { fatal: true })

export async function sign(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const { key, out, 'passphrase-file': passphraseFile, ...flags } = line.flags
  const [zoneFile, ...more] = line.words
  if (zoneFile === undefined || more.length > 0 || key === undefined)
    throw new UsageFault([
      'kadns sign takes a zone file and --key with a key file: kadns sign family.zone --key family.key.',
    ])
  const { suffix } = configFor({ ...line, flags }).names
  try {
    const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile)
    const own = await readKeyFile(key, passphrase)
    const zone = signText(await readText(zoneFile), own, suffix)
    const file = out ?? `${own.key.label}.packet`
    await writeDurably(file, zone.bytes)
    tell(zone, file, line)
    return Exit.done
  } catch (fault) {
    process.stderr.write(sentencesOf(fault, zoneFile).join(''))
    return Exit.refused
  }
}

/** A file that cannot be read as text. */
class FileFault extends Error {}

function signText(text: string, { key, secret }: OwnKey, suffix: Name): SignedZone {
  const { records, left } = readZoneFile(text, key, suffix)
  process.stderr.write(left.map((sentence) => `${sentence}\n`).join(''))
  return signZone(secret, { sequence: BigInt(Date.now()) * 1000n, soa: DEFAULT_SOA, records })
}

async function readText(file: string): Promise<string> {
  await using handle = await open(file, 'r')
  const octets = Buffer.alloc(MAX_ZONE_FILE + 1)
  let length = 0
  for (let more = 1; more > 0 && length < octets.length; length += more)
    more = (await handle.read(octets, length)).bytesRead
  if (length > MAX_ZONE_FILE) throw new FileFault(`The file is longer than ${MAX_ZONE_FILE} octets.`)
  try {
    return UTF8.decode(octets.subarray(0, length))
  } catch {
    throw new FileFault('The file is not UTF-8.')
  }
}

function sentencesOf(fault: unknown, file: string): string[] {
  if (fault instanceof PublisherFault) return [`kadns: ${fault.message}\n`]
  if (fault instanceof ZoneFileFault)
    return fault.faults.map((each) => `kadns: ${file}: ${formatFault(each)}\n`)
  if (fault instanceof FileFault || fault instanceof DnsFault || fault instanceof ZoneFault)
    return [`kadns: ${file}: ${fault.message}\n`]
  if (isSystemError(fault)) return [`kadns: ${file} cannot be read: ${systemReason(fault)}.\n`]
  throw fault
}

function tell({ key, sequence, expires }: SignedZone, file: string, { json }: CommandLine): void {
  const until = new Date(expires).toISOString()
  const signed = { key: key.label, sequence: String(sequence), expires: until, file }
  process.stdout.write(json ? `${JSON.stringify(signed)}\n` : `${file}\n`)
  process.stderr.write(`Zone ${key.label} is signed, and lives until ${until}.\n`)
}
