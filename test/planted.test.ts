/** Bugs that `npm run plant` plants: each has its place still. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { BUGS } from './planted/bugs.ts'

for (const { what, file, line, instead } of BUGS) {
  test(`the line for "${what}" is in ${file} once`, async () => {
    const code = await readFile(new URL(`../src/${file}`, import.meta.url), 'utf8')
    assert.equal(code.split(line).length, 2)
    assert.notEqual(line, instead)
  })
}
