/** Hosts files (hosts(5)): an address and its names on each line, as a machine keeps them for itself and here for a whole home. */
import { open } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { parseIPv4, parseIPv6 } from '../dns/address.ts'
import { RecordClass, RecordType, type ResourceRecord } from '../dns/message.ts'
import { fold, isUnder, type Name, parseName, ROOT } from '../dns/name.ts'
import { encodeRdata } from '../dns/rdata.ts'
import { isSystemError, systemReason } from '../system.ts'
import { ListFault } from './fault.ts'

/** Octets of one file; lists of names to block have a place of their own. */
const MAX_OCTETS = 4 * 2 ** 20
/** Seconds: whoever changes a line wants to see it. */
const TTL = 60
const LOCALHOST = parseName('localhost')

export interface LoadedHosts {
  /** A, AAAA and PTR; of a name or an address that several lines speak of, those of all. */
  readonly records: readonly ResourceRecord[]
  /** Lines that say nothing that can be understood, as `file:number`. */
  readonly skipped: readonly string[]
}

interface Line {
  readonly address: Uint8Array
  readonly names: readonly Name[]
}

/**
 * @param isOurs whether a name is a key's, and so for signed zones alone
 * @throws ListFault with the faults of all files
 */
export async function loadHosts(
  files: readonly string[],
  isOurs: (name: Name) => boolean,
): Promise<LoadedHosts> {
  const records: ResourceRecord[] = []
  const skipped: string[] = []
  const faults: string[] = []
  for (const file of files) {
    const text = await read(file).catch((cause: unknown) => {
      faults.push(unreadable(file, cause))
      return ''
    })
    for (const [at, line] of text.split(/\r\n?|\n/).entries()) {
      const words = line.replace(/#.*/, '').trim()
      const read = words === '' ? { address: new Uint8Array(), names: [] } : parseLine(words)
      if (read?.names.some(isOurs) ?? true) skipped.push(`${file}:${at + 1}`)
      else if (read) records.push(...recordsOf(read))
    }
  }
  if (faults.length > 0) throw new ListFault(faults)
  return { records, skipped }
}

async function read(file: string): Promise<string> {
  await using opened = await open(file)
  const { size } = await opened.stat()
  if (size > MAX_OCTETS) throw new ListFault([`it has ${size} octets; ${MAX_OCTETS} are allowed`])
  const { bytesRead, buffer } = await opened.read({ buffer: Buffer.alloc(MAX_OCTETS), length: MAX_OCTETS })
  return buffer.toString('latin1', 0, bytesRead)
}

function unreadable(file: string, cause: unknown): string {
  if (cause instanceof ListFault) return `The hosts file ${file} cannot be read: ${cause.message}.`
  if (!isSystemError(cause)) throw cause
  return `The hosts file ${file} cannot be read: ${systemReason(cause)}.`
}

/** @returns undefined for what is no line of a hosts file */
function parseLine(text: string): Line | undefined {
  const [address = '', ...words] = text.split(/\s+/)
  const names = words.map(nameOf)
  const octets = octetsOf(address)
  if (!octets || names.length === 0 || names.includes(undefined)) return undefined
  return { address: octets, names: names.filter((name) => name !== undefined) }
}

/** Of an IPv6 address the interface (`%eth0`) is left out: it means nothing to other machines. */
function octetsOf(text: string): Uint8Array | undefined {
  const address = text.replace(/%.*/, '')
  if (isIPv4(address)) return parseIPv4(address)
  return isIPv6(address) ? parseIPv6(address) : undefined
}

function nameOf(text: string): Name | undefined {
  try {
    const name = parseName(text)
    return name === ROOT ? undefined : fold(name)
  } catch {
    return undefined
  }
}

/** What `localhost` is, and which address is called so, every machine says for itself (RFC 6761 6.3). */
function recordsOf({ address, names }: Line): ResourceRecord[] {
  const others = names.filter((name) => !isUnder(name, LOCALHOST))
  const type = address.length === 4 ? RecordType.A : RecordType.AAAA
  const base = { class: RecordClass.IN, ttl: TTL }
  const forward = others.map((name) => ({ ...base, name, type, data: address }))
  const [first] = others
  if (first === undefined || others.length < names.length) return forward
  const data = encodeRdata(RecordType.PTR, [first])
  return [...forward, { ...base, name: reverseOf(address), type: RecordType.PTR, data }]
}

/** RFC 1035 3.5, RFC 3596 2.5 */
function reverseOf(address: Uint8Array): Name {
  if (address.length === 4) return parseName(`${[...address].reverse().join('.')}.in-addr.arpa`)
  const nibbles = [...Buffer.from(address).toString('hex')].reverse()
  return parseName(`${nibbles.join('.')}.ip6.arpa`)
}
