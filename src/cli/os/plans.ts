/** How a system's settings are to be changed so that its programs ask the node: for our names only, or for everything. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { endpointOf } from '../node-url.ts'

/** Which names the system shall ask the node for. */
export type Reach = 'names' | 'everything'

export interface Door {
  /** An IP address. */
  readonly host: string
  readonly port: number
}

export interface Wanted {
  readonly reach: Reach
  readonly door: Door
  /** What keys stand under: `kad.alt`. */
  readonly suffix: string
}

export interface Plan {
  /** Whole texts of files. */
  readonly files: readonly { readonly path: string; readonly text: string }[]
  /** Commands, and what undoes each. */
  readonly commands: readonly { readonly run: readonly string[]; readonly undo: readonly string[] }[]
  /** What its owner has to know before. */
  readonly notes: readonly string[]
}

/** It cannot be done on this system as it is. The message is a sentence that says what can. */
export class PlanFault extends Error {
  override readonly name = 'PlanFault'
}

/** What looks after name servers here. */
export type Manager = 'systemd-resolved' | 'NetworkManager' | 'resolv.conf' | 'macOS' | 'Windows'

const DNS_PORT = 53
const ALONE = 'While the node does not run, this machine resolves no names.'
const MARK = '# Made by kadns os activate; kadns os deactivate takes it back.'

/** @param root where the system's files are: /, but for tests */
export function managerOf(root: string, platform: NodeJS.Platform): Manager {
  if (platform === 'darwin') return 'macOS'
  if (platform === 'win32') return 'Windows'
  const file = join(root, 'etc/resolv.conf')
  const target = linkTarget(file)
  if (target?.includes('systemd/resolve')) return 'systemd-resolved'
  const text = readIfThere(file)
  if (/^nameserver\s+127\.0\.0\.5[34]\b/m.test(text)) return 'systemd-resolved'
  return target?.includes('NetworkManager') || text.includes('NetworkManager')
    ? 'NetworkManager'
    : 'resolv.conf'
}

const powershell = (words: string) => ['powershell', '-NoProfile', '-Command', words]

/** Commands by which a change takes hold, either way. */
export const AFTER: Readonly<Record<Manager, readonly (readonly string[])[]>> = {
  'systemd-resolved': [['systemctl', 'restart', 'systemd-resolved']],
  NetworkManager: [['nmcli', 'general', 'reload']],
  'resolv.conf': [],
  macOS: [['killall', '-HUP', 'mDNSResponder']],
  Windows: [powershell('Clear-DnsClientCache')],
}

/** @throws PlanFault */
export function planFor(manager: Manager, wanted: Wanted, root: string): Plan {
  switch (manager) {
    case 'systemd-resolved':
      return resolvedPlan(wanted, root)
    case 'NetworkManager':
      return networkManagerPlan(wanted, root)
    case 'resolv.conf':
      return resolvConfPlan(wanted, root)
    case 'macOS':
      return macPlan(wanted, root)
    case 'Windows':
      return windowsPlan(wanted)
  }
}

const NOTHING: Plan = { files: [], commands: [], notes: [] }

// resolved.conf(5): with a routing domain the servers beside it are asked for that domain first.
function resolvedPlan({ reach, door, suffix }: Wanted, root: string): Plan {
  const server = endpointOf(door)
  const domain = reach === 'names' ? `~${suffix}` : '~.'
  // alt is not signed, and a validator would take that for an attack.
  const text = `${MARK}\n[Resolve]\nDNS=${server}\nDomains=${domain}\nDNSSEC=no\n`
  return {
    ...NOTHING,
    files: [{ path: join(root, 'etc/systemd/resolved.conf.d/kadns.conf'), text }],
    notes: reach === 'names' ? [] : [ALONE],
  }
}

function networkManagerPlan({ reach, door, suffix }: Wanted, root: string): Plan {
  const folder = join(root, 'etc/NetworkManager')
  if (reach === 'names') {
    if (!usesDnsmasq(folder))
      throw new PlanFault(
        'NetworkManager sends single names elsewhere only by dnsmasq or systemd-resolved: set dns=dnsmasq in its [main], or take --everything.',
      )
    const text = `${MARK}\nserver=/${suffix}/${door.host}#${door.port}\n`
    return { ...NOTHING, files: [{ path: join(folder, 'dnsmasq.d/kadns.conf'), text }] }
  }
  const text = `${MARK}\n[global-dns-domain-*]\nservers=${at53(door)}\n`
  const files = [{ path: join(folder, 'conf.d/90-kadns.conf'), text }]
  return { ...NOTHING, files, notes: [ALONE] }
}

/** Other name servers go: a program would ask them when the node is slow, and they know none of our names. */
function resolvConfPlan({ reach, door }: Wanted, root: string): Plan {
  if (reach === 'names')
    throw new PlanFault(
      'A plain resolv.conf cannot send only some names to the node: it is everything (--everything), or a resolver that can, such as systemd-resolved.',
    )
  const path = join(root, 'etc/resolv.conf')
  const kept = readIfThere(path)
    .split('\n')
    .filter((line) => !/^\s*nameserver\b/.test(line))
  const text = [MARK, `nameserver ${at53(door)}`, ...kept].join('\n').replace(/\n*$/, '\n')
  return { ...NOTHING, files: [{ path, text }], notes: [ALONE] }
}

// resolver(5) of macOS: a file named as the domain.
function macPlan({ reach, door, suffix }: Wanted, root: string): Plan {
  const text = `${MARK}\nnameserver ${door.host}\nport ${door.port}\n`
  if (reach === 'names') return { ...NOTHING, files: [{ path: join(root, 'etc/resolver', suffix), text }] }
  throw new PlanFault(
    `For everything on macOS name ${at53(door)} under System Settings, Network, DNS; kadns os activate without --everything adds our names.`,
  )
}

/** A rule of the Name Resolution Policy Table; '.' is every name. */
function windowsPlan({ reach, door, suffix }: Wanted): Plan {
  const namespace = reach === 'names' ? `.${suffix}` : '.'
  const add = `Add-DnsClientNrptRule -Namespace '${namespace}' -NameServers '${at53(door)}' -Comment 'kadns'`
  const remove = `Get-DnsClientNrptRule | Where-Object Comment -eq 'kadns' | Remove-DnsClientNrptRule -Force`
  return {
    ...NOTHING,
    commands: [{ run: powershell(add), undo: powershell(remove) }],
    notes: reach === 'names' ? [] : [ALONE],
  }
}

/** @throws PlanFault */
function at53({ host, port }: Door): string {
  if (port === DNS_PORT) return host
  throw new PlanFault(
    `Here a name server can be named by its address only, at port 53, and the node listens on port ${port}: start it with --dns-listen ${host}:53.`,
  )
}

function usesDnsmasq(folder: string): boolean {
  const more = join(folder, 'conf.d')
  const names = existsSync(more) ? readdirSync(more).map((name) => join(more, name)) : []
  return [join(folder, 'NetworkManager.conf'), ...names].some((file) =>
    /^\s*dns\s*=\s*dnsmasq\s*$/m.test(readIfThere(file)),
  )
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file)
  } catch {
    return undefined
  }
}
