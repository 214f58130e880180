/** docs/checklist.md: each row names a test that is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const TABLE = readFileSync(new URL('../../docs/checklist.md', import.meta.url), 'utf8')
const rows = Array.from(TABLE.matchAll(/^\| (.+) \| ([a-z-]+) \| (.+) \|$/gm)).filter(
  ([, , file]) => file !== 'file',
)

test('every row of the checklist names a test that is there', () => {
  assert.ok(rows.length >= 80, `${rows.length} rows`)
  const lost = rows.flatMap(([, what, file, words = '']) => {
    const source = readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
    return source.includes(words) ? [] : [`${what}: ${file}: ${words}`]
  })
  assert.deepEqual(lost, [])
})
