/** One line of a block list: hosts format, adblock syntax as far as it speaks of names, or a name by itself. */
import { isIP } from 'node:net'
import { MAX_NAME_OCTETS, type Name, nameFromLabels } from '../../dns/name.ts'
import { Rule } from './name-rules.ts'

export interface ListLine {
  readonly rule: number
  /** Folded. */
  readonly names: readonly Name[]
}

/** A line that says nothing: empty, a comment, the heading of an adblock list. */
const SILENT: ListLine = { rule: 0, names: [] }
const COMMENT = /^(?:$|[#!]|\[)/
/** Nothing but a name: what has a path, a pattern or options says more than a resolver can see. */
const ADBLOCK = /^(@@)?\|\|([^*/^|$]+)\^\|?$/
/** What a name that is blocked leads to in a hosts file; other addresses are somebody's real host. */
const NOWHERE = new Set(['0.0.0.0', '127.0.0.1', '::', '::1'])
const HOST = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/
/** Two labels at least, the last no number: neither "localhost" nor an address is a name to block. */
const FULL_HOST = /\..*[a-z-][^.]*\.?$/

/** @returns undefined when the line is not understood: it blocks nothing then */
export function parseListLine(given: string): ListLine | undefined {
  const line = given.trim().toLowerCase()
  if (COMMENT.test(line)) return SILENT
  const [, exception, adblockName] = ADBLOCK.exec(line) ?? []
  if (adblockName !== undefined) {
    const name = hostName(adblockName)
    return name && { rule: exception ? Rule.allowBelow : Rule.blockBelow, names: [name] }
  }
  return parseHosts(line.replace(/\s#.*$/, '').split(/\s+/))
}

function parseHosts(words: readonly string[]): ListLine | undefined {
  const [first = '', ...rest] = words
  const isHosts = isIP(first) > 0
  if (isHosts ? !NOWHERE.has(first) : rest.length > 0) return undefined
  const hosts = isHosts ? rest.filter(isFullHost) : words
  if (hosts.length === 0) return SILENT
  const names = hosts.map((word) => (isFullHost(word) ? hostName(word) : undefined))
  const known = names.filter((name) => name !== undefined)
  return known.length === names.length ? { rule: Rule.block, names: known } : undefined
}

function isFullHost(word: string): boolean {
  return word.length < MAX_NAME_OCTETS && FULL_HOST.test(word)
}

function hostName(text: string): Name | undefined {
  const host = text.endsWith('.') ? text.slice(0, -1) : text
  return host.length <= MAX_NAME_OCTETS - 2 && HOST.test(host) ? nameFromLabels(host.split('.')) : undefined
}
