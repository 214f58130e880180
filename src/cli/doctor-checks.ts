/** What `kadns doctor` looks at. Each check is told what was seen, and says in plain words what is wrong and what helps. */
import { formatName } from '../dns/name.ts'
import type { Finding, Seen } from './doctor-seen.ts'

/** Octets below which a disk is as good as full. */
const LITTLE = 50 << 20
/** With so few left, whoever signs has to be told. */
const FEW_PACKETS = 3
/** Characters of a key that people know it by. */
const SHORT_KEY = 8
/** Seconds a machine's clock may be off before records of others are refused. */
const TOLERANCE = 600

const good = (check: string, sentence: string): Finding => ({ check, state: 'good', sentence })
const bad = (check: string, sentence: string, remedy: string): Finding => ({
  check,
  state: 'bad',
  sentence,
  remedy,
})
const unsure = (check: string, sentence: string, remedy: string): Finding => ({
  check,
  state: 'unsure',
  sentence,
  remedy,
})

/** In the order in which one thing rests on another. */
export const CHECKS: readonly ((seen: Seen) => Finding[])[] = [
  directory,
  permissions,
  disk,
  backup,
  packets,
  node,
  port,
  upstreams,
  network,
  reach,
  clock,
  system,
]

export function examine(seen: Seen): Finding[] {
  return CHECKS.flatMap((check) => check(seen))
}

function directory({ config: { data }, directory: { exists, writable } }: Seen): Finding[] {
  if (!exists)
    return [
      unsure(
        'data',
        `There is no data directory ${data} yet.`,
        'kadns up makes it; or name yours with --data.',
      ),
    ]
  if (writable) return [good('data', `The data directory is ${data}.`)]
  return [
    bad(
      'data',
      `The data directory ${data} cannot be written by this user.`,
      `Run kadns as its owner, or: chown -R "$USER" ${data}`,
    ),
  ]
}

function permissions({ config: { data }, directory: { exists, open }, keys }: Seen): Finding[] {
  if (!exists) return []
  const files = [...(open ? [data] : []), ...keys.open]
  if (files.length === 0) return [good('permissions', 'Keys and token are for their owner alone.')]
  return [
    bad(
      'permissions',
      `Others on this machine can read ${files.join(', ')}.`,
      `chmod go-rwx ${files.join(' ')}`,
    ),
  ]
}

function disk({ directory: { exists, free }, config: { data } }: Seen): Finding[] {
  if (!exists) return []
  if (free >= LITTLE) return [good('disk', `${Math.floor(free / (1 << 20))} MB are free.`)]
  return [
    bad(
      'disk',
      `Only ${Math.floor(free / (1 << 20))} MB are free where ${data} is: what cannot be written is not published.`,
      'Make room on that disk.',
    ),
  ]
}

function backup({ keys: { count, withoutBackup } }: Seen): Finding[] {
  if (count === 0) return []
  if (withoutBackup === 0) return [good('backup', `Every key has a backup (${count}).`)]
  const sentence = `${withoutBackup} of ${count} key(s) have no backup: if this disk is lost, so are their names.`
  return [bad('backup', sentence, 'kadns key list shows which; kadns key backup KEY makes one.')]
}

function packets({ packets }: Seen): Finding[] {
  return packets.flatMap(({ key, left, until }) => {
    if (left > FEW_PACKETS || until === null) return []
    const name = `${key.slice(0, SHORT_KEY)}…`
    const sentence = `Of the zone ${name}, which is signed elsewhere, ${left} packet(s) are left; its names are gone after ${until}.`
    return [
      unsure(
        'packets',
        sentence,
        'Sign more where its key is (kadns sign --series), and kadns publish them.',
      ),
    ]
  })
}

function node({ node }: Seen): Finding[] {
  if (node) return [good('node', 'A node is running.')]
  return [
    bad(
      'node',
      'No node answers at its REST address.',
      'Start it with kadns up; if it runs elsewhere, name it with --api-listen.',
    ),
  ]
}

