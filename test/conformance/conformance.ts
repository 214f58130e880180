/**
 * `npm run conformance`: dig, kdig, drill and getaddrinfo ask unbound and a node in front of the same authority; prints every
 * difference in what they saw (AA aside). docs/conformance.md explains those that are meant; with any other the exit code is 1.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Workplace } from '../cli/kadns.ts'
import { RunningNode } from '../cli/running-node.ts'
import { ask, CLIENTS, type Client, output, type Seen } from './clients.ts'
import { type Endpoint, startAuthority, startForwarder } from './servers.ts'
import { HOSTS, QUESTIONS } from './zone.ts'

/** Questions under way at once. */
const PARALLEL = 4
/** Where /etc/resolv.conf is another file, and port 53 is free: getaddrinfo knows no other port. */
const APART = '--apart'
const DOCUMENT = new URL('../../docs/conformance.md', import.meta.url)
const PACKAGES = {
  dig: 'bind9-dnsutils',
  kdig: 'knot-dnsutils',
  drill: 'ldnsutils',
  unbound: 'unbound',
  unshare: 'util-linux',
}

interface Server {
  readonly name: 'unbound' | 'kadns'
  readonly endpoint: Endpoint
}

/** What the document says of a difference. */
interface Explained {
  readonly pattern: RegExp
  readonly why: string
}

function explanations(): Explained[] {
  const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| `([^`]+)` \| (.+?) \|$/gm)
  return Array.from(rows, ([, glob = '', why = '']) => ({
    pattern: new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 'i'),
    why,
  }))
}

async function compareAll(servers: readonly [Server, Server]): Promise<number> {
  let unexplained = 0
  const known = explanations()
  for (const client of Object.keys(CLIENTS) as Client[]) {
    const waiting = QUESTIONS.values()
    let differing = 0
    const work = async () => {
      for (const question of waiting) {
        const [theirs, ours] = (await Promise.all(
          servers.map(({ endpoint }) => ask(client, endpoint, question)),
        )) as [Seen, Seen]
        if (isDeepStrictEqual(theirs, ours)) continue
        differing++
        const explained = known.find(({ pattern }) => pattern.test(question))
        say(`${client} ${question}: ${explained ? explained.why : difference(theirs, ours)}`)
        if (!explained) unexplained++
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
    say(`${client}: ${QUESTIONS.length} questions, ${differing} differences`)
  }
  return unexplained
}

function difference(theirs: Seen, ours: Seen): string {
  return `NOT EXPLAINED\n  unbound ${words(theirs)}\n  kadns   ${words(ours)}`
}

function words({ rcode, answers, flags, soa }: Seen): string {
  return `${rcode} [${flags}]${soa ? ' SOA' : ''} ${answers.join(' / ')}`
}

/** What getaddrinfo gives a program, with either as the system's server. */
async function compareHosts(servers: readonly [Server, Server]): Promise<number> {
  let unexplained = 0
  for (const host of HOSTS) {
    const seen: string[] = []
    for (const { endpoint } of servers) {
      writeFileSync('/etc/resolv.conf', `nameserver ${endpoint.host}\noptions timeout:5 attempts:1\n`)
      const printed = await output('getent', ['ahosts', host])
      seen.push(
        [...new Set(printed.split('\n').map((line) => line.split(/\s+/, 2).join(' ')))].sort().join(', '),
      )
    }
    if (seen[0] === seen[1]) continue
    unexplained++
    say(`getaddrinfo ${host}: NOT EXPLAINED\n  unbound ${seen[0]}\n  kadns   ${seen[1]}`)
  }
  say(`getaddrinfo: ${HOSTS.length} names`)
  return unexplained
}

async function run(isApart: boolean): Promise<void> {
  await using place = await Workplace.open()
  const authority = await startAuthority(place)
  const at = isApart ? { host: '127.0.0.2', port: '53' } : {}
  const unbound = await startForwarder(place, authority, at)
  const listen = isApart ? ['--dns-listen=127.0.0.3:53'] : []
  const upstream = [
    `--upstream-servers=udp://${authority.host}:${authority.port}`,
    '--upstream-private-names=conf.example',
  ]
  const node = await RunningNode.start(place, 'node', ...upstream, ...listen)
  const [host = '', port = ''] = node.dns.split(':')
  const servers = [
    { name: 'unbound', endpoint: unbound },
    { name: 'kadns', endpoint: { host, port } },
  ] as const
  const unexplained = isApart ? await compareHosts(servers) : await compareAll(servers)
  process.exitCode = unexplained > 0 ? 1 : 0
}

/** The same program in a network and with files of its own, which end with it. */
function runApart(): void {
  if (process.getuid?.() !== 0) {
    say('getaddrinfo is left out: it takes root, for a network of its own (sudo npm run conformance)')
    return
  }
  const script = [
    'ip link set lo up',
    'mount -t tmpfs none /mnt',
    ': > /mnt/resolv.conf',
    'mount --bind /mnt/resolv.conf /etc/resolv.conf',
    'exec "$@"',
  ].join(' && ')
  const file = join(import.meta.dirname, 'conformance.ts')
  const words = ['--net', '--mount', 'sh', '-c', script, 'sh', process.execPath, file, APART]
  if (spawnSync('unshare', words, { stdio: 'inherit' }).status !== 0) process.exitCode = 1
}

function missing(): string[] {
  return Object.entries(PACKAGES).flatMap(([program, pack]) =>
    spawnSync(program, ['-h']).error ? [`${program} is not installed (Debian: apt-get install ${pack})`] : [],
  )
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}

const faults = missing()
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`)
  process.exitCode = 2
} else if (process.argv.includes(APART)) await run(true)
else {
  await run(false)
  runApart()
}
