/** Tells systemd how the node is (sd_notify), where systemd has asked for that. */
import { execFile } from 'node:child_process'

/** Node sends no datagrams to unix sockets; systemd's own program does (the unit says NotifyAccess=all for that). */
const PROGRAM = 'systemd-notify'

/** Never rejects, and returns at once: a node is no worse for what systemd was not told. */
export function tellSystemd(state: 'ready' | 'stopping'): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  const words = ['--no-block', `--pid=${process.pid}`, `${state.toUpperCase()}=1`]
  execFile(PROGRAM, words, (fault) => {
    if (fault)
      process.stderr.write(`kadns: systemd could not be told that it is ${state}: ${fault.message}\n`)
  })
}
