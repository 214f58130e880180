/** `kadns publish PACKET...`: hands signed zones to the running node, which hands them to the network. */
import type { SignedZone } from '../zone/signed-zone.ts'
import { NodeClient, RefusedFault } from './node-client.ts'
import { labelFrom } from './own-key.ts'
import { PacketFault, readPackets } from './packet-files.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns publish PACKET... [--json] [settings]: hands zones that kadns sign has made to the running node.
kadns publish --list: what the node publishes so, and how much of each is left
kadns publish --forget KEY: it publishes the packets of this key no more

PACKET is a file, or a directory of them. The node needs no key for that and gets none. It puts a zone again every few hours
until it expires; one that is signed for a time to come it keeps until then.

For example:  kadns publish family.packet
              kadns publish family.series
`

interface Published {
  readonly sequence: string
  readonly expires: string | null
  readonly storedOn?: number
  readonly due?: string
}
interface Listed {
  readonly key: string
  readonly sequence: string | null
  readonly storedOn: number
  readonly left: number
  readonly next: string | null
  readonly until: string | null
}

export async function publish(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['forget'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const isOther = line.switches.has('list') || own.forget !== undefined
  if ((line.words.length === 0) !== isOther)
    throw new UsageFault([
      'kadns publish takes packets, as kadns sign makes them (kadns publish family.packet), or --list, or --forget KEY.',
    ])
  const client = new NodeClient(configFor(line))
  if (own.forget !== undefined) await forget(own.forget, client, line)
  else if (isOther) await list(client, line)
  else await handAll(client, line)
  return Exit.done
}

/** All are read before the first is handed on: a damaged one stops what could still be stopped. */
async function handAll(client: NodeClient, line: CommandLine): Promise<void> {
  const read = await Promise.all(line.words.map(readPackets)).catch((fault: unknown) => {
    throw fault instanceof PacketFault ? new RefusedFault(0, [fault.message]) : fault
  })
  const packets = read.flat().map(({ zone }) => zone)
  if (packets.length === 0) throw new RefusedFault(0, [`There is no packet in ${line.words.join(', ')}.`])
  for (const zone of packets) await hand(zone, client, line)
}

async function hand({ key, bytes }: SignedZone, client: NodeClient, { json }: CommandLine): Promise<void> {
  const sent = { body: Buffer.from(bytes), type: 'application/octet-stream' }
  const body = await client.json<Published>('PUT', `/v1/zones/${key.label}/packet`, sent)
  const told = body.due === undefined ? `${body.storedOn} node(s)` : `waits until ${body.due}`
  process.stdout.write(json ? `${JSON.stringify({ key: key.label, ...body })}\n` : `${key.label}\t${told}\n`)
}

async function list(client: NodeClient, { json }: CommandLine): Promise<void> {
  const { packets } = await client.json<{ packets: readonly Listed[] }>('GET', '/v1/packets')
  const rows = packets.map(({ key, storedOn, left, until }) => {
    return `${key}\t${storedOn} node(s)\t${left} left\t${until === null ? 'for ever' : `until ${until}`}\n`
  })
  process.stdout.write(json ? `${JSON.stringify({ packets })}\n` : rows.join(''))
}

async function forget(word: string, client: NodeClient, { json }: CommandLine): Promise<void> {
  const { packets } = await client.json<{ packets: readonly Listed[] }>('GET', '/v1/packets')
  const label = labelFrom(
    word,
    packets.map(({ key }) => key),
  )
  const { removed } = await client.json<{ removed: number }>('DELETE', `/v1/zones/${label}/packet`)
  process.stdout.write(
    json ? `${JSON.stringify({ key: label, removed })}\n` : `${removed} packet(s) removed.\n`,
  )
}
