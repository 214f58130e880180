/** docs/checklist.md: each row names a test that is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const TABLE = readFileSync(new URL('../../docs/checklist.md', import.meta.url), 'utf8')
/** A row that is taken away is to be missed. */
const ROWS = 86
const rows = Array.from(TABLE.matchAll(/^\| (.+) \| ([a-z-]+) \| (.+) \|$/gm)).filter(
  ([, , file]) => file !== 'file',
)

/** What stands as a title behind `test(` or `describe(`, or begins a row, or is a key, of a table that titles are made from. */
const TITLE =
  /(?:\b(?:test|describe)\(|\[|^)\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/gm

test('every row of the checklist names a test that is there, by words of its title', () => {
  assert.equal(rows.length, ROWS)
  const lost = rows.flatMap(([, what, file, words = '']) => {
    const source = readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
    const titles = Array.from(source.matchAll(TITLE), ([, ...quoted]) =>
      quoted.find((title) => title !== undefined),
    )
    const wanted = words.replace(/^describe\('(.*)'$/, '$1')
    return titles.some((title) => title?.includes(wanted)) ? [] : [`${what}: ${file}: ${words}`]
  })
  assert.deepEqual(lost, [])
})
