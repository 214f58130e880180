/** What a running node takes up anew: the owner's records, lists and upstream servers, and keys whose files have come since. */
import type { Logger } from 'pino'
import type { Reloaded } from './api/server.ts'
import { type Config, ConfigFault, changedSettings } from './config.ts'
import { readHouse } from './house.ts'
import { PublisherFault } from './publisher/fault.ts'
import type { Publisher } from './publisher/published.ts'
import { ListFault } from './resolver/fault.ts'
import type { Resolver } from './resolver/resolver.ts'

export interface ReloadNeeds {
  readonly resolver: Pick<Resolver, 'change'>
  readonly publisher: Pick<Publisher, 'takeUp'>
  readonly logger: Logger
  /** @throws ConfigFault */
  readonly readConfig: () => Config
}

/** @param config what the node was started with */
export function reloading(config: Config, needs: ReloadNeeds): () => Promise<Reloaded> {
  return oneByOne(() => reload(config, needs))
}

function faultsOfKeys(cause: unknown): { readonly faults: readonly string[] } {
  if (cause instanceof PublisherFault) return { faults: [cause.message] }
  throw cause
}

/** With a fault anywhere all stays as it was. */
async function reload(
  config: Config,
  { resolver, publisher, logger, readConfig }: ReloadNeeds,
): Promise<Reloaded> {
  const read = await readHouseAnew(config, readConfig)
  if ('faults' in read) {
    logger.error({ faults: read.faults }, 'nothing was reloaded: the settings or lists cannot be used')
    return { faults: read.faults, keys: [], lists: [], waiting: [] }
  }
  const { fresh, house, lists, skipped } = read
  const keys = await publisher.takeUp().catch(faultsOfKeys)
  if ('faults' in keys) return { faults: keys.faults, keys: [], lists: [], waiting: [] }
  resolver.change(house)
  tellSkipped(skipped, logger)
  const { records, hosts, blocking } = house
  logger.info(
    { blocked: blocking.rules.size, records: records.length, hosts: hosts.length },
    'records, hosts files, block lists and upstream servers were reloaded',
  )
  const waiting = changedSettings(config, fresh).filter((name) => !RELOADED.test(name))
  if (waiting.length > 0) logger.warn({ waiting }, 'these settings have changed and wait for the next start')
  return { faults: [], keys: keys.map(({ label }) => label), lists, waiting }
}

/** What takes hold without a restart. */
const RELOADED = /^(?:block\.|upstream\.|dns\.(?:records|hosts)$)/

async function readHouseAnew(config: Config, readConfig: () => Config) {
  try {
    const fresh = readConfig()
    const { names } = config // a suffix that has changed waits for the next start
    return { fresh, ...(await readHouse({ ...fresh, names })) }
  } catch (cause) {
    if (!(cause instanceof ConfigFault) && !(cause instanceof ListFault)) throw cause
    return { faults: cause.faults }
  }
}

export function tellSkipped(skipped: readonly string[], logger: Logger): void {
  if (skipped.length === 0) return
  const lines = skipped.slice(0, SKIPPED_TOLD)
  logger.warn({ lines, count: skipped.length }, 'lines of hosts files were left out: no address and names')
}

/** Lines of hosts files that are named in one line of the log. */
const SKIPPED_TOLD = 5

/** Whoever calls while it runs has it run once more behind that: what they changed may have been read already. */
function oneByOne<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    const turn = last.then(run)
    last = turn.catch(() => undefined)
    return turn
  }
}
