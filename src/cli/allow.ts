/** `kadns allow KEY`: lets the zone of somebody else lead to private addresses. */
import { NodeClient } from './node-client.ts'
import { labelFrom } from './own-key.ts'
import { configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns allow KEY [--json] [settings]: lets the zone of this key lead to private addresses, at the running node.
kadns allow --remove KEY: no more
kadns allow --list: which keys may, besides this node's own, those with a petname and those of names.private_addresses

In the zones of strangers such addresses are left out: a page of theirs could speak to your router (DNS rebinding). KEY is a
key, or a name below it.

For example:  kadns allow www.7g4q….kad.alt
`

export async function allow(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['remove'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const isList = line.switches.has('list')
  const wanted = isList || own.remove !== undefined ? 0 : 1
  if (line.words.length !== wanted)
    throw new UsageFault(['kadns allow takes one key, or --remove KEY, or --list.'])
  const client = new NodeClient(configFor(line))
  const { keys } = await client.json<{ keys: readonly string[] }>('GET', '/v1/allowed')
  if (isList) {
    process.stdout.write(line.json ? `${JSON.stringify({ keys })}\n` : keys.map((key) => `${key}\n`).join(''))
    return Exit.done
  }
  const label = labelFrom(own.remove ?? line.words[0] ?? '', own.remove === undefined ? [] : keys)
  await client.text(own.remove === undefined ? 'PUT' : 'DELETE', `/v1/allowed/${label}`)
  process.stdout.write(line.json ? `${JSON.stringify({ key: label })}\n` : `${label}\n`)
  return Exit.done
}
