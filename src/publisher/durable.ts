/** Files that are whole, and on the disk when whoever wrote them goes on. */
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { systemReason } from '../system.ts'
import { PublisherFault } from './fault.ts'

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

export function storageFault(sentence: string, cause: unknown): PublisherFault {
  return new PublisherFault('storage', sentence, { cause })
}

export async function writeFlushed(file: string, octets: Uint8Array): Promise<void> {
  await using handle = await open(file, 'w', 0o600)
  await handle.writeFile(octets)
  await handle.sync()
}
