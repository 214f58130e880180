/** Signed zones in files: single ones, or a series in a directory, one for each day it is to be published on. */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, systemReason } from '../system.ts'
import { ZoneFault } from '../zone/fault.ts'
import { MAX_ZONE_OCTETS, type SignedZone, verifyZone } from '../zone/signed-zone.ts'

/** A file that holds no signed zone. The message is a sentence that names it. */
export class PacketFault extends Error {}

export interface PacketFile {
  readonly file: string
  readonly zone: SignedZone
}

const SUFFIX = '.packet'

/** @throws PacketFault */
export async function readPacket(file: string): Promise<PacketFile> {
  try {
    await using handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_ZONE_OCTETS + 1))
    return { file, zone: verifyZone(buffer.subarray(0, bytesRead)) }
  } catch (cause) {
    if (cause instanceof ZoneFault) throw new PacketFault(`${file} is no signed zone: ${cause.message}`)
    throw cannotBeRead(file, cause)
  }
}

/** What stands in a file, or in all packets of a directory, earliest first. @throws PacketFault */
export async function readPackets(path: string): Promise<PacketFile[]> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: unknown) => {
      throw cannotBeRead(path, cause)
    },
  )
  return isDirectory ? await readSeries(path) : [await readPacket(path)]
}

/** @throws PacketFault */
export async function readSeries(directory: string): Promise<PacketFile[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw cannotBeRead(directory, cause)
  })
  const files = names.filter((name) => name.endsWith(SUFFIX))
  const packets = await Promise.all(files.map((name) => readPacket(join(directory, name))))
  return packets.sort((a, b) => (a.zone.sequence < b.zone.sequence ? -1 : 1))
}

/** By the day it is published on, for people; by its sequence, so that two never share a name. */
export function nameOfPacket({ sequence }: SignedZone): string {
  const [day] = new Date(Number(sequence / 1000n)).toISOString().split('T')
  return `${day}.${sequence}${SUFFIX}`
}

function cannotBeRead(file: string, cause: unknown): unknown {
  return isSystemError(cause) ? new PacketFault(`${file} cannot be read: ${systemReason(cause)}.`) : cause
}
