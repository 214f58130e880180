/** What the owner of this node has laid down for names that are no key's: read at the start, and again when that has changed. */
import type { Config } from './config.ts'
import { formatName, type Name } from './dns/name.ts'
import { whoseName } from './names/whose.ts'
import { type ListState, loadLists } from './resolver/blocking/load.ts'
import { ListFault } from './resolver/fault.ts'
import { loadHosts } from './resolver/hosts.ts'
import type { House } from './resolver/resolver.ts'

export interface HouseRead {
  readonly house: House
  readonly lists: readonly ListState[]
  /** Lines of hosts files that were left out. */
  readonly skipped: readonly string[]
}

/** @throws ListFault with every fault there is */
export async function readHouse(
  config: Pick<Config, 'dns' | 'block' | 'upstream' | 'names'>,
): Promise<HouseRead> {
  const { dns, block, upstream, names } = config
  const isOurs = (name: Name) => whoseName(name, names.suffix).kind !== 'ordinary'
  const faults = strangeNames(config, isOurs)
  const failed = (cause: unknown) => {
    if (!(cause instanceof ListFault)) throw cause
    faults.push(...cause.faults)
  }
  const loaded = await loadLists(block).catch(failed)
  const read = await loadHosts(dns.hosts, isOurs).catch(failed)
  if (!loaded || !read || faults.length > 0) throw new ListFault(faults)
  const blocking = { rules: loaded.rules, answer: block.answer }
  const house = { records: dns.records, hosts: read.records, blocking, upstream }
  return { house, lists: loaded.lists, skipped: read.skipped }
}

/** What belongs to a key is its owner's to say, and nobody else's. */
function strangeNames(
  { dns, upstream }: Pick<Config, 'dns' | 'upstream'>,
  isOurs: (name: Name) => boolean,
): string[] {
  const faultsIn = (setting: string, given: readonly Name[]) =>
    given
      .filter(isOurs)
      .map(
        (name) =>
          `${setting} cannot have ${formatName(name)}: such names are answered from signed zones alone.`,
      )
  const recorded = dns.records.map(({ name }) => name)
  return [
    ...faultsIn('dns.records', recorded),
    ...faultsIn(
      'upstream.domains',
      upstream.domains.flatMap(({ domains }) => domains),
    ),
  ]
}
