/** Reads block lists piece by piece: between two pieces whoever asks is answered. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isSystemError, systemReason } from '../../system.ts'
import type { BlockConfig } from '../config.ts'
import { ListFault } from '../fault.ts'
import { parseListLine } from './list-line.ts'
import { type NameRules, Rule, RuleWriter } from './name-rules.ts'

/** What one list was found to hold. */
export interface ListState {
  readonly file: string
  /** Names in it; the same name may be in others too. */
  readonly names: number
  /** Lines that were not understood, and block nothing. */
  readonly skipped: number
}

export interface LoadedLists {
  readonly rules: NameRules
  readonly lists: readonly ListState[]
}

/** Octets of all lists together: ten million names or so. */
const MAX_OCTETS = 256 * 2 ** 20
/** Octets read at once: a few thousand lines, some milliseconds. */
const PIECE = 32_768
/** Characters; a longer line is not one name. */
const MAX_LINE = 4096
/** A name takes four octets more than its characters, and stands behind a line feed: "a.b" is the shortest. */
const ROOM_PER_OCTET = 2

/** Lets everything that waits go first. */
const breathe = promisify(setImmediate)

type Wanted = Pick<BlockConfig, 'lists' | 'allow'>

/** @throws ListFault with the faults of all lists */
export async function loadLists({ lists: files, allow }: Wanted): Promise<LoadedLists> {
  const sizes = await sizesOf(files)
  const room = sizes.reduce((sum, size) => sum + size, files.length) * ROOM_PER_OCTET
  const writer = new RuleWriter(room + allow.reduce((sum, name) => sum + name.length + 2, 0))
  for (const name of allow) writer.add(name, Rule.allowBelow)
  const lists: ListState[] = []
  const faults: string[] = []
  for (const [at, file] of files.entries()) {
    try {
      lists.push(await readList(file, sizes[at] ?? 0, writer))
    } catch (cause) {
      faults.push(unreadable(file, cause))
    }
  }
  if (faults.length > 0) throw new ListFault(faults)
  return { rules: await writer.finish(breathe), lists }
}

async function sizesOf(files: readonly string[]): Promise<number[]> {
  const faults: string[] = []
  const sizes: number[] = []
  for (const file of files) {
    try {
      await using opened = await open(file) // tells of missing rights too
      const found = await opened.stat()
      if (!found.isFile()) faults.push(`The block list ${file} cannot be read: it is not a file.`)
      sizes.push(found.size)
    } catch (cause) {
      faults.push(unreadable(file, cause))
    }
  }
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > MAX_OCTETS)
    faults.push(`The block lists have ${total} octets together; ${MAX_OCTETS} are allowed.`)
  if (faults.length > 0) throw new ListFault(faults)
  return sizes
}

function unreadable(file: string, cause: unknown): string {
  if (!isSystemError(cause)) throw cause
  return `The block list ${file} cannot be read: ${systemReason(cause)}.`
}

/** @param size octets that are read at most: there is no room for what has been added since */
async function readList(file: string, size: number, writer: RuleWriter): Promise<ListState> {
  const state = { file, names: 0, skipped: 0 }
  const take = (line: string) => {
    const parsed = line.length > MAX_LINE ? undefined : parseListLine(line)
    for (const name of parsed?.names ?? []) writer.add(name, parsed?.rule ?? 0)
    state.names += parsed?.names.length ?? 0
    if (!parsed) state.skipped++
  }
  if (size === 0) return state
  let rest = ''
  const stream = createReadStream(file, { end: size - 1, highWaterMark: PIECE, encoding: 'latin1' })
  for await (const piece of stream) {
    const lines = (rest + piece).split(/\r\n?|\n/)
    rest = (lines.pop() ?? '').slice(0, MAX_LINE + 1)
    for (const line of lines) take(line)
  }
  take(rest)
  return state
}
