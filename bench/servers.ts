/** The servers that are measured beside each other, each a process of its own on a free port of loopback. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Workplace } from '../test/cli/kadns.ts'
import { RunningNode } from '../test/cli/running-node.ts'

export interface Server {
  readonly name: string
  readonly port: string
  readonly process: ChildProcess
}

/** One that speaks TLS and HTTPS too. */
export interface EncryptedServer extends Server {
  readonly tls: string
  readonly https: string
}

const FIXTURES = join(import.meta.dirname, '../test/fixtures')
const CERTIFICATE = join(FIXTURES, 'door-certificate.pem')
const PRIVATE_KEY = join(FIXTURES, 'door-key.pem')

/** What a server that forwards is given. */
interface Setting {
  readonly place: Workplace
  readonly upstream: string
}

/** Milliseconds between two looks whether a server has come up, and how many looks. */
const LOOK = { every: 50, times: 100 }

/** Whether a program is there at all. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['-h']).error === undefined
}

/** A Node program of this directory that prints its port. */
export async function startScript({ place }: Pick<Setting, 'place'>, file: string): Promise<Server> {
  const child = place.spawn(process.execPath, [join(import.meta.dirname, `${file}.ts`)]).child
  if (!child.stdout) throw new Error('A child has no output.')
  for await (const port of createInterface(child.stdout)) return { name: file, port, process: child }
  throw new Error(`${file} did not start.`)
}

/** A node with a zone whose wildcard answers for every name. @returns it and the zone's name */
export async function startKadns(
  { place }: Pick<Setting, 'place'>,
  ...flags: string[]
): Promise<{ server: EncryptedServer; zone: string }> {
  const [tls, https] = [await freePort(), await freePort()]
  const doors = [
    `--dns-tls-listen=127.0.0.1:${tls}`,
    `--dns-https-listen=127.0.0.1:${https}`,
    `--dns-certificate=${CERTIFICATE}`,
    `--dns-private-key=${PRIVATE_KEY}`,
  ]
  const node = await RunningNode.start(place, 'data', ...doors, ...flags)
  const { name } = await node.publish([{ name: '*', type: 'A', ttl: 3600, value: '192.0.2.1' }])
  const port = node.dns.split(':')[1] ?? ''
  return { server: { name: 'kadns', port, tls, https, process: node.process }, zone: name }
}

/** Without any file of the system's; a cache for more names than are asked for. */
export async function startDnsmasq({ place, upstream }: Setting): Promise<Server> {
  const port = await freePort()
  const options = [
    '--no-daemon',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--listen-address=127.0.0.1',
    `--port=${port}`,
    `--server=127.0.0.1#${upstream}`,
    '--cache-size=20000',
    '--user=',
    '--pid-file=',
  ]
  return await up({ name: 'dnsmasq', port, process: place.spawn('dnsmasq', options).child })
}

/** One thread, as is Node. */
export async function startUnbound({ place, upstream }: Setting): Promise<EncryptedServer> {
  const [port, tls, https] = [await freePort(), await freePort(), await freePort()]
  const directory = join(place.directory, 'unbound')
  mkdirSync(directory)
  const file = join(directory, 'unbound.conf')
  writeFileSync(
    file,
    `server:
  directory: "${directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  interface: 127.0.0.1
  interface: 127.0.0.1@${tls}
  interface: 127.0.0.1@${https}
  port: ${port}
  tls-port: ${tls}
  https-port: ${https}
  tls-service-pem: "${CERTIFICATE}"
  tls-service-key: "${PRIVATE_KEY}"
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "alt." nodefault
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstream}
`,
  )
  const { child } = place.spawn('unbound', ['-d', '-c', file])
  return await up({ name: 'unbound', port, tls, https, process: child })
}

async function freePort(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return String(port)
}

/** Waits until the server says anything to a question. */
async function up<Started extends Server>(server: Started): Promise<Started> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  const heard = once(socket, 'message')
  const query = Buffer.from('00010100000100000000000002757000000100010000', 'hex').subarray(0, 20)
  let left = LOOK.times
  while (left-- > 0) {
    if (server.process.exitCode !== null) break
    socket.send(query, Number(server.port), '127.0.0.1')
    if (await Promise.race([heard, sleep(LOOK.every)])) {
      socket.close()
      return server
    }
  }
  socket.close()
  throw new Error(`${server.name} did not start.`)
}

/** Microseconds of processor time the process has used so far; NaN where the system has no /proc. */
export function processorTime({ pid }: ChildProcess): number {
  return readTicks(pid) * (1_000_000 / TICKS_A_SECOND)
}

/** USER_HZ, which Linux shows everybody as 100. */
const TICKS_A_SECOND = 100

function readTicks(pid: number | undefined): number {
  const { stdout } = spawnSync('cat', [`/proc/${pid}/stat`], { encoding: 'latin1' })
  const fields = stdout.slice(stdout.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
