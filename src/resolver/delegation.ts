/** Whom the NS records of a cut hand a name over to (protocol 3): another key, or name servers of the ordinary DNS. */
import { ExtendedError, RecordType, type ResourceRecord } from '../dns/message.ts'
import { labelsOf, type Name } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { ResolveFault } from './fault.ts'

export type Heir =
  | { readonly kind: 'key'; readonly key: PublicKey }
  | { readonly kind: 'hosts'; readonly hosts: readonly Name[] }

const MAX_HOSTS = 4

/** @throws ResolveFault where it cannot be told who answers: several keys, a key beside hosts, or too many hosts */
export function heirOf(cut: readonly ResourceRecord[]): Heir {
  const targets = cut.map(({ data }) => decodeRdata(RecordType.NS, data)[0] as Name)
  const keys = targets.flatMap((target) => keyIn(target) ?? [])
  const [key] = keys
  if (!key && targets.length <= MAX_HOSTS) return { kind: 'hosts', hosts: targets }
  if (key && targets.length === 1) return { kind: 'key', key }
  throw new ResolveFault(
    ExtendedError.Other,
    `this name is handed over to one key, or to ${MAX_HOSTS} name servers at most, and not to what its NS records say`,
  )
}

function keyIn(target: Name): PublicKey | undefined {
  const labels = labelsOf(target)
  return labels.length === 1 ? publicKeyFromLabel(labels[0] ?? '') : undefined
}
