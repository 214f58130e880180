import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { until } from '../support/until.ts'
import { type Running, Workplace } from './kadns.ts'

const STOPPING = join(import.meta.dirname, '../../src/cli/stopping.ts')

/** A program that runs until stopped, and then closes with this body, which may wait until it is `terminated`. */
function program(place: Workplace, close: string): Running {
  const code = `
    import { runUntilStopped } from ${JSON.stringify(STOPPING)}
    const terminated = new Promise((resolve) => process.once('SIGTERM', resolve))
    process.exitCode = await runUntilStopped(async () => {
      process.stderr.write('up\\n')
      return { async [Symbol.asyncDispose]() { process.stderr.write('closing\\n'); ${close} } }
    })`
  return place.spawn(process.execPath, ['--input-type=module', '--eval', code])
}

describe('what runs until it is stopped', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`closes at ${signal}, with exit code 0`, async () => {
      await using place = await Workplace.open()
      const running = program(place, "process.stderr.write('closed\\n')")
      await running.says(/up\n/)
      running.child.kill(signal)
      const { code, stderr } = await running.ended
      assert.deepEqual([code, stderr], [0, 'up\nclosing\nclosed\n'])
    })
  }

  test('takes two signals at the same moment, as npm passes them on, for one', async () => {
    await using place = await Workplace.open()
    // Closing lasts until the second has been heard: one that comes when the program has ended meets nobody.
    const running = program(place, "await terminated; process.stderr.write('closed\\n')")
    await running.says(/up\n/)
    running.child.kill('SIGINT')
    running.child.kill('SIGTERM')
    const { code, stderr } = await running.ended
    assert.deepEqual([code, stderr], [0, 'up\nclosing\nclosed\n'])
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`ends within its patience at ${signal}, with exit code 1, when it never gets to be open`, async () => {
      await using place = await Workplace.open()
      // The five seconds pass as soon as the signal is heard: this listener comes after that of what runs.
      const code = `
        import { mock } from 'node:test'
        import { runUntilStopped } from ${JSON.stringify(STOPPING)}
        mock.timers.enable({ apis: ['setTimeout'] })
        await runUntilStopped(() => {
          process.on('${signal}', () => mock.timers.tick(5000))
          process.stderr.write('opening\\n')
          return new Promise(() => {})
        })`
      const running = place.spawn(process.execPath, ['--input-type=module', '--eval', code])
      await running.says(/opening\n/)
      running.child.kill(signal)
      const ended = await running.ended
      assert.equal(ended.code, 1)
      assert.match(ended.stderr, /^opening\nkadns: .+\.\n$/)
    })
  }

  test('ends at once when it is told again while it closes', async () => {
    await using place = await Workplace.open()
    const running = program(place, 'await new Promise(() => {})')
    await running.says(/up\n/)
    let code: number | null | undefined
    void running.ended.then((outcome) => {
      code = outcome.code
    })
    const start = performance.now()
    await until(() => {
      running.child.kill('SIGINT')
      return code !== undefined
    })
    assert.equal(code, 1)
    assert.ok(performance.now() - start < 4000, 'before the five seconds a polite end may take')
  })
})