function port({ node, holders, port, door }: Seen): Finding[] {
  if (node && door === 'answers') return [good('port', `Port ${port} answers questions.`)]
  if (node)
    return [
      bad(
        'port',
        `The node runs, and its port ${port} does not answer.`,
        'Look into its log; a firewall may stand before it, or dns.allow leaves this machine out.',
      ),
    ]
  if (holders.length === 0) return [good('port', `Port ${port} is free.`)]
  return [
    bad(
      'port',
      `Port ${port} is held by ${holders.join(', ')}: a node cannot listen there.`,
      holderRemedy(holders),
    ),
  ]
}

function holderRemedy(holders: readonly string[]): string {
  if (holders.some((name) => name.startsWith('systemd-resolve')))
    return 'Let systemd-resolved send kad.alt to kadns at another port, or set DNSStubListener=no in /etc/systemd/resolved.conf and restart it.'
  return 'Stop that program, or give kadns another port with --dns-listen.'
}

const PORTAL =
  'A page that is the same everywhere looks different here: a captive portal stands before the internet.'

function upstreams({ node, ordinary, page, config: { upstream } }: Seen): Finding[] {
  if (!node || !ordinary) return []
  if (upstream.servers.length === 0 && upstream.fallback.length === 0)
    return [
      unsure(
        'upstreams',
        'No upstream server is configured: ordinary names have no answers.',
        'Name some in upstream.servers.',
      ),
    ]
  if (ordinary.rcode === 'NOERROR' && ordinary.from !== 'stale')
    return [good('upstreams', 'Upstream servers answer.')]
  const why = ordinary.error ? ` (${ordinary.error.text})` : ''
  if (/back to this node/.test(why))
    return [
      bad(
        'loop',
        `Questions go in a circle: an upstream server asks this node again${why}.`,
        'Name other servers in upstream.servers.',
      ),
    ]
  if (page === 'another') return [bad('portal', PORTAL, 'Open any page in a browser and log in there.')]
  const sentence = `Upstream servers give no answer${why}; what is known already is still answered.`
  return [
    bad(
      'upstreams',
      sentence,
      'Is there a network? If only encrypted DNS is blocked, name servers as udp://… in upstream.fallback.',
    ),
  ]
}

function network({ node, config: { dht } }: Seen): Finding[] {
  if (!node) return []
  const peers = node.peers + (node.local?.peers ?? 0)
  if (peers > 0) return [good('network', `${peers} other node(s) are known.`)]
  const remedy =
    dht.bootstrap.length === 0
      ? 'Name one with --dht-bootstrap; its /v1/node tells its address.'
      : 'Is the node named in dht.bootstrap running, and does a firewall let TCP through to it?'
  return [
    bad(
      'network',
      'No other node is known: names of others cannot be found, and yours are held here alone.',
      remedy,
    ),
  ]
}

function reach({ node }: Seen): Finding[] {
  if (!node) return []
  const { mode, reason } = node.reach
  if (mode === 'server') return [good('reach', `Other nodes reach this one. ${reason}`)]
  return [
    unsure(
      'reach',
      reason,
      'To keep names for others too, let the router forward TCP 4601 to this machine, or say its address with --dht-announce.',
    ),
  ]
}

function clock({ node }: Seen): Finding[] {
  if (!node) return []
  const { offsetSeconds } = node.clock
  if (offsetSeconds === null)
    return [
      unsure(
        'clock',
        "Too few other nodes were heard to tell whether this machine's clock is right.",
        'Nothing needs to be done where others are known.',
      ),
    ]
  if (Math.abs(offsetSeconds) < TOLERANCE)
    return [good('clock', `This machine's clock agrees with other nodes, by ${Math.abs(offsetSeconds)} s.`)]
  const where = offsetSeconds > 0 ? 'behind' : 'ahead of'
  return [
    bad(
      'clock',
      `This machine's clock is ${Math.abs(offsetSeconds)} s ${where} that of other nodes: they refuse what it signs.`,
      'Set the clock: timedatectl set-ntp true.',
    ),
  ]
}

function system({ node, system, config: { names } }: Seen): Finding[] {
  const suffix = formatName(names.suffix).slice(0, -1)
  if (system) return [good('system', `This system's own settings ask a node for ${suffix}.`)]
  const sentence = `This system's own settings ask no node: its programs do not find names under ${suffix}.`
  return [
    unsure(
      'system',
      sentence,
      node ? 'The README says how, under "Set it as your DNS".' : 'Start the node first.',
    ),
  ]
}
