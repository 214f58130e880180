/** An authority, unbound and a node in front of it: the same zone, seen through either. Unbound is the authority too. */
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Workplace } from '../cli/kadns.ts'
import { output } from './clients.ts'
import { ROOT_FILE, ZONE, ZONE_FILE } from './zone.ts'

export interface Endpoint {
  readonly host: string
  readonly port: string
}

const COMMON = `
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"`

/** Milliseconds between two looks whether a server has come up, and how many looks. */
const LOOK = { every: 50, times: 200 }

export async function startAuthority(place: Workplace): Promise<Endpoint> {
  const directory = join(place.directory, 'authority')
  await mkdir(directory)
  await writeFile(join(directory, 'zone'), ZONE_FILE)
  await writeFile(join(directory, 'root'), ROOT_FILE)
  const zoneOf = (name: string, file: string) => `
auth-zone:
  name: "${name}"
  zonefile: "${join(directory, file)}"
  for-downstream: yes
  for-upstream: no`
  const local = ['test.', 'invalid.', 'onion.', 'localhost.', 'home.arpa.', 'in-addr.arpa.'].map(
    (name) => `\n  local-zone: "${name}" nodefault`,
  )
  const zones = zoneOf(ZONE, 'zone') + zoneOf('.', 'root')
  return await startUnbound(place, 'authority', { host: '127.0.0.1', more: local.join('') + zones })
}

export async function startForwarder(
  place: Workplace,
  authority: Endpoint,
  at: Partial<Endpoint>,
): Promise<Endpoint> {
  const more = `
  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: ${authority.host}@${authority.port}`
  return await startUnbound(place, 'forwarder', { host: '127.0.0.1', ...at, more })
}

async function startUnbound(
  place: Workplace,
  name: string,
  { host, port = '', more }: { host: string; port?: string; more: string },
): Promise<Endpoint> {
  const at = { host, port: port || (await freePort()) }
  const file = join(place.directory, `${name}.conf`)
  await writeFile(
    file,
    `server:${COMMON}\n  interface: ${host}\n  port: ${at.port}${more}\nremote-control:\n  control-enable: no\n`,
  )
  const { child, ended } = place.spawn('unbound', ['-d', '-c', file])
  for (let left = LOOK.times; left > 0; left--) {
    if (child.exitCode !== null) throw new Error(`unbound ended: ${(await ended).stderr}`)
    const [port, server] = ['-p', at.port]
    const said = await output('dig', [`@${host}`, port, server, '+tries=1', '+time=1', ZONE, 'SOA'])
    if (said.includes('status: NOERROR')) return at
    await sleep(LOOK.every)
  }
  throw new Error(`unbound (${name}) does not answer.`)
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return String(typeof address === 'object' && address?.port)
}
