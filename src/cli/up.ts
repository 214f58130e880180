/** `kadns up`: runs a node until it is told to stop. */
import type { Config } from '../config.ts'
import { type Daemon, openDaemon, StartFault } from '../daemon.ts'
import { openLogger } from '../logger.ts'
import { untilStopped } from './stopping.ts'
import { configFor, parseCommandLine, settingsHelp, UsageFault } from './usage.ts'

export async function up(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(`kadns up [settings]: runs a node until it is interrupted.\n\n${settingsHelp()}`)
    return 0
  }
  if (line.words.length > 0) throw new UsageFault([`kadns up takes settings only, not "${line.words[0]}".`])
  const daemon = await start(configFor(line))
  tellWhere(daemon)
  await untilStopped(daemon)
  return 0
}

/** @throws UsageFault with each reason why it cannot start */
async function start(config: Config): Promise<Daemon> {
  try {
    return await openDaemon(config, { logger: openLogger(config.logLevel) })
  } catch (cause) {
    if (cause instanceof StartFault) throw new UsageFault(cause.faults)
    throw cause
  }
}

function tellWhere({ dns, api, addresses }: Daemon): void {
  process.stderr.write(
    [
      'KadNS is up.',
      `  DNS     ${dns.join(', ')} (UDP and TCP)`,
      `  REST    http://${api}/v1/node`,
      ...addresses.map((address) => `  libp2p  ${address}`),
      '',
    ].join('\n'),
  )
}
