import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyLocks } from '../../src/zone/key-locks.ts'

test('tasks of one key run one after the other, in the order they came', async () => {
  const locks = new KeyLocks()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = locks.run('a', async () => {
    log.push('first begins')
    await gate.promise
    log.push('first ends')
    return 1
  })
  const second = locks.run('a', async () => {
    log.push('second begins')
    return 2
  })
  await locks.run('b', async () => log.push('another key'))
  gate.resolve()
  assert.deepEqual(await Promise.all([first, second]), [1, 2])
  assert.deepEqual(log, ['first begins', 'another key', 'first ends', 'second begins'])
})

test('a task that fails tells its caller, and the next one runs all the same', async () => {
  const locks = new KeyLocks()
  const failing = locks.run('a', () => Promise.reject(new Error('no')))
  const next = locks.run('a', async () => 'next')
  await assert.rejects(failing, /no/)
  assert.equal(await next, 'next')
})

test('it is idle when the last task has ended, failed or not', async () => {
  const locks = new KeyLocks()
  let ended = 0
  const task = async () => {
    await Promise.resolve()
    ended++
    if (ended === 2) throw new Error('no')
  }
  const runs = ['a', 'a', 'b'].map((key) => locks.run(key, task).catch(() => undefined))
  await locks.idle()
  assert.equal(ended, 3)
  await Promise.all(runs)
  await new KeyLocks().idle()
})
