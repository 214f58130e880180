/** `kadns sign ZONEFILE --key FILE`: signs a zone file where no node runs, for now or for months ahead. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DnsFault } from '../dns/fault.ts'
import type { ResourceRecord } from '../dns/message.ts'
import { writeDurably } from '../publisher/durable.ts'
import { PublisherFault } from '../publisher/fault.ts'
import { readKeyFile, readPassphrase } from '../publisher/key-file.ts'
import type { OwnKey } from '../publisher/key-text.ts'
import { isSystemError, systemReason } from '../system.ts'
import { ZoneFault } from '../zone/fault.ts'
import { type SignedZone, signZone } from '../zone/signed-zone.ts'
import { DEFAULT_SOA, MAX_LIFETIME, type ZoneSoa } from '../zone/soa.ts'
import { formatFault, readZoneFile, ZoneFileFault } from '../zone/zone-file.ts'
import { nameOfPacket, PacketFault, type PacketFile, readPacket, readSeries } from './packet-files.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns sign ZONEFILE --key FILE [--passphrase-file FILE] [--out FILE] [--json] [settings]: signs a zone file, without a node.
kadns sign ZONEFILE --key FILE --series N --every TIME [--out DIRECTORY]: the same for now and N - 1 times to come

The signed zone is a file of 1104 octets at most, <key>.packet here where --out names none: pkarr's bytes, without a secret.
The SOA is made here, and one in the zone file is left out. It lives for seven days from now (names.zone_lifetime). It is newer
than what is in that file.

A series is a directory, <key>.series where --out names none, of packets each of which is signed for its own day and lives for
thirty. kadns publish takes it whole; the key may stay in its drawer until few are left. Signed into the same directory again,
those that still count are made anew a microsecond later, with what the zone file says now, and more follow up to N. TIME is a
number of days (14d), hours (36h) or weeks (2w), up to 28 days.

For example:  kadns sign family.zone --key family.key --out family.packet
              kadns sign family.zone --key family.key --series 12 --every 14d --out family.series
`
/** Octets of the longest zone file read; what fits into a zone is written with far fewer. */
const MAX_ZONE_FILE = 65_536
const MAX_SERIES = 200
const HOUR = 3_600_000
const HOURS_OF: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168 }
const MAX_EVERY = 28 * 24 * HOUR
const UTF8 = new TextDecoder('utf-8', { fatal: true })

interface Content {
  readonly own: OwnKey
  readonly records: readonly ResourceRecord[]
  readonly soa: ZoneSoa
}

interface Series {
  readonly count: number
  /** Milliseconds. */
  readonly every: number
}

export async function sign(given: readonly string[]): Promise<number> {
  const names = ['key', 'out', 'passphrase-file', 'series', 'every'] as const
  const { own: flags, line } = withFlags(parseCommandLine(given), names)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [zoneFile, ...more] = line.words
  if (zoneFile === undefined || more.length > 0 || flags.key === undefined)
    throw new UsageFault([
      'kadns sign takes a zone file and --key with a key file: kadns sign family.zone --key family.key.',
    ])
  const series = seriesFrom(flags)
  try {
    const file = flags['passphrase-file']
    const own = await readKeyFile(flags.key, file === undefined ? undefined : await readPassphrase(file))
    const content = { own, ...(await read(zoneFile, own, line)) }
    if (series) await signSeries(content, series, flags.out ?? `${own.key.label}.series`, line)
    else await signOne(content, flags.out ?? `${own.key.label}.packet`, line)
    return Exit.done
  } catch (fault) {
    process.stderr.write(sentencesOf(fault, zoneFile).join(''))
    return Exit.refused
  }
}

/** @throws UsageFault */
function seriesFrom(flags: Readonly<Partial<Record<'series' | 'every', string>>>): Series | undefined {
  if (flags.series === undefined && flags.every === undefined) return undefined
  const count = Number(flags.series)
  if (!Number.isInteger(count) || count < 1 || count > MAX_SERIES)
    throw new UsageFault([`--series takes how many packets to make, 1 to ${MAX_SERIES}, beside --every.`])
  const [, number, unit = ''] = /^(\d{1,4})([hdw])$/.exec(flags.every ?? '') ?? []
  const every = Number(number) * (HOURS_OF[unit] ?? 0) * HOUR
  if (!(every >= HOUR && every <= MAX_EVERY))
    throw new UsageFault(['--every takes the time from one packet to the next, 1h to 28d: --every 14d.'])
  return { count, every }
}

