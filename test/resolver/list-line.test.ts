/** Lines of block lists: what each blocks, and how much. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatName } from '../../src/dns/name.ts'
import { parseListLine } from '../../src/resolver/blocking/list-line.ts'
import { Rule } from '../../src/resolver/blocking/name-rules.ts'

const { block, blockBelow, allowBelow } = Rule

const UNDERSTOOD: readonly [line: string, rule: number, ...names: string[]][] = [
  ['0.0.0.0 ads.example', block, 'ads.example.'],
  ['127.0.0.1\tads.example  # a comment', block, 'ads.example.'],
  [':: one.example two.example', block, 'one.example.', 'two.example.'],
  ['ads.example', block, 'ads.example.'],
  [' Ads.Example. ', block, 'ads.example.'],
  ['_dmarc.a-b.xn--p1ai', block, '_dmarc.a-b.xn--p1ai.'],
  ['||ads.example^', blockBelow, 'ads.example.'],
  ['||ads.example^|', blockBelow, 'ads.example.'],
  ['||zip^', blockBelow, 'zip.'],
  ['@@||good.example^', allowBelow, 'good.example.'],
]

for (const [line, rule, ...names] of UNDERSTOOD) {
  test(`"${line}" speaks of ${names.join(' and ')}`, () => {
    const parsed = parseListLine(line)
    assert.deepEqual([parsed?.rule, parsed?.names.map(formatName)], [rule, names])
  })
}

const SILENT = [
  '',
  '   ',
  '# ads.example',
  '! Title: ads.example',
  '[Adblock Plus 2.0]',
  '127.0.0.1 localhost',
  '::1 ip6-localhost ip6-loopback',
  '0.0.0.0 0.0.0.0',
]

for (const line of SILENT) {
  test(`"${line}" says nothing, and nothing is wrong with it`, () => {
    assert.deepEqual(parseListLine(line)?.names, [])
  })
}

const NOT_UNDERSTOOD = [
  'shop.example##.banner',
  'shop.example#@#.banner',
  '||ads.example^$third-party',
  '||ads.example/pixel',
  '||*.ads.example^',
  '@@||good.example^$important',
  '/banner[0-9]+/',
  'https://ads.example/',
  '192.168.1.1 router.example',
  'localhost',
  '192.0.2.1',
  'two words',
  '||a..example^',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(127)}example`,
  'b\u00fccher.example',
  '0.0.0.0 one.example two!.example',
]

for (const line of NOT_UNDERSTOOD) {
  test(`"${line.slice(0, 40)}" is not understood, and blocks nothing`, () => {
    assert.equal(parseListLine(line), undefined)
  })
}
