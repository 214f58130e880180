/** `npm run plant`: plants each bug of bugs.ts in a copy of this checkout, and sees whether a test fails. Takes about a minute. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUGS, type Bug } from './bugs.ts'

const ROOT = join(import.meta.dirname, '../..')
const COPIED = ['src', 'test', 'docs', 'config', 'package.json']
/** A bug may be one that never ends. */
const PATIENCE = 120_000

/** @returns the tests that failed */
function plant({ file, line, instead, tests }: Bug, copy: string): string[] {
  const path = join(copy, 'src', file)
  const code = readFileSync(path, 'utf8')
  if (code.split(line).length !== 2) throw new Error(`${file} does not hold this once: ${line}`)
  writeFileSync(
    path,
    code.replace(line, () => instead),
  )
  const words = ['--test', '--test-reporter=tap', `test/${tests}/**/*.test.ts`]
  const { stdout, error } = spawnSync(process.execPath, words, {
    cwd: copy,
    encoding: 'utf8',
    timeout: PATIENCE,
  })
  writeFileSync(path, code)
  if (error) return [error.message]
  return Array.from(stdout.matchAll(/^ +not ok \d+ - (.*)$/gm), ([, name]) => name ?? '')
}

const copy = mkdtempSync(join(tmpdir(), 'kadns-planted-'))
try {
  for (const each of COPIED) cpSync(join(ROOT, each), join(copy, each), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  for (const bug of BUGS) {
    const failed = plant(bug, copy)
    if (failed.length === 0) process.exitCode = 1
    const outcome = failed.length === 0 ? 'NOT CAUGHT' : `caught by ${failed.length}, first "${failed[0]}"`
    process.stdout.write(`${bug.what} (${bug.file}): ${outcome}\n`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
