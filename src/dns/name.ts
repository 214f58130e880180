/** Domain names as octets (RFC 1035 3.1): nothing a label may hold is lost, and two spellings compare as DNS compares them. */
import { DnsFault } from './fault.ts'

declare const brand: unique symbol

/**
 * A domain name in its uncompressed wire form, one character (U+0000..U+00FF) per octet, its root label included.
 * The root is "\0". Case is kept; `fold` gives the form to compare by.
 */
export type Name = string & { readonly [brand]: 'Name' }

export const MAX_NAME_OCTETS = 255
export const MAX_LABEL_OCTETS = 63

export const ROOT = '\0' as Name

/** Puts labels (one character per octet) together. Throws `bad-name` when one is empty or too long, or the whole is. */
export function nameFromLabels(labels: readonly string[]): Name {
  for (const label of labels) {
    if (label.length === 0) throw new DnsFault('bad-name', 'A name has an empty label.')
    if (label.length > MAX_LABEL_OCTETS) {
      throw new DnsFault(
        'bad-name',
        `A label has ${label.length} octets; 63 are allowed: ${formatLabel(label)}.`,
      )
    }
  }
  const name = `${labels.map((label) => String.fromCharCode(label.length) + label).join('')}\0`
  if (name.length > MAX_NAME_OCTETS) {
    throw new DnsFault('bad-name', `A name has ${name.length} octets; ${MAX_NAME_OCTETS} are allowed.`)
  }
  return name as Name
}

/** Takes octets that are known to be one uncompressed name (the walker's work) as a name. */
export function nameFromWire(octets: Uint8Array): Name {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1') as Name
}

export function nameToWire(name: Name): Buffer {
  return Buffer.from(name, 'latin1')
}

/** The labels from left to right, without the root; one character per octet. */
export function labelsOf(name: Name): string[] {
  const labels: string[] = []
  for (let at = 0; name.charCodeAt(at) > 0; at += name.charCodeAt(at) + 1) {
    labels.push(name.slice(at + 1, at + 1 + name.charCodeAt(at)))
  }
  return labels
}

/** The name without its leftmost label. The root's parent is the root. */
export function parentOf(name: Name): Name {
  return name === ROOT ? name : (name.slice(name.charCodeAt(0) + 1) as Name)
}

/** ASCII upper case made lower (RFC 4343); other octets stay. Length octets are below 64, so none of them is a letter. */
export function fold(name: Name): Name {
  return (/[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (run) => run.toLowerCase()) : name) as Name
}

export function sameName(a: Name, b: Name): boolean {
  return a.length === b.length && fold(a) === fold(b)
}

/** Whether `name` is `zone` or below it, label by label. */
export function isUnder(name: Name, zone: Name): boolean {
  let rest = name
  while (rest.length > zone.length) rest = parentOf(rest)
  return sameName(rest, zone)
}

/** `prefix` (its root dropped) in front of `suffix`. Throws `bad-name` when the whole is too long. */
export function joinNames(prefix: Name, suffix: Name): Name {
  const name = prefix.slice(0, -1) + suffix
  if (name.length > MAX_NAME_OCTETS) {
    throw new DnsFault('bad-name', `A name has ${name.length} octets; ${MAX_NAME_OCTETS} are allowed.`)
  }
  return name as Name
}

/** What stands left of `zone` in a `name` under it, as a name of its own. */
export function relativeTo(name: Name, zone: Name): Name {
  return `${name.slice(0, name.length - zone.length)}\0` as Name
}

/** Text with a final dot (RFC 1035 5.1): dots inside labels and unprintable octets escaped. */
export function formatName(name: Name): string {
  return name === ROOT ? '.' : `${labelsOf(name).map(formatLabel).join('.')}.`
}

const SPECIAL = new Set('."\\;()@$')

function formatLabel(label: string): string {
  return Array.from(label, (octet) => {
    const code = octet.charCodeAt(0)
    if (code <= 32 || code >= 127) return `\\${String(code).padStart(3, '0')}`
    return SPECIAL.has(octet) ? `\\${octet}` : octet
  }).join('')
}

/**
 * Text to a name: `\.` and `\DDD` are understood; `@` is the origin; without a final dot the origin is put behind.
 * @param origin what a relative name stands under; the root unless said otherwise
 */
export function parseName(text: string, origin: Name = ROOT): Name {
  if (text === '@') return origin
  if (text === '.') return ROOT
  const { labels, absolute } = splitLabels(text)
  const name = nameFromLabels(labels)
  return absolute ? name : joinNames(name, origin)
}

function splitLabels(text: string): { labels: string[]; absolute: boolean } {
  const labels: string[] = []
  let label = ''
  let ended = false
  for (let at = 0; at < text.length; at++) {
    ended = text[at] === '.'
    if (ended) {
      if (label === '') throw new DnsFault('bad-name', `The name "${text}" has an empty label.`)
      labels.push(label)
      label = ''
    } else if (text[at] === '\\') {
      const { octet, length } = parseEscape(text, at)
      label += octet
      at += length - 1
    } else {
      label += asciiOctet(text, at)
    }
  }
  if (label !== '') labels.push(label)
  if (labels.length === 0) throw new DnsFault('bad-name', 'A name is empty; the apex is written @.')
  return { labels, absolute: ended }
}

function asciiOctet(text: string, at: number): string {
  const octet = text.charAt(at)
  if (octet > '~' || octet <= ' ') {
    throw new DnsFault(
      'bad-name',
      `The name "${text}" holds a character that has to be escaped (\\DDD) or, if it is a letter, written in its xn-- form.`,
    )
  }
  return octet
}

/** One escape of RFC 1035 5.1 at `at`: the octet it means, and how many characters it takes. */
export function parseEscape(text: string, at: number): { octet: string; length: number } {
  const digits = /^\\(\d{3})/.exec(text.slice(at, at + 4))?.[1]
  if (digits !== undefined) {
    if (Number(digits) > 255) throw new DnsFault('bad-text', `\\${digits} is no octet; \\255 is the highest.`)
    return { octet: String.fromCharCode(Number(digits)), length: 4 }
  }
  const next = text.charAt(at + 1)
  if (next === '' || next > '~' || next < ' ' || /\d/.test(next)) {
    throw new DnsFault('bad-text', `The text "${text}" holds a backslash that escapes nothing.`)
  }
  return { octet: next, length: 2 }
}
