/** `kadns up`: runs a node until it is told to stop. */
import { flushCompileCache } from 'node:module'
import type { Config } from '../config.ts'
import type { Daemon, DaemonNeeds } from '../daemon.ts'
import { openLogger } from '../logger.ts'
import { tellSystemd } from './readiness.ts'
import { runUntilStopped } from './stopping.ts'
import { configFor, Exit, parseCommandLine, settingsHelp, UsageFault } from './usage.ts'

const USAGE = `kadns up [settings]: runs a node until it is interrupted.

For example:  kadns up --config kadns.toml --dns-listen 127.0.0.1:53,[::1]:53 --upstream-servers 192.0.2.1:53

`

export async function up(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE + settingsHelp())
    return Exit.done
  }
  if (line.words.length > 0) throw new UsageFault([`kadns up takes settings only, not "${line.words[0]}".`])
  const config = configFor(line)
  return runUntilStopped(async () => {
    const daemon = await startNode(config, { readConfig: () => configFor(line), takesSockets: true })
    process.on('SIGHUP', () => void daemon.reload()) // what came of it is logged
    process.stderr.write(whereabouts(daemon))
    tellSystemd('ready')
    flushCompileCache() // else it is written at the end, which may come by kill -9
    return daemon
  })
}

/** @throws UsageFault with each reason why it cannot start */
export async function startNode(
  config: Config,
  more: Pick<DaemonNeeds, 'readConfig' | 'takesSockets'> = {},
): Promise<Daemon> {
  // Loaded here: help and faults in the settings need not wait for libp2p.
  const { openDaemon, StartFault } = await import('../daemon.ts')
  try {
    return await openDaemon(config, { ...more, logger: openLogger(config.logLevel) })
  } catch (cause) {
    if (cause instanceof StartFault) throw new UsageFault(cause.faults)
    throw cause
  }
}

function whereabouts({ dns, dnsOverTls, dnsOverHttps, api, relay, addresses }: Daemon): string {
  return [
    'KadNS is up.',
    `  DNS     ${dns.join(', ')} (UDP and TCP)`,
    ...(dnsOverTls.length > 0 ? [`  DoT     ${dnsOverTls.join(', ')}`] : []),
    ...dnsOverHttps.map((endpoint) => `  DoH     https://${endpoint}/dns-query`),
    `  REST    http://${api}/v1/node`,
    ...relay.map((endpoint) => `  relay   http://${endpoint}/<key> (pkarr)`),
    ...addresses.map((address) => `  libp2p  ${address}`),
    '',
  ].join('\n')
}
