/** A secret key as a file of its owner's: for signing on a machine where no node runs. */
import { constants, type FileHandle, link, open, rm } from 'node:fs/promises'
import { systemReason } from '../system.ts'
import { newSecretKey, publicKeyOf, SECRET_OCTETS } from '../zone/signature.ts'
import { PublisherFault } from './fault.ts'
import { type OwnKey, syncFolderOf, writeFlushed } from './own-zones.ts'

const SECRET_TEXT = /^[0-9a-f]{64}\n?$/
/** Octets of the longest key file read: the digits, and an end of line as any system writes it. */
const MAX_KEY_FILE = 66
/** Rights of the group and of everybody. */
const OTHERS = 0o077

export function newKey(): OwnKey {
  const secret = newSecretKey()
  return { key: publicKeyOf(secret), secret }
}

/** The secret in hexadecimal, mode 0600, whole and on the disk when this returns. @throws PublisherFault `storage`, also where there is such a file */
export async function writeNewKeyFile(file: string, { key, secret }: OwnKey): Promise<void> {
  const beside = `${file}.${key.label}.new`
  try {
    await writeFlushed(beside, Buffer.from(`${Buffer.from(secret).toString('hex')}\n`, 'latin1'))
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
export async function readKeyFile(file: string): Promise<OwnKey> {
  await using handle = await open(file, constants.O_RDONLY).catch((cause: unknown) => {
    throw new PublisherFault('damaged', `The key file ${file} cannot be read: ${systemReason(cause)}.`, {
      cause,
    })
  })
  await refuseShared(file, handle)
  const text = (await firstOctets(file, handle)).toString('latin1').replace('\r\n', '\n')
  if (!SECRET_TEXT.test(text))
    throw new PublisherFault('damaged', `The file ${file} is no key file: it holds no 64 hexadecimal digits.`)
  const secret = Buffer.from(text.trim(), 'hex').subarray(0, SECRET_OCTETS)
  return { key: publicKeyOf(secret), secret }
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
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_KEY_FILE + 1))
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw new PublisherFault('damaged', `The key file ${file} cannot be read: ${systemReason(cause)}.`, {
      cause,
    })
  }
}
