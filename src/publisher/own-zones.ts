/** Secret keys and the zones they signed, as files: the only place in the program where a secret key is read or written. */
import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemReason } from '../system.ts'
import type { PublicKey } from '../zone/key.ts'
import { type SignedZone, signRevocation, verifyZone } from '../zone/signed-zone.ts'
import { storageFault, syncFolderOf, writeDurably } from './durable.ts'
import { PublisherFault } from './fault.ts'
import { formatKey, type OwnKey, parseKey } from './key-text.ts'
import type { Passphrase } from './sealing.ts'

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

/** The directory of these files within a node's data. */
export const ZONES = 'zones'
const PUT_AWAY = 'forgotten'
const KEY_SUFFIX = '.key'
const ZONE_SUFFIX = '.zone'
const REVOCATION_SUFFIX = '.revocation'
const BACKUP_SUFFIX = '.backed-up'
/** What is put away with a key, in this order. */
const BESIDE_KEY = [ZONE_SUFFIX, REVOCATION_SUFFIX, BACKUP_SUFFIX]

/**
 * `<directory>/<label>.key`: the secret, plain or sealed, mode 0600. Beside it `.zone`: the signed zone's bytes; `.revocation`:
 * those of the message that ends the key; `.backed-up`: empty, there once its owner has made a copy.
 */
export class OwnZones {
  readonly #directory: string
  readonly #passphrase: Passphrase | undefined

  /** @param passphrase that keys are sealed with, and new ones will be */
  constructor(directory: string, passphrase?: Passphrase) {
    this.#directory = directory
    this.#passphrase = passphrase
  }

  /** Every key there is. @throws PublisherFault `damaged` naming the file */
  async readKeys(): Promise<OwnKey[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const files = await readdir(this.#directory)
    const keys = files.filter((file) => file.endsWith(KEY_SUFFIX)).sort()
    return Promise.all(keys.map((file) => this.#readKey(join(this.#directory, file))))
  }

  /** Of every key there is, its own part of the names of its files; none where there is no such directory. */
  async labels(): Promise<string[]> {
    const files = await readdir(this.#directory).catch(() => [])
    return files.filter((file) => file.endsWith(KEY_SUFFIX)).map((file) => file.slice(0, -KEY_SUFFIX.length))
  }

  async #readKey(file: string): Promise<OwnKey> {
    const text = await readFile(file, 'latin1').catch(unreadable(`key file ${file}`))
    const { key, secret } = await parseKey(text, `The key file ${file}`, this.#passphrase)
    if (file.endsWith(`${key.label}${KEY_SUFFIX}`)) return { key, secret }
    throw new PublisherFault('damaged', `The key file ${file} holds the key of another zone, ${key.label}.`)
  }

  /** The zone signed last; undefined when there is only the key, copied here from elsewhere perhaps. @throws PublisherFault `damaged` */
  async readZone(key: PublicKey): Promise<SignedZone | undefined> {
    const file = this.#file(key, ZONE_SUFFIX)
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

  /** The key, and the revocation that ends it: made now, for when the key is no more. @throws PublisherFault `storage` */
  async writeKey(own: OwnKey): Promise<void> {
    const text = await formatKey(own, this.#passphrase)
    await writeDurably(this.#file(own.key, REVOCATION_SUFFIX), signRevocation(own.secret).bytes)
    await writeDurably(this.#file(own.key, KEY_SUFFIX), Buffer.from(text, 'latin1'))
  }

  /** When somebody last made a copy of the key. */
  async backedUpAt(key: Pick<PublicKey, 'label'>): Promise<Date | undefined> {
    const found = await stat(this.#file(key, BACKUP_SUFFIX)).catch(() => undefined)
    return found?.mtime
  }

  /** Remembers that there is a copy of the key elsewhere. @throws PublisherFault `storage` */
  async noteBackup(key: PublicKey): Promise<void> {
    await writeDurably(this.#file(key, BACKUP_SUFFIX), new Uint8Array())
  }

  #file({ label }: Pick<PublicKey, 'label'>, suffix: string): string {
    return join(this.#directory, label + suffix)
  }

  /** Moves key and zone aside, the key last: as long as it is here the zone is this node's. @returns where to @throws PublisherFault `storage` */
  async putAway(key: PublicKey): Promise<string> {
    const { label } = key
    const aside = join(this.#directory, PUT_AWAY)
    try {
      await mkdir(aside, { recursive: true, mode: 0o700 })
      for (const suffix of BESIDE_KEY) await moveIfThere(this.#file(key, suffix), join(aside, label + suffix))
      await rename(this.#file(key, KEY_SUFFIX), join(aside, label + KEY_SUFFIX))
    } catch (cause) {
      throw storageFault(`The files of zone ${label} could not be moved: ${systemReason(cause)}.`, cause)
    }
    await syncFolderOf(join(aside, label))
    await syncFolderOf(join(this.#directory, label))
    return aside
  }

  /** @throws PublisherFault `storage` */
  async writeZone(zone: SignedZone): Promise<void> {
    await writeDurably(this.#file(zone.key, ZONE_SUFFIX), zone.bytes)
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
