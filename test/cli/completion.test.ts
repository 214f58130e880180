/** What a shell completes: the words that kadns knows, and no others. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Workplace } from './kadns.ts'

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0

/** What bash offers for the last of these words. */
function completed(script: string, words: readonly string[]): string[] {
  const line = `${script}\ncompopt() { :; }\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _kadns; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.split('\n').filter((word) => word !== '')
}

test('bash completes commands, their words, and settings', {
  skip: !hasBash && 'bash is not here',
}, async () => {
  await using place = await Workplace.open()
  const { code, stdout } = await place.run('completion', 'bash')
  assert.equal(code, 0)
  assert.deepEqual(completed(stdout, ['kadns', 'res']), ['resolve'])
  assert.deepEqual(completed(stdout, ['kadns', 'zone', 'ex']), ['export'])
  assert.deepEqual(completed(stdout, ['kadns', 'up', '--dns-tls']), ['--dns-tls-listen'])
  assert.deepEqual(completed(stdout, ['kadns', 'up', '']), [])
})

test('every command that help lists is completed, and no other', async () => {
  await using place = await Workplace.open()
  const [help, fish] = [await place.run('help'), await place.run('completion', 'fish')]
  const listed = new Set(Array.from(help.stdout.matchAll(/^ {2}kadns ([a-z]+)(?: |$)/gm), ([, word]) => word))
  const offered = /-a "([^"]+)"/.exec(fish.stdout)?.[1]?.split(' ') ?? []
  assert.deepEqual(new Set([...offered].filter((word) => word !== 'version')), listed)
})

test('another shell is refused in a sentence', async () => {
  await using place = await Workplace.open()
  const { code, stderr } = await place.run('completion', 'tcsh')
  assert.deepEqual([code, stderr], [2, 'kadns: kadns completion takes bash, zsh or fish.\n'])
})
