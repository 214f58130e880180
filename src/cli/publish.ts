/** `kadns publish PACKET...`: hands signed zones to the running node, which hands them to the network. */
import { open } from 'node:fs/promises'
import { readToken, TokenFault, tokenFile } from '../api/token.ts'
import { isSystemError, systemReason } from '../system.ts'
import { ZoneFault } from '../zone/fault.ts'
import { MAX_ZONE_OCTETS, type SignedZone, verifyZone } from '../zone/signed-zone.ts'
import { apiUrl } from './node-url.ts'
import { configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns publish PACKET... [--json] [--data DIRECTORY] [--api-listen ADDRESS:PORT]: hands zones that kadns sign has made to the running node.

The node needs no key for that and gets none. It hands each on once; before it expires sign anew and publish again.

For example:  kadns publish family.packet
`
/** Milliseconds the node may take for one. */
const PATIENCE = 15_000

export async function publish(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  if (line.words.length === 0)
    throw new UsageFault([
      'kadns publish takes packets, as kadns sign makes them: kadns publish family.packet.',
    ])
  const config = configFor(line)
  try {
    // All before the first: a damaged one stops what could still be stopped.
    const zones = await Promise.all(line.words.map(readPacket))
    const to = { url: apiUrl(config), token: await readToken(tokenFile(config.data)), json: line.json }
    for (const zone of zones) {
      const code = await hand(zone, to)
      if (code !== Exit.done) return code
    }
    return Exit.done
  } catch (fault) {
    if (!(fault instanceof TokenFault || fault instanceof PacketFault)) throw fault
    process.stderr.write(`kadns: ${fault.message}\n`)
    return Exit.refused
  }
}

/** A file that holds no signed zone. The message is a sentence that names it. */
class PacketFault extends Error {}

async function readPacket(file: string): Promise<SignedZone> {
  try {
    await using handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_ZONE_OCTETS + 1))
    return verifyZone(buffer.subarray(0, bytesRead))
  } catch (cause) {
    if (cause instanceof ZoneFault) throw new PacketFault(`${file} is no signed zone: ${cause.message}`)
    if (isSystemError(cause)) throw new PacketFault(`${file} cannot be read: ${systemReason(cause)}.`)
    throw cause
  }
}

interface Receiver {
  readonly url: string
  readonly token: string
  readonly json: boolean
}

async function hand({ key, bytes }: SignedZone, { url, token, json }: Receiver): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
  const request = { method: 'PUT', headers, body: Buffer.from(bytes), redirect: 'error' } as const
  try {
    const signal = AbortSignal.timeout(PATIENCE)
    const reply = await fetch(`${url}/v1/zones/${key.label}/packet`, { ...request, signal })
    const body = JSON.parse(await reply.text())
    if (!reply.ok) {
      process.stderr.write(`kadns: ${body.detail}\n`)
      return Exit.refused
    }
    const told = json ? JSON.stringify({ key: key.label, ...body }) : `${key.label}\t${body.storedOn} node(s)`
    process.stdout.write(`${told}\n`)
    return Exit.done
  } catch {
    process.stderr.write(`kadns: no node answers at ${new URL(url).host}; is it running (kadns up)?\n`)
    return Exit.notReached
  }
}
