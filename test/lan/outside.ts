/** With dht.mode auto: a node that others can dial becomes a server, one that they cannot stays a client that publishes and reads. Needs root. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Reach } from '../../src/dht/reach.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { type Machine, Wire } from '../support/machines.ts'
import { until } from '../support/until.ts'

interface Node {
  addresses: string[]
  reach: Reach
  peers: number
}

/** Everybody from 8.0.0.0 to 15.255.255.255 is on the wire. */
const SERVERS = ['8.1.0.1', '9.1.0.1', '11.1.0.1']
const HIDDEN = '10.0.0.1'
const ROUTER = '15.255.0.1'
/** AutoNAT looks for peers to be confirmed by once a minute; these are ms. */
const PATIENCE = 180_000

const nodeOf = async (machine: Machine) => await machine.rest<Node>('GET', '/v1/node')
const alone = ['--dht-local', 'off', '--upstream-servers', '']

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}

async function outside(): Promise<void> {
  await using files = await temporaryDirectory()
  await using wire = await Wire.open()
  const machine = async (address: string, ...flags: string[]) => {
    const made = await wire.machine(`${address}/5`, ROUTER)
    await made.address(`${HIDDEN}/32`)
    await made.start(join(files.path, address), ...alone, ...flags)
    return made
  }
  let bootstrap = ''
  const server = async (address: string) => {
    const known = `/ip4/${address}/tcp/4601`
    const made = await machine(address, '--dht-announce', known, '--dht-bootstrap', bootstrap)
    bootstrap ||= (await nodeOf(made)).addresses[0] ?? ''
  }
  for (const address of SERVERS) await server(address)
  const joining = ['--dht-mode', 'auto', '--dht-bootstrap', bootstrap]
  const open = await machine('14.1.0.1', ...joining)
  // As behind a router: it dials out, and what it hears on is nobody's to reach.
  const hidden = await machine('14.2.0.1', ...joining, '--dht-listen', `/ip4/${HIDDEN}/tcp/4601`)
  await until(async () => (await nodeOf(hidden)).peers >= SERVERS.length, PATIENCE)
  await until(async () => (await nodeOf(open)).reach.mode === 'server', PATIENCE)
  say(`A node that can be dialled is a server: ${(await nodeOf(open)).reach.reason}`)
  await hiddenPublishes(hidden, open)
  await hiddenFollows(hidden, open, async (...flags) => {
    await hidden.stop()
    const own = ['--dht-listen', `/ip4/${HIDDEN}/tcp/4601`]
    await hidden.start(join(files.path, '14.2.0.1'), ...alone, ...joining, ...own, ...flags)
  })
}

/** Nobody can dial it, and all see by which address it calls. */
async function hiddenFollows(
  hidden: Machine,
  open: Machine,
  restart: (...flags: string[]) => Promise<void>,
): Promise<void> {
  const { key, name } = await hidden.rest<{ key: string; name: string }>('POST', '/v1/zones')
  await restart('--names-follow', `home.${key}`)
  await until(async () => (await open.dig(`home.${name}`, 'A')) === '14.2.0.1', PATIENCE)
  say('Its name is at the address by which the others see it.')
}

async function hiddenPublishes(hidden: Machine, open: Machine): Promise<void> {
  const { reach } = await nodeOf(hidden)
  assert.equal(reach.mode, 'client')
  say(`The other is a client: ${reach.reason}`)
  const { key, name } = await hidden.rest<{ key: string; name: string }>('POST', '/v1/zones')
  const records = [{ name: 'www', type: 'AAAA', ttl: 300, value: '2001:db8::1' }]
  const path = `/v1/zones/${key}/records`
  const { storedOn } = await hidden.rest<{ storedOn: number }>('PUT', path, { records })
  assert.ok(storedOn >= SERVERS.length)
  assert.equal(await open.dig(`www.${name}`, 'AAAA'), '2001:db8::1')
  say(`It publishes, stored on ${storedOn}; the first node reads that.`)
}

await outside()
