/** The token that writing takes: made at the first start, in a file that only its owner can read. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemReason } from '../system.ts'

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

/** @throws TokenFault when it is not there, damaged, a link, or open to others */
export async function readToken(file: string): Promise<string> {
  await using handle = await openUnfollowed(file)
  const stats = await handle.stat()
  if (!stats.isFile()) throw new TokenFault(`The token file ${file} is no file, but a directory or the like.`)
  if ((stats.mode & FOR_OTHERS) !== 0) {
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
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw new TokenFault(openSentence(file, cause as NodeJS.ErrnoException), { cause })
  }
}

function openSentence(file: string, cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'ENOENT':
      return `There is no token in ${file}; a node makes it at its first start (kadns up).`
    case 'ELOOP':
      return `The token file ${file} is a link, which is not followed.`
    default:
      return `The token file ${file} cannot be read: ${systemReason(cause)}.`
  }
}

/** Compares without telling by its time how much was right. */
export function sameToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token))
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
