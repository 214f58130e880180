/** A secret key as 24 words (BIP 39, English): to be written on paper, and read from it. */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import type { OwnKey } from '../publisher/key-text.ts'
import { publicKeyOf } from '../zone/signature.ts'
import { RefusedFault } from './node-client.ts'

const WORDS = 24
const IN_A_ROW = 6

/** Four lines of six words, each with its number. */
export function formatWords(secret: Uint8Array): string {
  const words = entropyToMnemonic(secret, wordlist).split(' ')
  const numbered = words.map((word, at) => `${String(at + 1).padStart(2)} ${word.padEnd(9)}`)
  const rows = Array.from({ length: WORDS / IN_A_ROW }, (_, row) =>
    numbered.slice(row * IN_A_ROW, (row + 1) * IN_A_ROW),
  )
  return rows.map((row) => `${row.join(' ').trimEnd()}\n`).join('')
}

/** @param text the words, with their numbers or without, however set. @throws RefusedFault that says which word is none */
export function parseWords(text: string): OwnKey {
  const words = text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '')
  const known = new Set(wordlist)
  const stranger = words.findIndex((word) => !known.has(word))
  if (stranger >= 0)
    throw new RefusedFault(0, [`Word ${stranger + 1}, "${words[stranger]}", is none of the list.`])
  if (words.length !== WORDS)
    throw new RefusedFault(0, [`A key has ${WORDS} words, and these are ${words.length}.`])
  try {
    const secret = mnemonicToEntropy(words.join(' '), wordlist)
    return { key: publicKeyOf(secret), secret }
  } catch {
    throw new RefusedFault(0, [
      'These words do not fit each other: one of them is wrong, or two have changed places.',
    ])
  }
}
