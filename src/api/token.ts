/** The token that writing takes: made at the first start, in a file that only its owner can read. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A token file that is not safe to use. The message is a sentence that names it. */
export class TokenFault extends Error {
  override readonly name = 'TokenFault'
}

const TOKEN_OCTETS = 32
const TOKEN_TEXT = /^[A-Za-z0-9_-]{43}\n?$/
const FOR_OTHERS = 0o077

export function tokenFile(dataDirectory: string): string {
  return join(dataDirectory, 'api-token')
}

/** @throws TokenFault when the file is damaged, a link, or open to others */
export async function loadOrCreateToken(dataDirectory: string): Promise<string> {
  const file = tokenFile(dataDirectory)
  try {
    return await createToken(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    return readToken(file)
  }
}

async function createToken(file: string): Promise<string> {
  await using handle = await open(file, 'wx', 0o600)
  const token = randomBytes(TOKEN_OCTETS).toString('base64url')
  await handle.writeFile(`${token}\n`)
  await handle.sync()
  await using folder = await open(dirname(file), 'r')
  await folder.sync()
  return token
}

/** @throws TokenFault */
export async function readToken(file: string): Promise<string> {
  await using handle = await openUnfollowed(file)
  const { mode } = await handle.stat()
  if ((mode & FOR_OTHERS) !== 0) {
    throw new TokenFault(`The token file ${file} is open to others; make it private with: chmod 600 ${file}.`)
  }
  const text = await handle.readFile('latin1')
  if (!TOKEN_TEXT.test(text)) {
    throw new TokenFault(`The token file ${file} is damaged; delete it, and the next start makes a new one.`)
  }
  return text.trim()
}

async function openUnfollowed(file: string): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    const isLink = (cause as NodeJS.ErrnoException).code === 'ELOOP'
    const why = isLink ? 'is a link, which is not followed' : `cannot be read: ${(cause as Error).message}`
    throw new TokenFault(`The token file ${file} ${why}.`, { cause })
  }
}

/** Compares without telling by its time how much was right. */
export function sameToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token))
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
