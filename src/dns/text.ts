/** The lexical half of zone-file text (RFC 1035 5.1): entries, tokens, quotes, escapes, parentheses, comments. */
import { DnsFault } from './fault.ts'
import { parseEscape } from './name.ts'

/** Where something begins, both counted from 1; a column is a UTF-16 unit of the line, as editors count it. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** One word. Escapes are left in place, since a name and a string read them differently; outer quotes are taken off. */
export interface Token {
  readonly text: string
  readonly quoted: boolean
  readonly at: Place
}

/** Text of which a part, at a place, cannot be read. */
class TextFault extends DnsFault {
  constructor({ line, column }: Place, message: string) {
    super('bad-text', `Line ${line}, column ${column}: ${message}`)
  }
}

/** One entry of a zone file: a line, or several held together by parentheses. */
export interface Entry {
  /** Where it begins, counted from 1. */
  readonly line: number
  /** Whether it begins with white space, and so has the owner of the entry before. */
  readonly indented: boolean
  readonly tokens: readonly Token[]
}

const WORD = /(?:\\[\s\S]|"(?:\\[\s\S]|[^"\\])*"|[^\s()";\\])+/y
const QUOTED = /"((?:\\[\s\S]|[^"\\])*)"(?=[\s();]|$)/y

/** @throws DnsFault `bad-text` for a quote or a parenthesis without its other half */
export function scanEntries(text: string): Entry[] {
  return scanAll(new Scan(text))
}

function scanAll(scan: Scan): Entry[] {
  while (scan.step()) {}
  return scan.entries
}

class Scan {
  readonly entries: Entry[] = []
  readonly #text: string
  readonly #comments: boolean
  #tokens: Token[] = []
  #at = 0
  #line = 1
  /** Where the line begins. */
  #lineAt = 0
  #depth = 0
  /** The parenthesis that holds the entry together. */
  #opened: Place = { line: 1, column: 1 }
  #start = { line: 1, indented: false }

  /** @param comments whether a comment may be left out; where people do not mean one, leaving it out would lose what they said */
  constructor(text: string, comments = true) {
    this.#text = text
    this.#comments = comments
  }

  /** Takes one character or one token; false at the end of the text. */
  step(): boolean {
    const character = this.#text.charAt(this.#at)
    if (character === '') return this.#end()
    if (character === '\n') this.#newLine()
    else if (character === ';') this.#comment()
    else if (character === '(' || character === ')') this.#parenthesis(character === '(' ? 1 : -1)
    else if (/\s/.test(character)) this.#at++
    else this.#token()
    return true
  }

  #end(): false {
    if (this.#depth > 0) throw new TextFault(this.#opened, 'This parenthesis is never closed.')
    this.#finishEntry()
    return false
  }

  #comment(): void {
    if (!this.#comments) {
      throw new DnsFault(
        'bad-text',
        'A semicolon outside quotes begins a comment: put the text in double quotes.',
      )
    }
    this.#at = indexOrEnd(this.#text, '\n', this.#at)
  }

  #newLine(): void {
    if (this.#depth === 0) this.#finishEntry()
    this.#at++
    this.#passLines(this.#at - 1)
  }

  /** Counts the lines that ended since `from`. */
  #passLines(from: number): void {
    for (let at = from; ; this.#lineAt = at) {
      at = this.#text.indexOf('\n', at) + 1
      if (at === 0 || at > this.#at) return
      this.#line++
    }
  }

  get #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineAt + 1 }
  }

  #parenthesis(step: 1 | -1): void {
    if (this.#depth === 0) this.#opened = this.#place
    this.#depth += step
    if (this.#depth < 0) throw new TextFault(this.#place, 'A parenthesis is closed here that is not open.')
    this.#at++
  }

  #token(): void {
    if (this.#tokens.length === 0) {
      this.#start = { line: this.#line, indented: /[ \t]/.test(this.#text.charAt(this.#at - 1)) }
    }
    const quoted = matchAt(QUOTED, this.#text, this.#at)
    const word = quoted ?? matchAt(WORD, this.#text, this.#at)
    if (!word) throw new TextFault(this.#place, 'This quote or backslash has no other half.')
    this.#tokens.push({ text: quoted?.[1] ?? word[0], quoted: quoted !== undefined, at: this.#place })
    this.#at += word[0].length
    this.#passLines(this.#at - word[0].length)
  }

  #finishEntry(): void {
    if (this.#tokens.length > 0) this.entries.push({ ...this.#start, tokens: this.#tokens })
    this.#tokens = []
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

function indexOrEnd(text: string, search: string, from: number): number {
  const at = text.indexOf(search, from)
  return at < 0 ? text.length : at
}

/** The tokens of text that is one entry, such as the value of one record. */
export function scanLine(text: string): readonly Token[] {
  const entries = scanAll(new Scan(text, false))
  if (entries.length > 1) throw new DnsFault('bad-text', 'The text is more than one line.')
  return entries[0]?.tokens ?? []
}

/** The octets of a character-string: escapes resolved, other characters as UTF-8. */
export function parseOctets(text: string): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < text.length; ) {
    if (text[at] === '\\') {
      const { octet, length } = parseEscape(text, at)
      parts.push(Buffer.from(octet, 'latin1'))
      at += length
    } else {
      const end = indexOrEnd(text, '\\', at)
      parts.push(Buffer.from(text.slice(at, end), 'utf8'))
      at = end
    }
  }
  return Buffer.concat(parts)
}

/** Octets in quotes: printable ASCII as it is, `"` and `\` behind a backslash, the rest as \DDD. */
export function formatQuoted(octets: Uint8Array): string {
  return `"${Array.from(octets, formatOctet).join('')}"`
}

function formatOctet(octet: number): string {
  if (octet < 32 || octet > 126) return `\\${String(octet).padStart(3, '0')}`
  const character = String.fromCharCode(octet)
  return character === '"' || character === '\\' ? `\\${character}` : character
}
