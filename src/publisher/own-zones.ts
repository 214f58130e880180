/** Secret keys and the zones they signed, as files: the only place in the program where a secret key is read or written. */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemReason } from '../system.ts'
import type { PublicKey } from '../zone/key.ts'
import { publicKeyOf, SECRET_OCTETS } from '../zone/signature.ts'
import { type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { PublisherFault } from './fault.ts'

export interface OwnKey {
  readonly key: PublicKey
  /** 32 octets. */
  readonly secret: Uint8Array
}

/** What is kept of one own zone. */
export interface OwnZone extends OwnKey {
  zone: SignedZone
  /** Other nodes that acknowledged the zone as it is now. */
  storedOn: number
  /** Peer ids of those of the last round. */
  acknowledgedBy: readonly string[]
  /** The sequence this node signed, where one of another device has taken its place since. */
  superseded?: bigint | undefined
  /** Milliseconds of the monotonic clock; undefined until the first put has ended. */
  lastPut: number | undefined
  /** Since when no other node could be asked whether it is the newest, by the monotonic clock. */
  unheardSince?: number | undefined
}

const PUT_AWAY = 'forgotten'
const KEY_SUFFIX = '.key'
const ZONE_SUFFIX = '.zone'
const SECRET_TEXT = /^[0-9a-f]{64}\n?$/

/** `<directory>/<label>.key`: the secret in hexadecimal, mode 0600. `<directory>/<label>.zone`: the signed zone's bytes. */
export class OwnZones {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Every key there is. @throws PublisherFault `damaged` naming the file */
  async readKeys(): Promise<OwnKey[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const files = await readdir(this.#directory)
    const keys = files.filter((file) => file.endsWith(KEY_SUFFIX)).sort()
    return Promise.all(keys.map((file) => this.#readKey(join(this.#directory, file))))
  }

  async #readKey(file: string): Promise<OwnKey> {
    const text = await readFile(file, 'latin1').catch(unreadable(`key file ${file}`))
    if (!SECRET_TEXT.test(text)) {
      throw new PublisherFault(
        'damaged',
        `The key file ${file} is damaged: it holds no 64 hexadecimal digits.`,
      )
    }
    const secret = Buffer.from(text.trim(), 'hex').subarray(0, SECRET_OCTETS)
    const key = publicKeyOf(secret)
    if (file.endsWith(`${key.label}${KEY_SUFFIX}`)) return { key, secret }
    throw new PublisherFault('damaged', `The key file ${file} holds the key of another zone, ${key.label}.`)
  }

  /** The zone signed last; undefined when there is only the key, copied here from elsewhere perhaps. @throws PublisherFault `damaged` */
  async readZone(key: PublicKey): Promise<SignedZone | undefined> {
    const file = join(this.#directory, key.label + ZONE_SUFFIX)
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      return error.code === 'ENOENT' ? undefined : unreadable(`zone file ${file}`)(error)
    })
    try {
      return bytes && verifyZone(bytes, key)
    } catch (cause) {
      throw new PublisherFault('damaged', `The zone file ${file} is damaged: ${(cause as Error).message}`, {
        cause,
      })
    }
  }

  /** @throws PublisherFault `storage` */
  async writeKey({ key, secret }: OwnKey): Promise<void> {
    const text = `${Buffer.from(secret).toString('hex')}\n`
    await writeDurably(join(this.#directory, key.label + KEY_SUFFIX), Buffer.from(text, 'latin1'))
  }

  /** Moves key and zone aside, the key last: as long as it is here the zone is this node's. @returns where to @throws PublisherFault `storage` */
  async putAway({ label }: PublicKey): Promise<string> {
    const aside = join(this.#directory, PUT_AWAY)
    try {
      await mkdir(aside, { recursive: true, mode: 0o700 })
      await moveIfThere(join(this.#directory, label + ZONE_SUFFIX), join(aside, label + ZONE_SUFFIX))
      await rename(join(this.#directory, label + KEY_SUFFIX), join(aside, label + KEY_SUFFIX))
    } catch (cause) {
      throw storageFault(`The files of zone ${label} could not be moved: ${systemReason(cause)}.`, cause)
    }
    await syncFolderOf(join(aside, label))
    await syncFolderOf(join(this.#directory, label))
    return aside
  }

  /** @throws PublisherFault `storage` */
  async writeZone(zone: SignedZone): Promise<void> {
    await writeDurably(join(this.#directory, zone.key.label + ZONE_SUFFIX), zone.bytes)
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
  })
}

/** Says which file, as the system does not of a directory in its place. */
function unreadable(what: string): (cause: unknown) => never {
  return (cause) => {
    throw new PublisherFault('damaged', `The ${what} cannot be read: ${systemReason(cause)}.`, { cause })
  }
}

/** Whole or not at all, and on the disk when this returns: a file beside it, flushed, renamed, and the folder flushed. */
export async function writeDurably(file: string, octets: Uint8Array): Promise<void> {
  const beside = `${file}.new`
  try {
    await writeFlushed(beside, octets)
    await rename(beside, file)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined)
    throw storageFault(
      `${basename(file)} could not be written: ${systemReason(cause)}; nothing has changed.`,
      cause,
    )
  }
  await syncFolderOf(file)
}

/** @throws PublisherFault `storage` */
export async function syncFolderOf(file: string): Promise<void> {
  try {
    await using folder = await open(dirname(file), 'r')
    await folder.sync()
  } catch (cause) {
    const sentence = `${basename(file)} was written, but a power cut might undo it: ${systemReason(cause)}.`
    throw storageFault(sentence, cause)
  }
}

function storageFault(sentence: string, cause: unknown): PublisherFault {
  return new PublisherFault('storage', sentence, { cause })
}

export async function writeFlushed(file: string, octets: Uint8Array): Promise<void> {
  await using handle = await open(file, 'w', 0o600)
  await handle.writeFile(octets)
  await handle.sync()
}
