/** A secret key as a file of its owner's: for signing on a machine where no node runs. */
import { randomBytes } from 'node:crypto'
import { constants, type FileHandle, link, open, rm } from 'node:fs/promises'
import { systemReason } from '../system.ts'
import { newSecretKey, publicKeyOf } from '../zone/signature.ts'
import { syncFolderOf, writeFlushed } from './durable.ts'
import { PublisherFault } from './fault.ts'
import { type Backup, MAX_KEY_TEXT, type OwnKey, parseKey } from './key-text.ts'
import { Passphrase } from './sealing.ts'

/** Rights of the group and of everybody. */
const OTHERS = 0o077

export function newKey(): OwnKey {
  const secret = newSecretKey()
  return { key: publicKeyOf(secret), secret }
}

/** Mode 0600, whole and on the disk when this returns. @throws PublisherFault `storage`, also where there is such a file */
export async function writeNewKeyFile(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(8).toString('hex')}.new`
  try {
    await writeFlushed(beside, Buffer.from(text, 'latin1'))
    await link(beside, file) // unlike a rename it never takes the place of another key
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    const reason = isThere
      ? 'there is such a file already, and a key is never written over'
      : systemReason(cause)
    throw new PublisherFault('storage', `The key file ${file} was not written: ${reason}.`, { cause })
  } finally {
    await rm(beside, { force: true }).catch(() => undefined)
  }
  await syncFolderOf(file)
}

/** @throws PublisherFault `damaged` for one that is none, or that others can read */
export async function readKeyFile(file: string, passphrase?: Passphrase): Promise<Backup> {
  return await parseKey(await readOwnersFile(file), `The file ${file}`, passphrase)
}

/** The text of a key file or backup. @throws PublisherFault `damaged` where others can read it */
export async function readOwnersFile(file: string): Promise<string> {
  await using handle = await open(file, constants.O_RDONLY).catch((cause: unknown) => {
    throw new PublisherFault('damaged', `The key file ${file} cannot be read: ${systemReason(cause)}.`, {
      cause,
    })
  })
  await refuseShared(file, handle)
  const octets = await firstOctets(file, handle)
  if (octets.length <= MAX_KEY_TEXT) return octets.toString('latin1')
  throw new PublisherFault(
    'damaged',
    `The file ${file} is no key file: it is longer than ${MAX_KEY_TEXT} octets.`,
  )
}

/** @throws PublisherFault `damaged` */
export async function readPassphrase(file: string): Promise<Passphrase> {
  return new Passphrase(Buffer.from(await readOwnersFile(file), 'latin1').toString('utf8'))
}

async function refuseShared(file: string, handle: FileHandle): Promise<void> {
  const { mode } = await handle.stat()
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return
  throw new PublisherFault(
    'damaged',
    `The key file ${file} is open to others than its owner; take that from them first: chmod 600 ${file}`,
  )
}

async function firstOctets(file: string, handle: FileHandle): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_KEY_TEXT + 1))
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw new PublisherFault('damaged', `The key file ${file} cannot be read: ${systemReason(cause)}.`, {
      cause,
    })
  }
}
