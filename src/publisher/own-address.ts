/** Keeps names of this node's own zones at the address by which others see it. */
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Name } from '../dns/name.ts'
import type { PublicKey } from '../zone/key.ts'
import { addressesOf, writeAddresses } from './addresses.ts'
import type { Publisher } from './published.ts'

export interface OwnAddressDeps {
  readonly publisher: Pick<Publisher, 'get' | 'change'>
  readonly clock: Clock
  readonly logger: Logger
  /** Names of zones that are signed here, as the zone spells them. */
  readonly names: readonly { readonly key: PublicKey; readonly name: Name }[]
  /** Octets of the addresses of this node, at most one of each family; none while nobody has said. */
  addresses(): readonly Uint8Array[]
}

/** Milliseconds between two looks. */
const ROUND = 60_000

/** From now until disposed. A family of which nothing is known stays as it is. */
export function followOwnAddress(deps: OwnAddressDeps): AsyncDisposable {
  let alarm: Disposable | undefined
  let working: Promise<void> = Promise.resolve()
  let closed = false
  const round = () => {
    alarm = deps.clock.after(ROUND, () => {
      working = writeAll(deps).finally(() => closed || round())
    })
  }
  if (deps.names.length > 0) round()
  return {
    [Symbol.asyncDispose]: async () => {
      closed = true
      alarm?.[Symbol.dispose]()
      await working
    },
  }
}

/** Never rejects. */
async function writeAll({ publisher, names, addresses, logger }: OwnAddressDeps): Promise<void> {
  const wanted = addressesOf(addresses())
  if (wanted.size === 0) return
  for (const { key, name } of names) {
    try {
      if (await writeAddresses(publisher, key, { name, addresses: wanted }))
        logger.info({ zone: key.label }, 'a name follows the new address of this node')
    } catch (err) {
      logger.warn(
        { err, zone: key.label },
        'a name could not follow the address of this node; it is tried again',
      )
    }
  }
}
