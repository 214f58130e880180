/** Which zone is meant: a key as people write it on a command line. */
import { publicKeyFromLabel } from '../zone/key.ts'
import { RefusedFault } from './node-client.ts'

/** Characters of a key's beginning that will do where only one key begins so. */
const SHORTEST = 4

/**
 * @param word a key, a name below it such as `<key>.kad.alt`, or how it begins
 * @param known labels to choose from where it is only a beginning
 * @throws RefusedFault
 */
export function labelFrom(word: string, known: readonly string[]): string {
  const label = word
    .toLowerCase()
    .replace(/\.$/, '')
    .split('.')
    .find((part) => publicKeyFromLabel(part))
  if (label !== undefined) return label
  const fitting = word.length < SHORTEST ? [] : known.filter((each) => each.startsWith(word.toLowerCase()))
  const [one, ...more] = fitting
  if (one !== undefined && more.length === 0) return one
  const sentence =
    more.length > 0
      ? `"${word}" begins more than one key: ${fitting.join(', ')}.`
      : `"${word}" is no key, and begins none of this node's; kadns zone list shows them.`
  throw new RefusedFault(0, [sentence])
}
