/** Files of the system as they were found, kept on the disk before they are changed, and put back: octets, mode, owner, or link. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'

type Found =
  | { readonly kind: 'none' }
  | { readonly kind: 'link'; readonly target: string; readonly uid: number; readonly gid: number }
  | {
      readonly kind: 'file'
      /** In base64. */
      readonly octets: string
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }

interface Saved {
  readonly path: string
  readonly found: Found
  /** Directories that were made for it, the deepest first. */
  readonly made: readonly string[]
  /** SHA-256 of what was written; anything else is somebody else's. */
  readonly written: string
}

/** A file that cannot be changed, or has been by somebody else. The message is a sentence. */
export class SavedFileFault extends Error {
  override readonly name = 'SavedFileFault'
}

const MAX_FILE = 1 << 20
const SUFFIX = '.file.json'
/** A file that another file system is mounted over, as Docker does it with resolv.conf, cannot be renamed over. */
const MOUNTED = new Set(['EBUSY', 'EXDEV'])

/** One entry for each file that was changed, in a directory of their own. */
export class SavedFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Saves what is there, on the disk, and then writes. A second time the first original stays. @throws SavedFileFault */
  write(path: string, text: string): void {
    const before = this.#read(path)
    if (before && !isAsLeft(before))
      throw new SavedFileFault(
        `${path} was changed by somebody else since; kadns os deactivate --yes gives it up.`,
      )
    const found = before?.found ?? find(path)
    const made = before?.made ?? missingDirectories(dirname(path))
    const saved: Saved = { path, found, made, written: digestOf(text) }
    fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    replace(this.#entry(path), { octets: Buffer.from(JSON.stringify(saved)), mode: 0o600 })
    fs.mkdirSync(dirname(path), { recursive: true })
    const rights = found.kind === 'file' ? found : { mode: 0o644 }
    replace(path, { ...rights, octets: Buffer.from(text) })
  }

  /** Of the files that were changed. */
  paths(): string[] {
    if (!fs.existsSync(this.#folder)) return []
    const entries = fs.readdirSync(this.#folder).filter((name) => name.endsWith(SUFFIX))
    return entries.map(
      (name) => (JSON.parse(fs.readFileSync(join(this.#folder, name), 'utf8')) as Saved).path,
    )
  }

  /** Whether it is still as it was left here. */
  isOurs(path: string): boolean {
    const saved = this.#read(path)
    return saved !== undefined && isAsLeft(saved)
  }

  /** What somebody else has written since stays, and what was found is forgotten. @returns whether it was put back */
  putBack(path: string): boolean {
    const saved = this.#read(path)
    if (!saved) return false
    const isOurs = isAsLeft(saved)
    if (isOurs) putFound(saved)
    fs.rmSync(this.#entry(path))
    return isOurs
  }

  #read(path: string): Saved | undefined {
    const entry = this.#entry(path)
    return fs.existsSync(entry) ? (JSON.parse(fs.readFileSync(entry, 'utf8')) as Saved) : undefined
  }

  #entry(path: string): string {
    return join(this.#folder, digestOf(path).slice(0, 16) + SUFFIX)
  }
}

function digestOf(octets: Uint8Array | string): string {
  return createHash('sha256').update(octets).digest('hex')
}

function find(path: string): Found {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return { kind: 'none' }
  const { uid, gid } = stat
  if (stat.isSymbolicLink()) return { kind: 'link', target: fs.readlinkSync(path), uid, gid }
  if (!stat.isFile() || stat.size > MAX_FILE)
    throw new SavedFileFault(`${path} is no file of less than 1 MiB; nothing was changed.`)
  return { kind: 'file', octets: fs.readFileSync(path, 'base64'), mode: stat.mode & 0o7777, uid, gid }
}

/** As it was found, where a crash came before the write, or as it was written. */
function isAsLeft({ path, found, written }: Saved): boolean {
  const now = find(path)
  if (JSON.stringify(now) === JSON.stringify(found)) return true
  return now.kind === 'file' && digestOf(Buffer.from(now.octets, 'base64')) === written
}

function putFound({ path, found, made }: Saved): void {
  if (found.kind === 'file') replace(path, { ...found, octets: Buffer.from(found.octets, 'base64') })
  if (found.kind === 'link') {
    const beside = besideOf(path)
    fs.symlinkSync(found.target, beside)
    fs.lchownSync(beside, found.uid, found.gid)
    fs.renameSync(beside, path)
  }
  if (found.kind === 'none') fs.rmSync(path, { force: true })
  for (const directory of made) if (fs.readdirSync(directory).length === 0) fs.rmdirSync(directory)
}

interface Content {
  readonly octets: Uint8Array
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

/** Through a file beside it, so that a crash leaves the old one or the new one, and no half of either. */
function replace(path: string, content: Content): void {
  const beside = besideOf(path)
  writeWhole(fs.openSync(beside, 'wx', 0o600), content)
  try {
    fs.renameSync(beside, path)
  } catch (cause) {
    fs.rmSync(beside)
    if (!MOUNTED.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause
    writeWhole(fs.openSync(path, 'w'), content)
  }
  const folder = fs.openSync(dirname(path), 'r')
  fs.fsyncSync(folder)
  fs.closeSync(folder)
}

function writeWhole(file: number, { octets, mode, uid, gid }: Content): void {
  try {
    fs.writeFileSync(file, octets)
    if (uid !== undefined && gid !== undefined) fs.fchownSync(file, uid, gid)
    // After the owner: a change of owner takes set-uid bits away.
    fs.fchmodSync(file, mode)
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

function besideOf(path: string): string {
  const beside = `${path}.kadns-new`
  fs.rmSync(beside, { force: true })
  return beside
}

function missingDirectories(directory: string): string[] {
  if (fs.existsSync(directory)) return []
  return [directory, ...missingDirectories(dirname(directory))]
}
