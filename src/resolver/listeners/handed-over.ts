/** Sockets that systemd has opened for this process (sd_listen_fds(3)): then it needs no rights for port 53, and no question is lost at a restart. */

export interface HandedOver {
  readonly fd: number
  /** By FileDescriptorName= of the socket unit: `dot` and `doh` are DNS over TLS and HTTPS, all else plain DNS. */
  readonly door: 'dns' | 'dot' | 'doh'
}

const FIRST = 3
/** More than any machine has addresses for. */
const MOST = 100

/** None when they are for another process: the environment may have been passed on. */
export function handedOver(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly HandedOver[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment
  if (LISTEN_PID !== String(pid) || !/^\d{1,3}$/.test(LISTEN_FDS ?? '')) return []
  const names = LISTEN_FDNAMES.split(':')
  return Array.from({ length: Math.min(Number(LISTEN_FDS), MOST) }, (_, at) => {
    const name = names[at]
    return { fd: FIRST + at, door: name === 'dot' || name === 'doh' ? name : 'dns' }
  })
}
