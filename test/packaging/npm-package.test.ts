/** The npm package as it is installed: compiled, without the sources, and it runs. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { ALONE, Workplace } from '../cli/kadns.ts'

const ROOT = join(import.meta.dirname, '../..')
const run = promisify(execFile)

describe('the npm package', () => {
  let place: Workplace
  let main = ''
  const kadns = (...words: string[]) => place.spawn(process.execPath, [main, ...words])

  before(async () => {
    place = await Workplace.open()
    await run('npm', ['pack', '--pack-destination', place.directory], { cwd: ROOT })
    const [tarball = ''] = (await readdir(place.directory)).filter((name) => name.endsWith('.tgz'))
    const folder = join(place.directory, 'node_modules', 'kadns')
    await mkdir(folder, { recursive: true })
    await run('tar', ['xzf', join(place.directory, tarball), '-C', folder, '--strip-components=1'])
    // As npm would have put them there, without asking a registry.
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    main = join(folder, 'bin', 'kadns.js')
  })

  after(async () => await place[Symbol.asyncDispose]())

  test('has no source, no tests and nothing else that a node does not need', async () => {
    const files = await readdir(join(main, '../..'))
    assert.deepEqual(files.filter((name) => name !== 'node_modules').sort(), [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'bin',
      'config',
      'dist',
      'package.json',
      'packaging',
    ])
  })

  test('says its version', async () => {
    const { code, stdout } = await kadns('version').ended
    assert.deepEqual([code, /^kadns \d+\.\d+\.\d+ on Node 24/.test(stdout)], [0, true])
  })

  test('runs a node that answers', async () => {
    const node = kadns('up', '--data=data', ...ALONE)
    const said = await node.says(/REST\s+http:\/\/([\d.:]+)/)
    const reply = await fetch(`http://${said[1]}/readyz`)
    assert.deepEqual([reply.status, await reply.json()], [200, { status: 'ready' }])
    node.child.kill('SIGTERM')
    assert.equal((await node.ended).code, 0)
  })
})
