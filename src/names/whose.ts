/** Whose is a name? Decided from its labels alone, in the order of the protocol's section 4; never silently somebody else's. */
import {
  isUnder,
  joinNames,
  labelsOf,
  MAX_NAME_OCTETS,
  type Name,
  nameFromLabels,
  ROOT,
  relativeTo,
} from '../dns/name.ts'
import { looksLikeKey, type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { NO_PETNAMES, type Petnames } from './petname.ts'

export type Whose =
  /**
   * A key's: `apex` as it was asked (`<key>.kad.alt.`, `<key>.`, or `<petname>.kad.alt.`), `inZone` the name as the zone spells
   * it, `suffix` what keys stand under there: the root for a bare key.
   */
  | {
      readonly kind: 'zone'
      readonly key: PublicKey
      readonly apex: Name
      readonly inZone: Name
      readonly suffix: Name
    }
  /** A node's, or one below it: `label` its peer id, `apex` the name as it was asked, `suffix` what keys stand under. */
  | { readonly kind: 'node'; readonly label: string; readonly apex: Name; readonly suffix: Name }
  /** A name that exists only because names are below it: the suffix, what the suffix stands under, reserved words. */
  | { readonly kind: 'empty'; readonly apex: Name }
  /** Nobody's, and not the ordinary DNS's either. `apex` is the name whose SOA says so. */
  | { readonly kind: 'nobody'; readonly apex: Name }
  /** The ordinary DNS's. */
  | { readonly kind: 'ordinary' }

/** RFC 9476: names under it are outside the DNS, and never sent there. */
export const ALT = nameFromLabels(['alt'])
/** No top-level domain is longer than 24 octets; a longer label is a mistyped key and nobody's business. */
const LONGEST_TOP_LABEL = 30
/** What nodes stand under. */
const PEER = 'peer'

/** @param suffix folded @param petnames where it matters which key a petname stands for; without, it is nobody's */
export function whoseName(name: Name, suffix: Name, petnames = NO_PETNAMES): Whose {
  if (isUnder(name, suffix)) return underSuffix(name, suffix, petnames)
  if (isUnder(suffix, name) && isUnder(name, ALT)) return { kind: 'empty', apex: ALT }
  if (isUnder(name, ALT)) return { kind: 'nobody', apex: ALT }
  const top = labelsOf(name).at(-1) ?? ''
  if (looksLikeKey(top)) return keyName(name, top, ROOT)
  return top.length > LONGEST_TOP_LABEL ? { kind: 'nobody', apex: ROOT } : { kind: 'ordinary' }
}

function underSuffix(name: Name, suffix: Name, petnames: Petnames): Whose {
  const inner = relativeTo(name, suffix)
  const label = labelsOf(inner).at(-1)
  if (label === undefined) return { kind: 'empty', apex: suffix }
  if (looksLikeKey(label)) return keyName(inner, label, suffix)
  if (label.toLowerCase() === PEER) return nodeName(inner, suffix)
  const key = petnames.keyOf(label)
  return key ? petName(inner, key, suffix) : { kind: 'nobody', apex: suffix }
}

function nodeName(inner: Name, suffix: Name): Whose {
  const [label, ...above] = labelsOf(inner).slice(0, -1).toReversed()
  if (label === undefined) return { kind: 'empty', apex: suffix }
  const below = above.reduce((sum, each) => sum + each.length + 1, 0)
  const apex = joinNames(inner.slice(below) as Name, suffix)
  return { kind: 'node', label: label.toLowerCase(), apex, suffix }
}

function petName(inner: Name, key: PublicKey, suffix: Name): Whose {
  const pet = inner.slice(-(labelsOf(inner).at(-1)!.length + 2)) as Name
  const prefix = relativeTo(inner, pet)
  if (prefix.length - 1 + key.apex.length > MAX_NAME_OCTETS) return { kind: 'nobody', apex: suffix }
  return { kind: 'zone', key, inZone: joinNames(prefix, key.apex), apex: joinNames(pet, suffix), suffix }
}

function keyName(inner: Name, label: string, suffix: Name): Whose {
  const key = publicKeyFromLabel(label)
  if (!key) return { kind: 'nobody', apex: suffix }
  return { kind: 'zone', key, inZone: inner, apex: (key.apex.slice(0, -1) + suffix) as Name, suffix }
}
