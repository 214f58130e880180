import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { loadOrCreateToken, sameToken, TokenFault, tokenFile } from '../../src/api/token.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kadns-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

/** Fails unless the token is refused with a sentence that names its file. */
async function assertRefused(sentence: RegExp): Promise<void> {
  await assert.rejects(loadOrCreateToken(directory), (fault: unknown) => {
    assert.ok(fault instanceof TokenFault)
    assert.ok(fault.message.includes(tokenFile(directory)))
    assert.match(fault.message, sentence)
    return true
  })
}

describe('the token file', () => {
  test('is made at the first start, for its owner only', async () => {
    const token = await loadOrCreateToken(directory)
    assert.match(token, /^[A-Za-z0-9_-]{43}$/)
    assert.equal((await stat(tokenFile(directory))).mode & 0o777, 0o600)
    assert.equal(await readFile(tokenFile(directory), 'latin1'), `${token}\n`)
  })

  test('is read at the next', async () => {
    assert.equal(await loadOrCreateToken(directory), await loadOrCreateToken(directory))
  })

  test('is another one elsewhere', async () => {
    const before = await loadOrCreateToken(directory)
    await rm(tokenFile(directory))
    assert.notEqual(await loadOrCreateToken(directory), before)
  })

  for (const mode of [0o640, 0o604, 0o620]) {
    test(`is refused with mode ${mode.toString(8)}`, async () => {
      await loadOrCreateToken(directory)
      await chmod(tokenFile(directory), mode)
      await assertRefused(/chmod 600/)
    })
  }

  test('is refused when it is a link, even to a good token', async () => {
    const elsewhere = join(directory, 'elsewhere')
    await writeFile(elsewhere, `${'A'.repeat(43)}\n`, { mode: 0o600 })
    await symlink(elsewhere, tokenFile(directory))
    await assertRefused(/link/)
  })

  for (const [what, text] of [
    ['empty', ''],
    ['too short', 'A'.repeat(42)],
    ['too long', 'A'.repeat(44)],
    ['no base64url', `${'A'.repeat(42)}+`],
  ] as const) {
    test(`is refused when it is ${what}`, async () => {
      await writeFile(tokenFile(directory), text, { mode: 0o600 })
      await assertRefused(/damaged/)
    })
  }
})

test('tokens are the same when every character is, and compare at any length', () => {
  assert.ok(sameToken('secret', 'secret'))
  for (const other of ['', 'secre', 'secrets', 'Secret']) assert.ok(!sameToken(other, 'secret'))
})
