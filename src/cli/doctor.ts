/** `kadns doctor`: what is wrong with this machine or the node, in plain words, each with what helps. */

import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { OwnZones, ZONES } from '../publisher/own-zones.ts'
import { examine } from './doctor-checks.ts'
import type { Finding, NodeState, Resolved, Seen } from './doctor-seen.ts'
import { NodeClient, NotReachedFault, RefusedFault } from './node-client.ts'
import { doorOf, isAnswering } from './node-url.ts'
import { holdersOf } from './port-holder.ts'
import { configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns doctor [--json] [--data DIRECTORY] [--api-listen ADDRESS:PORT] [--page URL]: looks at this machine and the running node, and says
what is wrong and what helps.

It changes nothing. Where ordinary names have no answer it fetches a small page to see whether a captive portal stands before
the internet: that of --page, whose text has to be "success", or Firefox's.

Exit code: 0 nothing is wrong, 1 something is.

For example:  kadns doctor
`
const PAGE = 'http://detectportal.firefox.com/success.txt'
/** A name of the ordinary DNS that is always there (RFC 2606). */
const ORDINARY = 'example.org'
/** Milliseconds. */
const PATIENCE = 3000
const OTHERS = 0o077
const MARKS = { good: ['ok', '32'], bad: ['WRONG', '31'], unsure: ['note', '33'] } as const

export async function doctor(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['page'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  if (line.words.length > 0)
    throw new UsageFault([`kadns doctor takes settings only, not "${line.words[0]}".`])
  const findings = examine(await look(configFor(line), own.page ?? PAGE))
  if (line.json) process.stdout.write(`${JSON.stringify({ findings })}\n`)
  else process.stdout.write(findings.map(format).join(''))
  return findings.some(({ state }) => state === 'bad') ? Exit.refused : Exit.done
}

function format({ check, state, sentence, remedy }: Finding): string {
  const [word, colour] = MARKS[state]
  const mark = process.stdout.isTTY ? `\u001b[${colour}m${word.padEnd(5)}\u001b[0m` : word.padEnd(5)
  return `${mark}  ${check.padEnd(11)}  ${sentence}\n${remedy === undefined ? '' : `${' '.repeat(20)}→ ${remedy}\n`}`
}

async function look(config: Config, page: string): Promise<Seen> {
  const client = new NodeClient(config)
  const node = await orUndefined(client.json<NodeState>('GET', '/v1/node'))
  const door = doorOf(config)
  const { port } = door
  const question = `/v1/resolve?name=${ORDINARY}&type=SOA`
  const ordinary = node && (await orUndefined(client.json<Resolved>('GET', question)))
  const isFailing = ordinary !== undefined && ordinary.rcode !== 'NOERROR'
  return {
    config,
    node,
    port,
    ordinary,
    holders: node ? [] : await holdersOf(port),
    door: node && ((await isAnswering(config, door)) ? 'answers' : 'silent'),
    page: isFailing ? await pageAt(page) : 'none',
    system: await isAnswering(config),
    directory: await directoryAt(config.data),
    packets: node ? await packetsOf(client) : [],
    keys: await keysIn(config.data),
  }
}

async function packetsOf(client: NodeClient): Promise<Seen['packets']> {
  return (await orUndefined(client.json<Pick<Seen, 'packets'>>('GET', '/v1/packets')))?.packets ?? []
}

async function orUndefined<Body>(reply: Promise<Body>): Promise<Body | undefined> {
  return await reply.catch((fault: unknown) => {
    if (fault instanceof NotReachedFault || fault instanceof RefusedFault) return undefined
    throw fault
  })
}

async function pageAt(url: string): Promise<Seen['page']> {
  try {
    const reply = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), redirect: 'manual' })
    return reply.ok && (await reply.text()).trim() === 'success' ? 'same' : 'another'
  } catch {
    return 'none'
  }
}

async function directoryAt(path: string): Promise<Seen['directory']> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return { exists: false, writable: false, open: false, free: 0 }
  const { bavail, bsize } = await statfs(path)
  const writable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
  return { exists: true, writable, open: isOpen(found.mode), free: bavail * bsize }
}

function isOpen(mode: number): boolean {
  return process.platform !== 'win32' && (mode & OTHERS) !== 0
}

/** By their files: that a key is sealed, or not this user's to read, is no matter here. */
async function keysIn(data: string): Promise<Seen['keys']> {
  const files = new OwnZones(join(data, ZONES))
  const labels = await files.labels()
  const paths = labels.map((label) => join(data, ZONES, `${label}.key`))
  const modes = await Promise.all(paths.map(async (path) => ({ path, mode: (await stat(path)).mode })))
  const backups = await Promise.all(labels.map((label) => files.backedUpAt({ label })))
  return {
    count: labels.length,
    withoutBackup: backups.filter((at) => at === undefined).length,
    open: modes.filter(({ mode }) => isOpen(mode)).map(({ path }) => path),
  }
}
