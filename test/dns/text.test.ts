import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatQuoted, parseOctets, scanEntries, scanLine } from '../../src/dns/text.ts'
import { assertDnsFault } from '../support/faults.ts'
import { octets } from '../support/wire.ts'

const words = (text: string) => scanEntries(text).map(({ tokens }) => tokens.map((token) => token.text))

describe('entries', () => {
  const table: [why: string, text: string, entries: string[][]][] = [
    [
      'a line is an entry',
      'a b\nc d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['empty lines and comments are none', '\n  ; only a comment\n\n;\na;b', [['a']]],
    ['parentheses hold lines together', 'a ( b\n c ; not d\n e )\nf', [['a', 'b', 'c', 'e'], ['f']]],
    ['parentheses part words', 'a(b)c', [['a', 'b', 'c']]],
    ['parentheses may stand inside each other', 'a ((b\n) c\n) d', [['a', 'b', 'c', 'd']]],
    ['a line may end in CR LF', 'a b\r\nc\r\n', [['a', 'b'], ['c']]],
    ['quotes are taken off, what is in them stays', 'a "b ; ( ) c" ""', [['a', 'b ; ( ) c', '']]],
    ['quotes may hold a line break', '"a\nb" c\nd', [['a\nb', 'c'], ['d']]],
    [
      'escapes stay for whoever reads the word',
      'a\\ b \\" "\\"" \\;c \\040',
      [['a\\ b', '\\"', '\\"', '\\;c', '\\040']],
    ],
    ['a quote inside a word belongs to it', 'alpn="h2 h3" x', [['alpn="h2 h3"', 'x']]],
  ]
  for (const [why, text, entries] of table) test(why, () => assert.deepEqual(words(text), entries))

  test('an entry knows its line, its words their places, whether it is indented, and which words stood in quotes', () => {
    assert.deepEqual(scanEntries('\na "b"\n\t( c\n"d\ne" )\n f'), [
      {
        line: 2,
        indented: false,
        tokens: [
          { text: 'a', quoted: false, at: { line: 2, column: 1 } },
          { text: 'b', quoted: true, at: { line: 2, column: 3 } },
        ],
      },
      {
        line: 3,
        indented: true,
        tokens: [
          { text: 'c', quoted: false, at: { line: 3, column: 4 } },
          { text: 'd\ne', quoted: true, at: { line: 4, column: 1 } },
        ],
      },
      { line: 6, indented: true, tokens: [{ text: 'f', quoted: false, at: { line: 6, column: 2 } }] },
    ])
  })

  const broken: [fault: string, text: string, sentence: RegExp][] = [
    ['a parenthesis that is never closed', 'a\nb ( c\n', /^Line 2, column 3: .* never closed/],
    ['a parenthesis that was not open', 'a\nb ) c', /^Line 2, column 3: A parenthesis is closed/],
    ['a quote that is never closed', 'a\nb "c', /^Line 2, column 3: This quote/],
    ['a backslash at the end', 'a\\', /^Line 1, column 2: This quote or backslash/],
  ]
  for (const [fault, text, sentence] of broken) {
    test(`${fault} is refused`, () => assertDnsFault(() => scanEntries(text), 'bad-text', sentence))
  }

  test('the value of one record is one entry', () => {
    assert.deepEqual(
      scanLine('10 ( mail\n)').map((token) => token.text),
      ['10', 'mail'],
    )
    assert.deepEqual(scanLine(''), [])
    assert.deepEqual(scanLine('"v=DKIM1; k=rsa"').length, 1)
    assertDnsFault(() => scanLine('v=DKIM1; k=rsa'), 'bad-text', /double quotes/)
    assertDnsFault(() => scanLine('a\nb'), 'bad-text', /more than one line/)
  })
})

describe('strings', () => {
  test('escapes are resolved, other characters are UTF-8', () => {
    assert.deepEqual(parseOctets('a\\"\\\\\\000\\255ü'), octets('61 22 5c 00 ff c3bc'))
  })

  test('an escape that means no octet is refused', () => {
    for (const text of ['\\256', '\\99', '\\']) assertDnsFault(() => parseOctets(text), 'bad-text')
  })

  test('octets are written so that they can be read again, in printable ASCII', () => {
    assert.equal(formatQuoted(octets('61 22 5c 00 7f c3bc 20 3b')), '"a\\"\\\\\\000\\127\\195\\188 ;"')
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = formatQuoted(bytes)
        assert.match(text, /^[ -~]*$/)
        assert.deepEqual(words(text).flat().map(parseOctets), [Buffer.from(bytes)])
      }),
    )
  })
})