/** A file that cannot be read as text. */
class FileFault extends Error {}

async function read(file: string, { key }: OwnKey, line: CommandLine): Promise<Omit<Content, 'own'>> {
  const { suffix, zoneLifetime: expire, zoneRefresh: refresh, zoneMinimum: minimum } = configFor(line).names
  const { records, left } = readZoneFile(await readText(file), key, suffix)
  process.stderr.write(left.map((sentence) => `${sentence}\n`).join(''))
  return { records, soa: { ...DEFAULT_SOA, expire, refresh, minimum } }
}

async function signOne(content: Content, file: string, line: CommandLine): Promise<void> {
  const before = await readPacket(file).catch(() => undefined) // none, or what is no packet and will be one
  const last = before?.zone.key.label === content.own.key.label ? before.zone.sequence : -1n
  const now = microseconds(Date.now())
  const zone = signZone(content.own.secret, { ...content, sequence: now > last ? now : last + 1n })
  await writeDurably(file, zone.bytes)
  tell([{ file, zone }], line)
}

/** Those that still count are made anew, a microsecond later; then the ones they replace go. */
async function signSeries(
  { own, records, soa }: Content,
  { count, every }: Series,
  directory: string,
  line: CommandLine,
): Promise<void> {
  await mkdir(directory, { recursive: true })
  const before = await readSeries(directory)
  refuseStrangers(before, own)
  const sequences = sequencesOf(
    before.map(({ zone }) => zone.sequence),
    { count, every },
  )
  const made: PacketFile[] = []
  for (const sequence of sequences) {
    const zone = signZone(own.secret, { sequence, soa: { ...soa, expire: MAX_LIFETIME }, records })
    const file = join(directory, nameOfPacket(zone))
    await writeDurably(file, zone.bytes)
    made.push({ file, zone })
  }
  const kept = new Set(made.map(({ file }) => file))
  for (const { file } of before) if (!kept.has(file)) await rm(file)
  tell(made, line)
}

function sequencesOf(before: readonly bigint[], { count, every }: Series): bigint[] {
  const now = microseconds(Date.now())
  const current = before.findLast((sequence) => sequence <= now)
  const still = before.filter((sequence) => sequence >= (current ?? now)).map((sequence) => sequence + 1n)
  const [first = now] = still
  const sequences = still.length > 0 ? still : [first]
  for (let last = sequences.at(-1) ?? now; sequences.length < count; sequences.push(last))
    last += microseconds(every)
  return sequences
}

function refuseStrangers(before: readonly PacketFile[], { key }: OwnKey): void {
  const stranger = before.find(({ zone }) => zone.key.label !== key.label)
  if (stranger)
    throw new PacketFault(`${stranger.file} is of another key; name another directory with --out.`)
}

function microseconds(milliseconds: number): bigint {
  return BigInt(milliseconds) * 1000n
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
  if (fault instanceof PublisherFault || fault instanceof PacketFault) return [`kadns: ${fault.message}\n`]
  if (fault instanceof ZoneFileFault)
    return fault.faults.map((each) => `kadns: ${file}: ${formatFault(each)}\n`)
  if (fault instanceof FileFault || fault instanceof DnsFault || fault instanceof ZoneFault)
    return [`kadns: ${file}: ${fault.message}\n`]
  if (isSystemError(fault)) return [`kadns: ${fault.path ?? file} cannot be used: ${systemReason(fault)}.\n`]
  throw fault
}

function tell(packets: readonly PacketFile[], { json }: CommandLine): void {
  const signed = packets.map(({ file, zone }) => ({
    key: zone.key.label,
    sequence: String(zone.sequence),
    expires: timeOf(zone),
    file,
  }))
  process.stdout.write(signed.map((each) => (json ? `${JSON.stringify(each)}\n` : `${each.file}\n`)).join(''))
  const last = signed.at(-1)
  if (last) process.stderr.write(`Zone ${last.key} is signed, and lives until ${last.expires}.\n`)
}

function timeOf({ expires }: SignedZone): string {
  return new Date(expires).toISOString()
}
