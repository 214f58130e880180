/** Who holds a port of this machine, as far as Linux tells: by /proc, which shows a user's own processes, and all of them to root. */
import { readdir, readFile, readlink } from 'node:fs/promises'

const TABLES = ['udp', 'udp6', 'tcp', 'tcp6'] as const
/** State of a TCP socket that listens, and of a UDP socket that is bound (include/net/tcp_states.h). */
const OPEN = { udp: '07', udp6: '07', tcp: '0A', tcp6: '0A' }

/** Names of the programs, such as `systemd-resolve (pid 612)`; `another program` where it cannot be told which; none where it is free. */
export async function holdersOf(port: number): Promise<string[]> {
  const inodes = new Set((await Promise.all(TABLES.map((table) => inodesIn(table, port)))).flat())
  if (inodes.size === 0) return []
  const found = await processesWith(inodes)
  return found.length > 0 ? found : ['another program']
}

async function inodesIn(table: (typeof TABLES)[number], port: number): Promise<string[]> {
  const text = await readFile(`/proc/net/${table}`, 'latin1').catch(() => '')
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === OPEN[table])
    .flatMap((fields) => fields[9] ?? [])
}

async function processesWith(inodes: ReadonlySet<string>): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = pids.map(async (pid) => ((await holds(pid, inodes)) ? [await nameOf(pid)] : []))
  return (await Promise.all(found)).flat()
}

async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const file of files) {
    const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '')
    if (inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')) return true
  }
  return false
}

async function nameOf(pid: string): Promise<string> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a program')
  return `${name.trim()} (pid ${pid})`
}
